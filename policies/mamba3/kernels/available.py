"""Where Triton kernels can run."""

from __future__ import annotations

import os
import re
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.mamba3.recurrence import Mamba3State

if TYPE_CHECKING:
    from policies.mamba3.block import Mamba3


OLDEST = (8, 0)
"""The compute capability from which processors multiply bfloat16."""
WIDEST = 128
"""The largest head and the largest state whose tiles a processor's registers hold."""
FARTHEST = 2**31
"""Numbers of one row that 32 bits can count."""
HOPPER, BLACKWELL = 9, 10
"""Generations of cards that are treated otherwise."""
BLACKWELL_TRITON = (3, 9)
"""A Triton that compiles the backward for Blackwell: 3.6 does not."""
HOPPER_PTXAS = (12, 9)
"""An assembler that gives tiles on Hopper their right addresses: 12.8, which Triton 3.6 brings, does not always."""
COMPARED = frozenset(
    {(16, 32), (16, 64), (32, 32), (32, 64), (64, 64), (64, 128), (96, 64), (96, 128), (128, 64), (128, 128)}
)
"""Widths (N, P), half of N turning, whose sequences in bfloat16 by that assembler were as right as PyTorch's on an H200.

Those with resets and ends were not run; in their machine code no such address was found.
"""


@cache
def triton_version() -> tuple[int, int]:
    """Major and minor of the Triton that is installed."""
    major, minor = re.findall(r"\d+", version("triton"))[:2]
    return int(major), int(minor)


@cache
def ptxas_version() -> tuple[int, int]:
    """Major and minor of the assembler that Triton takes for Hopper."""
    from triton.backends.nvidia.compiler import get_ptxas

    major, minor = re.findall(r"\d+", get_ptxas(10 * HOPPER).version)[:2]
    return int(major), int(minor)


def interpreted() -> bool:
    """Whether kernels run in Triton's interpreter, on a CPU: for tests (``TRITON_INTERPRET=1`` before any is imported)."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def generation() -> int:
    """The major compute capability of the card that kernels are compiled for; 0 in the interpreter."""
    if interpreted():
        return 0
    from triton.runtime import driver

    return int(driver.active.get_current_target().arch) // 10


def why_not(x: Tensor) -> str | None:
    """What keeps kernels from computing with ``x``; None where nothing does."""
    if find_spec("triton") is None:
        return "Triton is not installed"
    if not x.is_cuda and not interpreted():
        return f"it lies on {x.device}, and kernels run on a CUDA device"
    if x.is_cuda and torch.cuda.get_device_capability(x.device) < OLDEST:
        return f"{torch.cuda.get_device_name(x.device)} is older than compute capability {OLDEST[0]}.{OLDEST[1]}"
    return None


def require_kernels(x: Tensor, name: str) -> None:
    """Refuse a tensor that kernels cannot compute with."""
    if (reason := why_not(x)) is not None:
        raise InvalidValue(f"the kernels cannot compute with {name}: {reason}; the PyTorch forms can")


def why_not_fused(block: Mamba3, u: Tensor, state: Mamba3State | None) -> str | None:
    """What keeps the kernels from computing ``block`` of ``u`` [B, L, D] from ``state``; None where nothing does."""
    c, weight = block.config, block.witness
    if c.mimo_rank is not None:
        return "the block is MIMO, and the kernels are SISO"
    if c.pre_gate_norm:
        return "the block normalises before its gate, and the kernels do not"
    if max(c.d_state, c.head_dim) > WIDEST:
        return f"its heads have N = {c.d_state} and P = {c.head_dim}, and the kernels hold at most {WIDEST} of each"
    if weight.dtype not in (torch.float32, torch.bfloat16) or torch.is_autocast_enabled(u.device.type):
        return f"it computes in {weight.dtype} or under autocast, and the kernels in float32 or bfloat16 throughout"
    if u.shape[1] * sum(block.sizes) >= FARTHEST:
        return f"{u.shape[1]} moments are more than their offsets can count: cut the sequence"
    if state is not None and torch.is_grad_enabled() and any(part.requires_grad for part in vars(state).values()):
        return "the state wants a gradient, which the kernels do not give: detach it"
    return why_not(u) or _why_unsound(block, u) or (_why_no_backward(u) if torch.is_grad_enabled() else None)


def _why_unsound(block: Mamba3, u: Tensor) -> str | None:
    """What may make the kernels' numbers wrong where ``u`` lies; in float32 no such fault was seen."""
    c = block.config
    known = (c.d_state, c.head_dim) in COMPARED and 4 * c.angles == c.d_state
    if block.witness.dtype != torch.bfloat16 or known or not _on(HOPPER, u) or ptxas_version() >= HOPPER_PTXAS:
        return None
    return (
        f"ptxas {_dotted(ptxas_version())} may compile N = {c.d_state} and P = {c.head_dim} wrongly for "
        f"{torch.cuda.get_device_name(u.device)}: take a newer Triton, or let TRITON_PTXAS_PATH name a ptxas of "
        f"{_dotted(HOPPER_PTXAS)} or later"
    )


def _why_no_backward(u: Tensor) -> str | None:
    """What keeps the backward alone from running where ``u`` lies."""
    if not _on(BLACKWELL, u) or triton_version() >= BLACKWELL_TRITON:
        return None
    return (
        f"Triton {_dotted(triton_version())} cannot compile the gradients for {torch.cuda.get_device_name(u.device)}: "
        f"take {_dotted(BLACKWELL_TRITON)} or later"
    )


def _on(generation: int, u: Tensor) -> bool:
    """Whether ``u`` lies on a card of this generation."""
    return u.is_cuda and torch.cuda.get_device_capability(u.device)[0] == generation


def _dotted(numbers: tuple[int, int]) -> str:
    return ".".join(map(str, numbers))
