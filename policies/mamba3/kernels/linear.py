"""The linear maps of a step, with what stands around them: the norm before one, or the sum after it.

With few rows, a map costs what reading its weights costs. So a program takes its share of them into registers before the
launch ahead of it has ended, and only then waits for its input (programmatic dependent launch, where the card has it). One
row is multiplied by the processors, up to 16 by tensor cores. More rows are a product of matrices from the vendor's library.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Protocol

import torch
import triton
import triton.language as tl
from torch import Tensor, nn
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from policies.mamba3.kernels.available import interpreted

FEW = 8
"""Rows up to which float32 weights are multiplied while they are in registers."""
TILE = 16
"""Rows, of the input and of the weights, that tensor cores take at least; and so of bfloat16 inputs up to which they do."""
WIDEST_NORMED, WIDEST = 512, 2048
"""Widths up to which tensor cores are quicker out of registers than the library: of what is normalised first, and else."""
PIECE = 256
"""Weights of a row that a warp reads at once: 16 bytes a thread in bfloat16."""
PROGRAMS = 256
"""Programs of a launch that keep a card of about 132 processors busy."""


class Map(Protocol):
    """A linear map as a step applies it, to ``batch`` rows that it was made for."""

    @property
    def kind(self) -> torch.dtype:
        """What :meth:`add` wants its rows in."""

    @property
    def ours(self) -> bool:
        """Whether :meth:`project` is one launch of a kernel that lets the next begin early."""

    def project(self, x: Tensor, norm: Tensor, out: Tensor) -> None:
        """``out`` [B, rows] = weight . norm-weighted rms_norm(x [B, width]); x and out are float32."""

    def add(self, y: Tensor, x: Tensor) -> None:
        """``x`` [B, rows] += weight . y [B, width]; x is float32, y of :attr:`kind`."""


@dataclass(frozen=True)
class DenseMap:
    """The map by a ``weight`` [rows, width] of numbers as they are."""

    weight: Tensor
    batch: int

    @property
    def kind(self) -> torch.dtype:
        return kind(self.weight, self.batch)

    @property
    def ours(self) -> bool:
        return held(self.weight, self.batch, WIDEST_NORMED)

    def project(self, x: Tensor, norm: Tensor, out: Tensor) -> None:
        project(x, norm, self.weight, out)

    def add(self, y: Tensor, x: Tensor) -> None:
        add_projected(y, self.weight, x)


def map_of(module: nn.Module, batch: int, dtype: torch.dtype, normed: bool) -> Map:
    """How a step of ``batch`` rows in ``dtype`` applies ``module``, a linear map without a bias.

    It comes behind a norm if ``normed``, else before a sum. One that stores its weight otherwise says so itself, by a
    method ``step_map`` with the other three arguments.
    """
    own = getattr(module, "step_map", None)
    if own is not None:
        made: Map = own(batch, dtype, normed)
        return made
    assert isinstance(module.weight, Tensor)
    return DenseMap(module.weight, batch)


@cache
def dependent_launch(device: torch.device) -> bool:
    """Whether a launch may begin before the one ahead of it has ended: from sm_90 on."""
    return not interpreted() and torch.cuda.get_device_capability(device) >= (9, 0)


def project(x: Tensor, norm: Tensor, weight: Tensor, out: Tensor) -> None:
    """``out`` [B, rows] = weight [rows, width] . norm-weighted rms_norm(x [B, width]); x and out are float32."""
    if held(weight, len(x), WIDEST_NORMED):
        _launch(x, norm, weight, out, adds=False)
        return
    normed = torch.empty_like(x, dtype=weight.dtype)
    pdl = dependent_launch(x.device)
    _normalise[(len(x),)](x, norm, normed, x.shape[1], triton.next_power_of_2(x.shape[1]), pdl, launch_pdl=pdl)
    if weight.dtype == torch.float32:
        torch.mm(normed, weight.t(), out=out)
    else:  # control rows keep the digits of their float32 sums
        torch.mm(normed, weight.t(), out_dtype=torch.float32, out=out)


def add_projected(y: Tensor, weight: Tensor, x: Tensor) -> None:
    """``x`` [B, rows] += weight [rows, width] . y [B, width]; x is float32, y of :func:`kind`."""
    if held(weight, len(x), WIDEST):
        _launch(y, y, weight, x, adds=True)
    elif weight.dtype == torch.float32:
        torch.addmm(x, y, weight.t(), out=x)
    else:
        torch.addmm(x, y, weight.t(), out_dtype=torch.float32, out=x)


def held(weight: Tensor, batch: int, widest: int) -> bool:
    """Whether our kernels multiply ``weight`` with ``batch`` rows, out of registers."""
    if weight.dtype == torch.float32:
        return batch <= FEW
    return batch == 1 or (batch <= TILE and weight.shape[1] <= widest)


def kind(weight: Tensor, batch: int) -> torch.dtype:
    """What :func:`add_projected` wants ``batch`` rows in: tensor cores take the weights', a single row stays exact."""
    return torch.float32 if batch == 1 else weight.dtype


def _launch(x: Tensor, norm: Tensor, weight: Tensor, out: Tensor, adds: bool) -> None:
    """The kernel that multiplies out of registers, in pieces that suit the shape."""
    rows, width = weight.shape
    pdl, tiles = dependent_launch(x.device), weight.dtype != torch.float32 and len(x) > 1
    block = TILE if tiles else rows_of_a_program(rows, width)
    full = triton.next_power_of_2(width)
    warps = min(max(block * full // 2048, 1), 8 if tiles else 4)
    piece = max(16, full // warps) if tiles else min(PIECE, full)
    # the interpreter's product knows no bfloat16
    more = {"KIND": tl.float32 if interpreted() else tl.bfloat16} if tiles else {}
    kernel = _tiles if tiles else _rows
    kernel[(triton.cdiv(rows, block),)](
        x, norm, weight, out, rows, width, BATCH=len(x), ADDS=adds, R=block, PIECES=triton.cdiv(full, piece),
        PIECE=piece, PDL=pdl, **more, num_warps=warps, launch_pdl=pdl,
    )  # fmt: skip


def rows_of_a_program(rows: int, width: int) -> int:
    """Rows of the weights that one program reads: enough programs for every processor, at most 8192 weights each."""
    most = max(2, 8192 // int(triton.next_power_of_2(width)))
    while most > 2 and rows < PROGRAMS * most:
        most //= 2
    return most


@triton.jit
def _rows(x, norm, weight, out, rows, width, BATCH: tl.constexpr, ADDS: tl.constexpr, R: tl.constexpr,
          PIECES: tl.constexpr, PIECE: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """A program's R rows of the weights."""
    first_rows(x, norm, weight, out, tl.program_id(0) * R, rows, rows, width, BATCH, ADDS, R, PIECES, PIECE, PDL)


@triton.jit
def first_rows(x, norm, weight, out, first, rows, stride, width, BATCH: tl.constexpr, ADDS: tl.constexpr,
               R: tl.constexpr, PIECES: tl.constexpr, PIECE: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """The rows of the weights from ``first`` on, R of them, with BATCH rows of ``x``: added to ``out``, whose rows are
    ``stride`` apart, or of x / rms(x) * norm and written to it.
    """
    row = first + tl.arange(0, R)
    column = tl.arange(0, PIECES)[:, None, None] * PIECE + tl.arange(0, PIECE)[None, None, :]
    inside = column < width
    w = tl.load(weight + row[None, :, None] * width + column, (row < rows)[None, :, None] & inside, 0.0)
    if not ADDS:
        scale = tl.load(norm + column, inside, 0.0).to(tl.float32)
    if PDL:
        gdc_wait()
        gdc_launch_dependents()
    u = tl.load(x + column, inside, 0.0)
    for b in tl.static_range(BATCH):
        after = tl.load(x + (b + 1) * width + column, inside & (b + 1 < BATCH), 0.0)
        if ADDS:
            total = tl.sum(tl.sum(w.to(tl.float32) * u, 2), 0)
            total += tl.load(out + b * stride + row, row < rows, 0.0)
        else:
            square = tl.sum(tl.sum(tl.sum(u * u, 2), 1), 0) / width
            total = tl.sum(tl.sum(w.to(tl.float32) * (u * scale), 2), 0) / tl.sqrt_rn(square + 1e-5)
        tl.store(out + b * stride + row, total, row < rows)
        u = after


@triton.jit
def _tiles(x, norm, weight, out, rows, width, BATCH: tl.constexpr, ADDS: tl.constexpr, R: tl.constexpr,
           PIECES: tl.constexpr, PIECE: tl.constexpr, PDL: tl.constexpr, KIND: tl.constexpr):  # fmt: skip
    """The same by tensor cores."""
    first_tiles(x, norm, weight, out, tl.program_id(0) * R, rows, rows, width, BATCH, ADDS, R, PIECES, PIECE, PDL, KIND)


@triton.jit
def first_tiles(x, norm, weight, out, first, rows, stride, width, BATCH: tl.constexpr, ADDS: tl.constexpr,
                R: tl.constexpr, PIECES: tl.constexpr, PIECE: tl.constexpr, PDL: tl.constexpr,
                KIND: tl.constexpr):  # fmt: skip
    """:func:`first_rows` by tensor cores, R = 16: every warp multiplies its piece of the width, then the pieces are
    summed.
    """
    row, b = first + tl.arange(0, R), tl.arange(0, 16)[None, :, None]
    column = tl.arange(0, PIECES)[:, None, None] * PIECE + tl.arange(0, PIECE)[None, None, :]
    inside = column < width
    w = tl.load(weight + row[None, :, None] * width + column, (row < rows)[None, :, None] & inside, 0.0)
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
    total = tl.sum(tl.dot(u.to(KIND), tl.permute(w.to(KIND), (0, 2, 1))), 0) / size
    line = tl.arange(0, 16)[:, None]
    at, fits = line * stride + row[None, :], (line < BATCH) & (row < rows)[None, :]
    if ADDS:
        total += tl.load(out + at, fits, 0.0)
    tl.store(out + at, total, fits)


@triton.jit
def _normalise(x, norm, out, width, WIDTH: tl.constexpr, PDL: tl.constexpr):
    """One row of ``x`` / rms(x) * norm."""
    column = tl.arange(0, WIDTH)
    inside = column < width
    scale = tl.load(norm + column, mask=inside, other=0.0).to(tl.float32)
    if PDL:
        gdc_wait()
        gdc_launch_dependents()
    at = tl.program_id(0) * width + column
    row = tl.load(x + at, mask=inside, other=0.0)
    row = row * scale / tl.sqrt_rn(tl.sum(row * row, 0) / width + 1e-5)
    tl.store(out + at, row.to(out.dtype.element_ty), mask=inside)
