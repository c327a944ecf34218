"""The linear maps of a step with NVFP4 weights, read as they are stored: the norm before one, or the sum after it.

What :mod:`policies.mamba3.kernels.linear` does for weights in bfloat16, with the same way of hiding latency: a program takes
its codes into registers, a quarter of the bytes, before the launch ahead of it has ended, then waits for its input and
decodes. Rows that are kept in bfloat16 beside quantised ones (dt, A, lambda and theta) are the last programs of the same
launch. One row of input is multiplied by the processors in float32; up to 16 of bfloat16 by tensor cores.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from nsctl.errors import InvalidValue
from policies.mamba3.kernels import linear
from policies.mamba3.kernels.available import interpreted
from policies.mamba3.kernels.linear import PIECE, TILE, dependent_launch, first_rows, first_tiles
from policies.nvfp4.kernels.choose import unsuited
from policies.nvfp4.kernels.decode import BORROWED, scaled, scales, values
from policies.nvfp4.scales import BLOCK
from policies.nvfp4.tensor import NVFP4Tensor

BLOCKS, WARP = 512, 256
"""Blocks of 16 weights that a program reads at most, unless two rows have more, and that a warp has registers for."""


@dataclass(frozen=True, eq=False)
class PackedMap:
    """The map by a ``packed`` weight [rows, width] with ``kept`` [k, width] below it, for ``batch`` rows of input.

    It comes behind a norm if it is ``normed``. ``dtype`` is what the step computes in: with bfloat16, inputs of more than
    one row are rounded to it for tensor cores. Refuses what its kernels are not for.
    """

    packed: NVFP4Tensor
    kept: Tensor
    batch: int
    dtype: torch.dtype
    normed: bool

    def __post_init__(self) -> None:
        if (reason := unsuited(self.packed.columns, self.batch, self.dtype, self.normed)) is not None:
            raise InvalidValue(f"this map is none for packed weights: {reason}")
        if self.kept.ndim != 2 or self.kept.shape[1] != self.packed.columns:
            raise InvalidValue(f"the kept rows must be [k, {self.packed.columns}], got {list(self.kept.shape)}")

    @property
    def kind(self) -> torch.dtype:
        return torch.float32 if self.batch == 1 else self.dtype

    @property
    def ours(self) -> bool:
        return True

    def project(self, x: Tensor, norm: Tensor, out: Tensor) -> None:
        self._launch(x, norm, out, adds=False)

    def add(self, y: Tensor, x: Tensor) -> None:
        self._launch(y, y, x, adds=True)

    def _launch(self, x: Tensor, norm: Tensor, out: Tensor, adds: bool) -> None:
        (rows, width), others = self.packed.shape, len(self.kept)
        if x.shape != (self.batch, width) or out.shape != (self.batch, rows + others):
            wanted = f"[{self.batch}, {width}] and [{self.batch}, {rows + others}]"
            raise InvalidValue(f"input and output of this map are {wanted}, got {list(x.shape)} and {list(out.shape)}")
        tiles = self.dtype == torch.bfloat16 and self.batch > 1
        cut = _tiles_cut(width) if tiles else _rows_cut(rows, width)
        split, pdl = triton.cdiv(rows, cut.rows), dependent_launch(x.device)
        # the interpreter's product knows no bfloat16
        more = {"KIND": tl.float32 if interpreted() else tl.bfloat16} if tiles else {}
        programs = split + triton.cdiv(others, cut.others)
        kernel = step_tiles if tiles else step_rows
        kernel[(programs,)](
            x, norm, self.packed.codes.view(torch.int64), self.packed.block_scales.view(torch.uint8),
            self.packed.tensor_scale, self.kept, out, rows, others, width, self.packed.block_scales.shape[1], split,
            BATCH=self.batch, ADDS=adds, KEPT=others > 0, R=cut.rows, B=cut.blocks, K=cut.others,
            PIECES=triton.cdiv(cut.blocks * BLOCK, cut.piece), PIECE=cut.piece,
            PDL=pdl, **more, num_warps=cut.warps, launch_pdl=pdl,
        )  # fmt: skip


@dataclass(frozen=True)
class Cut:
    """A program's rows of codes and ``blocks`` a row, its rows of kept weights if it has those instead, the ``piece`` of
    their width that is read at once, and its warps.
    """

    rows: int
    blocks: int
    others: int
    piece: int
    warps: int


def _rows_cut(rows: int, width: int) -> Cut:
    """For one row of input, or a few in float32: enough programs for every processor, no more codes than fit."""
    blocks = max(2, int(triton.next_power_of_2(triton.cdiv(width, BLOCK))))
    height = max(2, min(8, BLOCKS // blocks))
    while height > 2 and rows < linear.PROGRAMS * height:
        height //= 2
    return Cut(height, blocks, 2, min(PIECE, blocks * BLOCK), max(1, min(4, height * blocks // WARP)))


def _tiles_cut(width: int) -> Cut:
    """For tensor cores: 16 rows a program, every warp a piece of the width."""
    blocks = max(2, int(triton.next_power_of_2(triton.cdiv(width, BLOCK))))
    warps = min(max(TILE * blocks * BLOCK // 2048, 1), 8, blocks)
    return Cut(TILE, blocks, TILE, max(16, blocks * BLOCK // warps), warps)


# as in the programs of products, codes alone decide who reads what
@triton.jit(do_not_specialize_on_alignment=["bytes_"])
def step_rows(x, norm, codes, bytes_, whole, kept, out, rows, others, width, blocks, split,
              BATCH: tl.constexpr, ADDS: tl.constexpr, KEPT: tl.constexpr, R: tl.constexpr, B: tl.constexpr,
              K: tl.constexpr, PIECES: tl.constexpr, PIECE: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """R rows of the codes, or K of the kept weights, with BATCH rows of ``x``: added to ``out``, or of x / rms(x) * norm
    and written to it.
    """
    program, stride = tl.program_id(0), rows + others
    if KEPT:
        if program < split:
            _rows(x, norm, codes, bytes_, whole, out, program * R, rows, stride, width, blocks, BATCH, ADDS, R, B, PDL)
        else:
            first_rows(x, norm, kept, out + rows, (program - split) * K, others, stride, width, BATCH, ADDS, K, PIECES,
                       PIECE, PDL)  # fmt: skip
    else:
        _rows(x, norm, codes, bytes_, whole, out, program * R, rows, stride, width, blocks, BATCH, ADDS, R, B, PDL)


@triton.jit
def _rows(x, norm, codes, bytes_, whole, out, first, rows, stride, width, blocks, BATCH: tl.constexpr,
          ADDS: tl.constexpr, R: tl.constexpr, B: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """R rows of the codes, in whole."""
    row, block, column = first + tl.arange(0, R), tl.arange(0, B), tl.arange(0, 16 * B)
    at, there = row[:, None] * blocks + block[None, :], (row < rows)[:, None] & (block < blocks)[None, :]
    code, byte = tl.load(codes + at, there, 0), tl.load(bytes_ + at, there, 0)
    worth, inside = tl.load(whole) * BORROWED, column < width
    if not ADDS:
        scale = tl.load(norm + column, inside, 0.0).to(tl.float32)
    if PDL:
        gdc_wait()
        gdc_launch_dependents()
    w = tl.reshape(values(code, 0, 1), (R, B, 16))
    u = tl.load(x + column, inside, 0.0)
    for b in tl.static_range(BATCH):
        after = tl.load(x + (b + 1) * width + column, inside & (b + 1 < BATCH), 0.0)
        v = u if ADDS else u * scale
        total = tl.sum(tl.sum(w * tl.reshape(v, (1, B, 16)), 2) * scales(byte), 1) * worth
        if ADDS:
            total += tl.load(out + b * stride + row, row < rows, 0.0)
        else:
            total = total / tl.sqrt_rn(tl.sum(u * u, 0) / width + 1e-5)
        tl.store(out + b * stride + row, total, row < rows)
        u = after


@triton.jit(do_not_specialize_on_alignment=["bytes_"])
def step_tiles(x, norm, codes, bytes_, whole, kept, out, rows, others, width, blocks, split,
               BATCH: tl.constexpr, ADDS: tl.constexpr, KEPT: tl.constexpr, R: tl.constexpr, B: tl.constexpr,
               K: tl.constexpr, PIECES: tl.constexpr, PIECE: tl.constexpr, PDL: tl.constexpr,
               KIND: tl.constexpr):  # fmt: skip
    """The same by tensor cores, with R and K of 16."""
    program, stride = tl.program_id(0), rows + others
    if KEPT:
        if program < split:
            _tiles(x, norm, codes, bytes_, whole, out, program * R, rows, stride, width, blocks, BATCH, ADDS, R, PIECES,
                   PIECE, PDL, KIND)  # fmt: skip
        else:
            first_tiles(x, norm, kept, out + rows, (program - split) * K, others, stride, width, BATCH, ADDS, K, PIECES,
                        PIECE, PDL, KIND)  # fmt: skip
    else:
        _tiles(x, norm, codes, bytes_, whole, out, program * R, rows, stride, width, blocks, BATCH, ADDS, R, PIECES,
               PIECE, PDL, KIND)  # fmt: skip


@triton.jit
def _tiles(x, norm, codes, bytes_, whole, out, first, rows, stride, width, blocks, BATCH: tl.constexpr,
           ADDS: tl.constexpr, R: tl.constexpr, PIECES: tl.constexpr, PIECE: tl.constexpr, PDL: tl.constexpr,
           KIND: tl.constexpr):  # fmt: skip
    """R = 16 rows of the codes: every warp multiplies its piece of the width, then the pieces are summed."""
    row, piece, b = first + tl.arange(0, R), tl.arange(0, PIECES)[:, None, None], tl.arange(0, 16)[None, :, None]
    block = piece * (PIECE // 16) + tl.arange(0, PIECE // 16)[None, None, :]
    at, there = row[None, :, None] * blocks + block, (row < rows)[None, :, None] & (block < blocks)
    code, byte = tl.load(codes + at, there, 0), tl.load(bytes_ + at, there, 0)  # [PIECES, R, PIECE / 16]
    column = piece * PIECE + tl.arange(0, PIECE)[None, None, :]
    worth, inside = tl.load(whole) * BORROWED, column < width
    if not ADDS:
        scale = tl.load(norm + column, inside, 0.0).to(tl.float32)
    if PDL:
        gdc_wait()
        gdc_launch_dependents()
    u = tl.load(x + b * width + column, (b < BATCH) & inside, 0.0)
    size = 1.0
    if not ADDS:
        size = tl.sqrt_rn(tl.sum(tl.sum(u * u, 2), 0) / width + 1e-5)[:, None]
        u = u * scale
    # code x block scale is exact in bfloat16
    w = tl.reshape(scaled(code, scales(byte), KIND, 0, 1), (PIECES, R, PIECE))
    total = tl.sum(tl.dot(u.to(KIND), tl.permute(w, (0, 2, 1))), 0) * worth / size
    line = tl.arange(0, 16)[:, None]
    at, fits = line * stride + row[None, :], (line < BATCH) & (row < rows)[None, :]
    if ADDS:
        total += tl.load(out + at, fits, 0.0)
    tl.store(out + at, total, fits)
