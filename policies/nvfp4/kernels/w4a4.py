"""W4A4: inputs in NVFP4 too, quantised row by row, and products of codes with codes, for Blackwell's matrix units.

**Untested on hardware.** Both kernels compile for sm_100 and sm_120; in Triton's interpreter quantising is held to
:mod:`policies.nvfp4.quantise` bit for bit and the product to float64. Neither has run on such a card. So no plan takes them
by itself (:mod:`policies.nvfp4.kernels.choose`), and what is asked of an older card is refused.

An input row has a float32 scale of its own where a weight has one in all, so that a row does not depend on its batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.mamba3.kernels.available import interpreted
from policies.nvfp4.elements import E2M1_MAX, E4M3_LEAST, E4M3_MAX
from policies.nvfp4.scales import BLOCK, LEAST_TENSOR_SCALE
from policies.nvfp4.tensor import NVFP4Tensor

OLDEST = (10, 0)
"""The compute capability from which matrix units multiply E2M1 with E4M3 scales."""
ROWS, COLUMNS, DEPTH = 128, 128, 128
"""Of the output's tile, and how much of the width is multiplied at a time: the least that tcgen05 takes of rows."""


@dataclass(frozen=True, eq=False)
class QuantisedRows:
    """Inputs [B, in]: ``codes`` uint8 [B, 8 blocks] and ``block_scales`` float8_e4m3fn [B, blocks] as of a weight, and
    ``row_scales`` [B] (float32).
    """

    codes: Tensor
    block_scales: Tensor
    row_scales: Tensor

    @classmethod
    def empty(cls, batch: int, columns: int, device: torch.device) -> QuantisedRows:
        blocks = triton.cdiv(columns, BLOCK)
        codes = torch.empty(batch, blocks * BLOCK // 2, dtype=torch.uint8, device=device)
        scales = torch.empty(batch, blocks, dtype=torch.uint8, device=device).view(torch.float8_e4m3fn)
        return cls(codes, scales, torch.empty(batch, device=device))


def why_not_w4a4(device: torch.device) -> str | None:
    """What keeps these kernels from running on ``device``; None where nothing does."""
    if interpreted():
        return None
    if device.type not in ("cuda", "meta"):
        return f"W4A4 runs on a CUDA device of compute capability 10.0 or later, not on {device}"
    capability = torch.cuda.get_device_capability(device)
    if capability < OLDEST:
        return "W4A4 needs compute capability 10.0 or later (Blackwell), and this card has " + ".".join(
            map(str, capability)
        )
    return None


def quantise_rows(x: Tensor, into: QuantisedRows) -> None:
    """``x`` [B, in] of any floating type in NVFP4, block scales by the rule ``max``, row for row as ``quantise`` does it."""
    _require(x)
    blocks = into.block_scales.shape[1]
    quantise_program[(len(x),)](
        x, into.codes, into.block_scales, into.row_scales, x.shape[1], blocks, triton.next_power_of_2(blocks),
        LARGEST=E2M1_MAX * E4M3_MAX, MOST=E2M1_MAX, END=E4M3_MAX, LEAST=E4M3_LEAST, TINY=LEAST_TENSOR_SCALE,
        num_warps=4,
    )  # fmt: skip


def multiply_rows(x: QuantisedRows, weight: NVFP4Tensor, out: Tensor, bias: Tensor | None = None) -> None:
    """``out`` [B, out] = x [B, in] . weight^T + bias [out], sums in float32."""
    _require(out)
    batch, (rows, _) = len(x.codes), weight.shape
    if x.codes.shape[1] != weight.codes.shape[1] or out.shape != (batch, rows) or not out.is_contiguous():
        wanted = f"[{batch}, {weight.codes.shape[1]}] and [{batch}, {rows}]"
        raise InvalidValue(f"codes and output must be {wanted}, got {list(x.codes.shape)} and {list(out.shape)}")
    multiply_program[(triton.cdiv(batch, ROWS), triton.cdiv(rows, COLUMNS))](
        x.codes, x.block_scales, x.row_scales, weight.codes, weight.block_scales, weight.tensor_scale,
        out if bias is None else bias, out, batch, rows, weight.block_scales.shape[1],
        BIAS=bias is not None, M=ROWS, N=COLUMNS, K=DEPTH, num_warps=8,
    )  # fmt: skip


def _require(x: Tensor) -> None:
    if (reason := why_not_w4a4(x.device)) is not None:
        raise InvalidValue(reason)
    if x.ndim != 2 or 0 in x.shape or not x.is_contiguous():
        raise InvalidValue(f"W4A4 takes contiguous matrices that are not empty, got {list(x.shape)}")


@triton.jit
def quantise_program(x, codes, scales, wholes, columns, blocks, B: tl.constexpr, LARGEST: tl.constexpr,
                     MOST: tl.constexpr, END: tl.constexpr, LEAST: tl.constexpr, TINY: tl.constexpr):  # fmt: skip
    """One row. The order of arithmetic is the quantiser's: it decides near ties."""
    line, block = tl.program_id(0).to(tl.int64), tl.arange(0, B)
    column = block[:, None] * 16 + tl.arange(0, 16)[None, :]
    u = tl.load(x + line * columns + column, column < columns, 0.0).to(tl.float32)
    largest = tl.max(tl.abs(u), 1)
    whole = tl.maximum(tl.div_rn(tl.max(largest, 0), LARGEST), TINY)
    fitting = tl.div_rn(largest, whole * MOST)
    scale = tl.where(largest == 0, 1.0, tl.minimum(tl.maximum(fitting, LEAST), END)).to(tl.float8e4nv)
    ratio = tl.div_rn(u, (scale.to(tl.float32) * whole)[:, None] + tl.zeros_like(u))
    # a power of two is added whose last bit is worth that of the code, and taken away again: so the adder rounds
    size = tl.minimum(tl.abs(ratio), MOST)
    binade = tl.maximum(size.to(tl.int32, bitcast=True) & 0x7F800000, 0x3F800000)
    adder = (binade + (22 << 23)).to(tl.float32, bitcast=True)
    size = (size + adder) - adder
    # a magnitude x 2^-14 has the code's bits on top of float16's mantissa: see decode.py, the other way round
    half = (size * 6.103515625e-05).to(tl.float16).to(tl.uint16, bitcast=True)
    code = ((half >> 9) & 7) | tl.where(u < 0, 8, 0).to(tl.uint16)
    low, high = tl.split(tl.reshape(code, (B, 8, 2)))
    there = block < blocks
    at = (line * blocks + block[:, None]) * 8 + tl.arange(0, 8)[None, :]
    tl.store(codes + at, (low | (high << 4)).to(tl.uint8), there[:, None])
    tl.store(scales + line * blocks + block, scale, there)
    tl.store(wholes + line, whole)


@triton.jit
def multiply_program(x, x_scales, x_wholes, w, w_scales, w_whole, bias, out, batch, rows, blocks, BIAS: tl.constexpr,
                     M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):  # fmt: skip
    """A tile [M, N] of the output, K of the width at a time."""
    line, row = tl.program_id(0) * M + tl.arange(0, M), tl.program_id(1) * N + tl.arange(0, N)
    here, mine = line < batch, row < rows
    width, total = blocks * 8, tl.zeros((M, N), tl.float32)
    for start in range(0, blocks, K // 16):
        pair, block = start * 8 + tl.arange(0, K // 2), start + tl.arange(0, K // 16)
        u = tl.load(x + line[:, None].to(tl.int64) * width + pair[None, :], here[:, None] & (pair < width)[None, :], 0)
        v = tl.load(w + row[None, :].to(tl.int64) * width + pair[:, None], mine[None, :] & (pair < width)[:, None], 0)
        inside = (block < blocks)[None, :]
        us = tl.load(x_scales + line[:, None].to(tl.int64) * blocks + block[None, :], here[:, None] & inside, 0.0)
        vs = tl.load(w_scales + row[:, None].to(tl.int64) * blocks + block[None, :], mine[:, None] & inside, 0.0)
        total = tl.dot_scaled(u, us, "e2m1", v, vs, "e2m1", total)
    total *= tl.load(x_wholes + line, here, 0.0)[:, None] * tl.load(w_whole)
    if BIAS:
        total += tl.load(bias + row, mine, 0.0).to(tl.float32)[None, :]
    at = line[:, None].to(tl.int64) * rows + row[None, :]
    tl.store(out + at, total.to(out.dtype.element_ty), here[:, None] & mine[None, :])
