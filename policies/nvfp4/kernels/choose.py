"""Which kernel multiplies with a weight, and why: ours only where they were measured to be quicker than bfloat16.

On a Hopper four-bit weights save bytes, not arithmetic, and the vendor's library is hard to beat with matrices as small as a
policy's. So the choice is a table of what ``benchmarks/nvfp4.py`` measured; what is not in it goes to the library.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Tensor

from policies.mamba3.kernels.available import why_not
from policies.nvfp4.tensor import NVFP4Tensor

Kernel = Literal["gemv", "tiles", "dense"]
FEW, SEVERAL = 8, 64
"""Rows of input that the two kernels take at most."""


@dataclass(frozen=True)
class Measured:
    """Where a kernel was quicker than bfloat16: cards of compute capability ``major``, weights of at least ``numbers``,
    inputs of ``least`` to ``most`` rows; and what that is known from.
    """

    kernel: Kernel
    major: int
    numbers: int
    least: int
    most: int
    source: str


MEASURED: tuple[Measured, ...] = ()
"""Nothing yet: to be filled from benchmarks/nvfp4.py, each entry with its card."""


@dataclass(frozen=True)
class Plan:
    """The kernel that is taken, and the reason in words."""

    kernel: Kernel
    reason: str


@cache
def plan(
    device: torch.device,
    shape: tuple[int, int],
    batch: int,
    packed_only: bool = False,
    measured: tuple[Measured, ...] = MEASURED,
) -> Plan:
    """For ``batch`` rows times a weight of ``shape`` (out, in) on ``device``.

    With ``packed_only`` there is no bfloat16 weight: it would have to be decoded at each call, which moves eight times the
    bytes of the packed form, so ours is taken up to 64 rows whatever the table says.
    """
    if (reason := why_not(torch.empty(0, device=device))) is not None:
        return Plan("dense", reason)
    if not 1 <= batch <= SEVERAL:
        return Plan("dense", f"the kernels take 1 to {SEVERAL} rows, these are {batch}")
    if packed_only:
        return Plan("gemv" if batch <= FEW else "tiles", "the weight is held packed, and decoding it costs more")
    major = torch.cuda.get_device_capability(device)[0] if device.type == "cuda" else 0
    for entry in measured:
        if entry.major == major and shape[0] * shape[1] >= entry.numbers and entry.least <= batch <= entry.most:
            return Plan(entry.kernel, f"quicker than bfloat16: {entry.source}")
    return Plan(
        "dense", f"not measured to be quicker at {shape[0]} x {shape[1]} with {batch} rows on this kind of card"
    )


def multiplied(x: Tensor, weight: NVFP4Tensor, bias: Tensor | None, packed_only: bool) -> Tensor | None:
    """``x`` [..., in] . weight^T + bias: [..., out] in the dtype of ``x``; None where the plan is ``dense``."""
    batch = x.numel() // x.shape[-1]
    kernel = plan(x.device, weight.shape, batch, packed_only).kernel
    if kernel == "dense":
        return None
    from policies.nvfp4.kernels import product  # Triton is heavy, and not everywhere

    out = torch.empty(batch, weight.shape[0], dtype=x.dtype, device=x.device)
    run = product.gemv if kernel == "gemv" else product.tiles
    run(x.reshape(batch, -1).contiguous(), weight, out, bias)
    return out.view(*x.shape[:-1], -1)
