"""What a block refuses to compute with, each by name."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.mamba3.config import Mamba3Config
from policies.mamba3.norm import wide
from policies.mamba3.recurrence import Mamba3State, state_shapes


def check_input(u: Tensor, config: Mamba3Config, weight: Tensor, moments: bool) -> None:
    """``u`` is [B, L, D] (or [B, D] of one moment), in the precision and on the device of ``weight``, and finite.

    On a GPU, where looking would stop the queue, numbers go unseen.
    """
    wanted = "[B, L, D]" if moments else "[B, D]"
    if u.ndim != 2 + moments or u.shape[-1] != config.d_model or 0 in u.shape:
        raise InvalidValue(f"the input must be {wanted} with D = {config.d_model}, none of them 0, got {list(u.shape)}")
    if u.device != weight.device:
        raise InvalidValue(f"the input is on {u.device}, the block on {weight.device}")
    if u.dtype != weight.dtype and not torch.is_autocast_enabled(u.device.type):
        raise InvalidValue(f"the input is {u.dtype}, the block's weights are {weight.dtype}: convert one of them")
    if u.device.type == "cpu" and not torch.compiler.is_compiling() and not finite(u.detach()):
        raise InvalidValue(f"the input [{', '.join(map(str, u.shape))}] holds NaN or infinity")


def finite(u: Tensor) -> bool:
    """No NaN and no infinity. A finite sum settles it, which is quick; a sum may overflow, so another one does not."""
    return math.isfinite(u.sum().item()) or bool(torch.isfinite(u).all())


def check_state(state: Mamba3State, config: Mamba3Config, u: Tensor, weight: Tensor) -> None:
    """``state`` is one of this block, for as many rows as ``u`` [B, ...], in the precision that it computes in."""
    dtype = wide(weight.dtype)
    for (name, part), shape in zip(vars(state).items(), state_shapes(config, len(u)), strict=True):
        if part.shape != shape:
            raise InvalidValue(f"the state's {name} must be {list(shape)} for this block, got {list(part.shape)}")
        if part.device != u.device:
            raise InvalidValue(f"the state's {name} is on {part.device}, the input on {u.device}")
        if part.dtype != dtype:
            raise InvalidValue(f"the state's {name} is {part.dtype}, the block computes in {dtype}")


def check_cuts(reset: Tensor, shape: torch.Size, device: torch.device) -> Tensor:
    """``reset`` is true or false for every moment, and lies on the ``device`` of the input."""
    if not isinstance(reset, Tensor) or reset.dtype != torch.bool or reset.shape != shape:
        raise InvalidValue(f"reset must be a bool tensor of shape {list(shape)}, got {_kind(reset)}")
    if reset.device != device:
        raise InvalidValue(f"reset is on {reset.device}, the input on {device}")
    return reset


def check_lengths(lengths: Tensor, u: Tensor) -> Tensor:
    """``lengths`` [B] counts moments of ``u`` [B, L, ...]. Looked at on a GPU too: a kernel would read beyond the row."""
    whole = isinstance(lengths, Tensor) and not lengths.dtype.is_floating_point and lengths.dtype != torch.bool
    if not whole or lengths.shape != u.shape[:1]:
        raise InvalidValue(f"lengths must be a tensor of {len(u)} integers, got {_kind(lengths)}")
    if lengths.device != u.device:
        raise InvalidValue(f"lengths are on {lengths.device}, the input on {u.device}")
    if lengths.min() < 0 or lengths.max() > u.shape[1]:
        raise InvalidValue(f"lengths must lie in 0..{u.shape[1]}, got {lengths.tolist()}")
    return lengths


def _kind(value: object) -> str:
    """What ``value`` is, for a message."""
    return f"{value.dtype} of shape {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
