"""What the programs of both kernels do, and of the one that adds up their parts."""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from policies.nvfp4.kernels.decode import BORROWED, scaled, scales, value


@triton.jit
def _weights(codes, bytes_, row, block, rows, blocks, end):
    """A tile of codes and of the bytes of their scales; nothing beyond the ``end`` of this part."""
    at, inside = row[:, None] * blocks + block[None, :], (row < rows)[:, None] & (block < end)[None, :]
    return tl.load(codes + at, inside, 0), tl.load(bytes_ + at, inside, 0)


@triton.jit
def _write(out, total, bias, whole, b, row, batch, rows, BIAS: tl.constexpr, WHOLE: tl.constexpr):
    """Sums, finished if they are WHOLE, else as they are to this part's share; ``b`` and ``row`` broadcast to [., .]."""
    at, fits = b * rows + row, (b < batch) & (row < rows)
    if WHOLE:
        total = total * (tl.load(whole) * BORROWED)
        if BIAS:
            total += tl.load(bias + row, row < rows, 0.0).to(tl.float32)
        tl.store(out + at, total.to(out.dtype.element_ty), fits)
    else:
        tl.store(out + tl.program_id(1) * batch * rows + at, total, fits)


# the bytes of scales seem unaligned to the compiler, so that codes alone decide who reads what: 16 bytes a thread
@triton.jit(do_not_specialize_on_alignment=["bytes_"])
def gemv_program(x, codes, bytes_, whole, bias, out, batch, rows, columns, blocks, share, BIAS: tl.constexpr,
          WHOLE: tl.constexpr, R: tl.constexpr, B: tl.constexpr, PDL: tl.constexpr, BATCH: tl.constexpr,
          PACKED: tl.constexpr):  # fmt: skip
    """R rows of the weight with BATCH rows of ``x``, multiplied by the processors."""
    row, begin = tl.program_id(0) * R + tl.arange(0, R), tl.program_id(1) * share
    end = tl.minimum(begin + share, blocks)
    block = begin + tl.arange(0, B)
    code, byte = _weights(codes, bytes_, row, block, rows, blocks, end)
    next_code, next_byte = _weights(codes, bytes_, row, block + B, rows, blocks, end)
    if PDL:
        gdc_wait()
        gdc_launch_dependents()
    total = _lines(code, scales(byte), x, block, batch, columns, PACKED, 0, BATCH)
    for start in range(begin + B, end, B):
        block = start + tl.arange(0, B)
        code, byte = next_code, next_byte
        next_code, next_byte = _weights(codes, bytes_, row, block + B, rows, blocks, end)
        total += _lines(code, scales(byte), x, block, batch, columns, PACKED, 0, BATCH)
    line = tl.sum(total, 1)
    if BATCH == 4:
        line = tl.permute(line, (0, 2, 1))
    if BATCH == 8:
        line = tl.permute(line, (0, 3, 2, 1))
    line = tl.reshape(line, (R, BATCH))
    b, at = tl.arange(0, BATCH)[None, :], row[:, None]
    _write(out, line, bias, whole, b, at, batch, rows, BIAS, WHOLE)


@triton.jit
def _lines(code, scale, x, block, batch, columns, PACKED: tl.constexpr, FIRST: tl.constexpr, COUNT: tl.constexpr):
    """A tile with COUNT rows of ``x``: [R, B, 2, ...], a block's sum each; the last axis is the row's highest bit."""
    limit = tl.where(batch > FIRST, columns, 0)
    return (
        _line(code, x + FIRST * columns, block, limit, PACKED) * scale
        if COUNT == 1
        else tl.join(
            _lines(code, scale, x, block, batch, columns, PACKED, FIRST, COUNT // 2),
            _lines(code, scale, x, block, batch, columns, PACKED, FIRST + COUNT // 2, COUNT // 2),
        )
    )


@triton.jit
def _line(code, x, block, columns, PACKED: tl.constexpr):
    """[R, B]: each block's codes with its 16 columns of one row; PACKED reads four bfloat16 columns at once."""
    total = tl.zeros(code.shape, tl.float32)
    for four in tl.static_range(4):
        column = block * 16 + four * 4
        if PACKED:
            words = tl.load(x.to(tl.pointer_type(tl.int64)) + block * 4 + four, column < columns, 0)
        for i in tl.static_range(4):
            if PACKED:
                u = ((words >> (16 * i)).to(tl.uint32) << 16).to(tl.float32, bitcast=True)
            else:
                u = tl.load(x + column + i, column + i < columns, 0.0).to(tl.float32)
            total += value(code, four * 4 + i) * u[None, :]
    return total


@triton.jit(do_not_specialize_on_alignment=["bytes_"])
def tiles_program(x, codes, bytes_, whole, bias, out, batch, rows, columns, blocks, share, BIAS: tl.constexpr,
           WHOLE: tl.constexpr, R: tl.constexpr, B: tl.constexpr, PDL: tl.constexpr, BATCH: tl.constexpr,
           KIND: tl.constexpr):  # fmt: skip
    """R rows of the weight with BATCH rows of ``x`` by tensor cores: code x block scale is exact in bfloat16."""
    row, begin = tl.program_id(0) * R + tl.arange(0, R), tl.program_id(1) * share
    end = tl.minimum(begin + share, blocks)
    code, byte = _weights(codes, bytes_, row, begin + tl.arange(0, B), rows, blocks, end)
    if PDL:
        gdc_wait()
        gdc_launch_dependents()
    b = tl.arange(0, BATCH)
    total = tl.zeros((R, BATCH), tl.float32)
    for start in range(begin, end, B):
        block = start + tl.arange(0, B)
        next_code, next_byte = _weights(codes, bytes_, row, block + B, rows, blocks, end)
        column = start * 16 + tl.arange(0, 16 * B)
        inside = (column < columns)[:, None] & (b < batch)[None, :]
        u = tl.load(x + b[None, :] * columns + column[:, None], inside, 0.0)  # [16 B, BATCH]
        w = tl.reshape(scaled(code, scales(byte), KIND, 0, 1), (R, 16 * B))
        total = tl.dot(w, u.to(KIND), total)
        code, byte = next_code, next_byte
    at = row[:, None]
    _write(out, total, bias, whole, b[None, :], at, batch, rows, BIAS, WHOLE)


@triton.jit
def add_up(parts, whole, bias, out, stride, rows, PARTS: tl.constexpr, BIAS: tl.constexpr, N: tl.constexpr,
            PDL: tl.constexpr):  # fmt: skip
    """The sums of PARTS of the columns, in their order, times the tensor's scale, plus the bias."""
    row = tl.program_id(0) * N + tl.arange(0, N)
    at, inside = tl.program_id(1) * rows + row, row < rows
    if PDL:
        gdc_wait()
        gdc_launch_dependents()
    total = tl.load(parts + at, inside, 0.0)
    for part in tl.static_range(1, PARTS):
        total += tl.load(parts + part * stride + at, inside, 0.0)
    total = total * (tl.load(whole) * BORROWED)
    if BIAS:
        total += tl.load(bias + row, inside, 0.0).to(tl.float32)
    tl.store(out + at, total.to(out.dtype.element_ty), inside)
