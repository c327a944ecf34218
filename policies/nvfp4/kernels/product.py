"""The product of a few rows with an NVFP4 weight, read as it is stored: W4A16, float32 sums.

What limits it on a Hopper is not arithmetic but bytes, and the instructions that decode them: so codes are read eight bytes
(one block of 16 columns) a number, the next tile of them while this one is multiplied, and where that can be, before the
launch ahead has ended (programmatic dependent launch). Up to 8 rows the processors multiply; tensor cores take up to 64.
Where a weight has too few rows for all processors, its columns are cut into parts as well, and the parts are added in their
order: the same input gives the same bits.

Since weights are read that early, the launch just before a product must not be one that writes them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.mamba3.kernels.available import interpreted
from policies.mamba3.kernels.linear import dependent_launch
from policies.nvfp4.kernels.choose import FEW, SEVERAL
from policies.nvfp4.kernels.programs import add_up, gemv_program, tiles_program
from policies.nvfp4.scales import BLOCK
from policies.nvfp4.tensor import NVFP4Tensor

PROGRAMS = 264
"""Programs of a launch that keep a Hopper's 132 processors busy."""


@dataclass(frozen=True)
class Tiling:
    """How a product is cut: ``rows`` of the weight and ``blocks`` of 16 columns a tile, ``parts`` of the columns."""

    rows: int
    blocks: int
    parts: int
    warps: int


def gemv_tiling(rows: int, columns: int, batch: int = 1) -> Tiling:
    """For one to 8 rows of input: a tile is 8 rows and 512 columns, or fewer rows for enough programs.

    A warp has a program for itself, so that each thread uses the input that it reads for several rows of the weight.
    """
    blocks = triton.cdiv(columns, BLOCK)
    width = min(32, max(2, int(triton.next_power_of_2(blocks))))
    height = 8 if batch <= 2 else 4  # sums of each row of input stay in registers
    while height > 2 and rows < PROGRAMS * height:
        height //= 2
    return Tiling(height, width, _parts(triton.cdiv(rows, height), blocks, width), 1)


def tiles_tiling(rows: int, columns: int) -> Tiling:
    """For up to 64 rows of input: tensor cores take 64 rows of the weight at a time, or 16 where it has few."""
    blocks = triton.cdiv(columns, BLOCK)
    width = min(16, max(2, int(triton.next_power_of_2(blocks))))
    height = 64 if rows >= PROGRAMS * 16 else 16
    return Tiling(height, width, _parts(triton.cdiv(rows, height), blocks, width), 4)


def _parts(programs: int, blocks: int, width: int) -> int:
    """Parts of the columns: while all programs run at once, with two tiles a part or more; adding up many costs more."""
    tiles, parts = triton.cdiv(blocks, width), 1
    while parts < 8 and 2 * programs * parts <= PROGRAMS and tiles >= 4 * parts:
        parts *= 2
    return parts


def workspace(x: Tensor, weight: NVFP4Tensor, tiling: Tiling) -> Tensor | None:
    """float32 [parts, B, out] for the sums of each part; None where there is one part only."""
    size = (tiling.parts, len(x), weight.shape[0])
    return None if tiling.parts == 1 else torch.empty(size, dtype=torch.float32, device=x.device)


def gemv(x: Tensor, weight: NVFP4Tensor, out: Tensor, bias: Tensor | None = None,
         tiling: Tiling | None = None, parts: Tensor | None = None) -> None:  # fmt: skip
    """``out`` [B, out] = x [B, in] . weight^T + bias [out] for B <= 8; all of any floating type, rounded once.

    Given ``parts`` (:func:`workspace`), it allocates nothing.
    """
    _check(x, weight, out, FEW)
    packed = x.dtype == torch.bfloat16 and x.shape[1] % 4 == 0 and x.data_ptr() % 8 == 0
    batch, tiling = triton.next_power_of_2(len(x)), tiling or gemv_tiling(*weight.shape, len(x))
    _launch(gemv_program, x, weight, out, bias, tiling, parts, BATCH=batch, PACKED=packed)


def tiles(x: Tensor, weight: NVFP4Tensor, out: Tensor, bias: Tensor | None = None,
          tiling: Tiling | None = None, parts: Tensor | None = None) -> None:  # fmt: skip
    """The same for B <= 64 by tensor cores, to which ``x`` goes as bfloat16."""
    _check(x, weight, out, SEVERAL)
    kind = tl.float32 if interpreted() else tl.bfloat16  # the interpreter's product knows no bfloat16
    batch = max(16, int(triton.next_power_of_2(len(x))))
    _launch(tiles_program, x, weight, out, bias, tiling or tiles_tiling(*weight.shape), parts, BATCH=batch, KIND=kind)


def _check(x: Tensor, weight: NVFP4Tensor, out: Tensor, most: int) -> None:
    """Refuse shapes that a kernel would read or write out of bounds with."""
    rows, columns = weight.shape
    if x.ndim != 2 or x.shape[1] != columns or not 1 <= len(x) <= most:
        raise InvalidValue(f"the input must be [1 to {most}, {columns}] for this kernel, got {list(x.shape)}")
    if out.shape != (len(x), rows) or not (x.is_contiguous() and out.is_contiguous()):
        raise InvalidValue(f"the output must be [{len(x)}, {rows}] and both contiguous, got {list(out.shape)}")


def _launch(kernel, x, weight, out, bias, tiling, parts, **options):
    rows, columns = weight.shape
    blocks = weight.block_scales.shape[1]
    parts = workspace(x, weight, tiling) if parts is None else parts
    share = triton.cdiv(triton.cdiv(blocks, tiling.parts), tiling.blocks) * tiling.blocks
    whole = tiling.parts == 1 or parts is None
    pdl = dependent_launch(x.device)
    kernel[(triton.cdiv(rows, tiling.rows), tiling.parts)](
        x, weight.codes.view(torch.int64), weight.block_scales.view(torch.uint8), weight.tensor_scale,
        x if bias is None else bias, out if whole else parts, len(x), rows, columns, blocks, share,
        BIAS=bias is not None, WHOLE=whole, R=tiling.rows, B=tiling.blocks, PDL=pdl, **options,
        num_warps=tiling.warps, launch_pdl=pdl,
    )  # fmt: skip
    if not whole:
        add_up[(triton.cdiv(rows, 128), len(x))](
            parts, weight.tensor_scale, x if bias is None else bias, out, len(x) * rows, rows,
            PARTS=tiling.parts, BIAS=bias is not None, N=128, PDL=pdl, num_warps=4, launch_pdl=pdl,
        )  # fmt: skip
