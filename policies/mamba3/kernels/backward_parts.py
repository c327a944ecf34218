"""What both passes of the backward recompute of a chunk, as functions for kernels. Shapes as in :mod:`.front`.

A chunk has C moments. The state's channels come as two tiles: the S pairs that turn, and the N - 2S that do not. A tile
narrower than 16, the least that a product takes, is filled up with zeros.
"""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra import libdevice

TURN = tl.constexpr(4294967296.0)
"""Units of an angle in a turn, as in the forward."""


@triton.jit
def silu_of(z, QUICK: tl.constexpr):
    """silu(z) and its slope; QUICK with the hardware's exponential and reciprocal, exact to 2^-22."""
    if QUICK:
        half = tl.inline_asm_elementwise(
            "ex2.approx.ftz.f32 $0, $1;", "=f,f", [z * -1.4426950408889634], tl.float32, True, 1
        )
        half = tl.inline_asm_elementwise("rcp.approx.ftz.f32 $0, $1;", "=f,f", [1.0 + half], tl.float32, True, 1)
    else:
        half = tl.sigmoid(z)
    return z * half, half * (1 + z * (1 - half))


@triton.jit
def cuts(reset, row, t, end, RESET: tl.constexpr):
    """[C]: 1 where an episode begins before the moment, and how many of the chunk have begun by then."""
    if RESET:
        cut = (tl.load(reset + row + t, t < end, 0) != 0).to(tl.int32)
        return cut, tl.cumsum(cut, 0)
    return t * 0, t * 0


@triton.jit
def decays(log_alpha, episode, i, C: tl.constexpr):
    """Sums of ``log_alpha`` [C] up to each moment; what is left of the chunk's start then, and at its end of each then."""
    total = tl.cumsum(log_alpha, 0)
    last = tl.sum(tl.where(i == C - 1, episode, 0), 0)
    from_start = tl.where(episode == 0, tl.exp(total), 0.0)
    to_end = tl.where(episode == last, tl.exp(tl.minimum(tl.sum(log_alpha, 0) - total, 0.0)), 0.0)
    return total, from_start, to_end


@triton.jit
def _units(radians):
    """An angle in whole units."""
    turns = radians * 0.15915494309189535
    return ((turns - tl.floor(turns + 0.5)) * TURN).to(tl.int32)


@triton.jit
def since(turned, cut, more, cuts):
    """Sums over two neighbouring stretches, joined; what lies before a cut is forgotten."""
    return tl.where(cuts > 0, more, turned + more), cut | cuts


@triton.jit
def cos_sin(units, QUICK: tl.constexpr):
    """By the series within an eighth of a turn, and the number of the quarter; or, QUICK, the hardware's to 2^-20."""
    if QUICK:
        radians = units.to(tl.float32) * (6.283185307179586 / TURN)
        return libdevice.fast_cosf(radians), libdevice.fast_sinf(radians)
    quarter = ((units >> 29) + 1) >> 1
    x = (units - (quarter << 30)).to(tl.float32) * (6.283185307179586 / TURN)
    x2 = x * x
    sin = x * (1 + x2 * (-1.6666654611e-1 + x2 * (8.3321608736e-3 + x2 * -1.9515295891e-4)))
    cos = 1 + x2 * (-0.5 + x2 * (4.166664568e-2 + x2 * (-1.388731625e-3 + x2 * 2.443315712e-5)))
    odd = (quarter & 1) != 0
    a, b = tl.where(odd, sin, cos), tl.where(odd, cos, sin)
    return tl.where(((quarter + 1) & 2) != 0, -a, a), tl.where((quarter & 2) != 0, -b, b)


@triton.jit
def turned(angles, turn, episode, cut, s, S: tl.constexpr, SB: tl.constexpr, C: tl.constexpr, RESET: tl.constexpr,
           QUICK: tl.constexpr):  # fmt: skip
    """Cosine and sine [C, S] of the angle from ``angles`` (a pointer to [S]) and the ``turn`` [C, S] of each moment."""
    start, phase = _units(load(angles + s, below(s, S, SB)))[None, :], _units(turn)
    if RESET:
        phase, _ = tl.associative_scan((phase, tl.broadcast_to(cut[:, None], (C, SB))), 0, since)
        return cos_sin(phase + tl.where(episode[:, None] == 0, start, 0), QUICK)
    return cos_sin(tl.cumsum(phase, 0) + start, QUICK)


@triton.jit
def rotated(lines, bias, fits, cos, sin, s, r, N: tl.constexpr, S: tl.constexpr, SB: tl.constexpr,
            RB: tl.constexpr):  # fmt: skip
    """Keys or queries at ``lines`` [C, 1], which are permuted, with their ``bias`` [N]: [C, 2S] turned, [C, N - 2S] not."""
    pairs, rest = fits & below(s, S, SB)[None, :], fits & below(r, N - 2 * S, RB)[None, :]
    one = load(lines + s[None, :], pairs) + load(bias + 2 * s, below(s, S, SB))[None, :]
    two = load(lines + S + s[None, :], pairs) + load(bias + 2 * s + 1, below(s, S, SB))[None, :]
    three = load(lines + 2 * S + r[None, :], rest) + load(bias + 2 * S + r, below(r, N - 2 * S, RB))[None, :]
    return side_by_side(one * cos - two * sin, one * sin + two * cos), three


@triton.jit
def side_by_side(one, two):
    """[C, 2S] of [C, S] and [C, S]: pairs as the weights have them."""
    return tl.reshape(tl.join(one, two), (one.shape[0], 2 * one.shape[1]))


@triton.jit
def apart(pairs):
    """[C, S] and [C, S] of [C, 2S]."""
    return tl.split(tl.reshape(pairs, (pairs.shape[0], pairs.shape[1] // 2, 2)))


@triton.jit
def load(at, fits):
    """In float32, zero where nothing ``fits``."""
    return tl.load(at, fits, 0.0).to(tl.float32)


@triton.jit
def below(index, limit: tl.constexpr, WIDTH: tl.constexpr):
    """Which of ``index``, WIDTH channels in a row, exist; where such tiles are full, without a question at run time."""
    exist = index < limit
    if limit > 0 and limit % WIDTH == 0:
        exist = index == index
    return exist
