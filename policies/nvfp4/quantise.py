"""The quantiser: one function rounds for the packer, for training and for tests.

The order of arithmetic is part of the format's result, since quotients near a tie fall on either side of it: float32
throughout, weight / (block scale x tensor scale), rounded to the nearest E2M1 with ties to the even code.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nsctl.errors import InvalidValue
from policies.nvfp4.elements import e2m1_codes, e2m1_round
from policies.nvfp4.pack import pack
from policies.nvfp4.scales import BLOCK, Rule, Scales, choose_scales
from policies.nvfp4.tensor import NVFP4Tensor

ARITHMETIC = "float32 weight / (block scale x tensor scale), to nearest, ties to even"


@torch.no_grad()
def quantise(weight: Tensor, rule: Rule | Scales = "search") -> NVFP4Tensor:
    """``weight`` [out, in] of any floating type in NVFP4, with scales by ``rule`` or with given ones.

    A row is padded with zeros to whole blocks of 16. Zeros lose their sign. Refuses what is not finite.
    """
    blocks = _blocks(weight)
    if not bool(blocks.isfinite().all()):
        raise InvalidValue(f"a weight of shape {list(weight.shape)} holds NaN or infinity, which NVFP4 has no code for")
    scales = _scales(blocks, rule)
    codes = e2m1_codes(blocks / scales.steps()).flatten(-2)
    return NVFP4Tensor(pack(codes), scales.blocks, scales.tensor, weight.shape[1])


def fake_quantise(weight: Tensor, rule: Rule | Scales = "search") -> Tensor:
    """What ``weight`` [out, in] is worth once quantised, in its own dtype; gradients pass as if it were not (STE).

    In float32 exactly ``dequantise(quantise(weight, rule))``. Not finite in, not finite out.
    """
    out: Tensor = _StraightThrough.apply(weight, rule)  # type: ignore[no-untyped-call]
    return out


def scales_of(weight: Tensor, rule: Rule) -> Scales:
    """The scales that ``rule`` gives ``weight`` [out, in]: for a training that chooses them seldom."""
    return choose_scales(_blocks(weight.detach()), rule)


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, rule: Rule | Scales) -> Tensor:
        blocks = _blocks(weight)
        steps = _scales(blocks, rule).steps()
        return (e2m1_round(blocks / steps).mul_(steps)).flatten(-2)[:, : weight.shape[1]].to(weight.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def _blocks(weight: Tensor) -> Tensor:
    """[out, blocks, 16] float32, the last block filled up with zeros; zeros lose their sign."""
    if weight.ndim != 2 or not weight.numel() or not weight.is_floating_point():
        got = f"{weight.dtype} {list(weight.shape)}"
        raise InvalidValue(f"a weight is a matrix [out, in] of floating-point numbers, got {got}")
    padded = F.pad(weight.float(), (0, -weight.shape[1] % BLOCK))
    return torch.unflatten(padded, -1, (-1, BLOCK)) + 0.0  # -0 + 0 = 0


def _scales(blocks: Tensor, rule: Rule | Scales) -> Scales:
    if not isinstance(rule, Scales):
        return choose_scales(blocks, rule)
    if rule.blocks.shape != blocks.shape[:2]:
        wanted, got = list(blocks.shape[:2]), list(rule.blocks.shape)
        raise InvalidValue(f"the block scales of this weight must be {wanted}, got {got}")
    return rule
