"""A training's state in five bytes a parameter, so that it can be carried from machine to machine.

Weights are kept in bfloat16; how far their average lies behind, and Adam's two moments, in eight bits with a scale for each
row: the second moment as its root (e5m2, which spans nine decades), since its root is what a step is divided by, the others
as they are (e4m3). A learner goes on from what was written and not from what it had before, so that it makes no difference
whether it was interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_E4M3, _E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
LAG = "lag."
"""What the names of how far the average lies behind begin with."""
_SCALE = "/scale"
_WHOLE = 1024
"""Tensors of fewer numbers than this are kept as they are."""


def pack(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by name, smaller: ``lag.*`` are of the average, those that end in ``exp_avg`` and ``exp_avg_sq`` moments."""
    packed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        part = tensor.detach().cpu().contiguous()
        if part.numel() < _WHOLE or not part.is_floating_point():
            packed[name] = part.clone()
        elif name.endswith("exp_avg") or name.startswith(LAG):
            packed[name], packed[name + _SCALE] = _rows(part, _E4M3)
        elif name.endswith("exp_avg_sq"):
            packed[name], packed[name + _SCALE] = _rows(part.sqrt(), _E5M2)
        else:
            packed[name] = part.to(torch.bfloat16)
    return packed


def unpack(packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What :func:`pack` was given, as nearly as it was kept; in float32."""
    state: dict[str, Tensor] = {}
    for name, part in packed.items():
        if name.endswith(_SCALE):
            continue
        if part.dtype in (_E4M3, _E5M2):
            whole = part.float() * packed[name + _SCALE]
            state[name] = whole.square() if part.dtype == _E5M2 else whole
        else:
            state[name] = part.float() if part.dtype == torch.bfloat16 else part
    return state


def _rows(part: Tensor, kind: torch.dtype) -> tuple[Tensor, Tensor]:
    """``part`` [R, ...] in eight bits, and what each row is to be multiplied by, float32 [R, 1, ...]."""
    most = part.abs().amax(tuple(range(1, part.ndim)), keepdim=True) if part.ndim > 1 else part.abs().amax()
    scale = (most / torch.finfo(kind).max).clamp(min=1e-38).float()
    return (part / scale).to(kind), scale.reshape(scale.shape or (1,))
