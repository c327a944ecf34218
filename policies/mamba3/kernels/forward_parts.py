"""The pieces of the forward's kernels: a chunk's angles, decays, rotated keys and queries, and tiles of states.

A tile has C moments or P numbers of a head in its lines, and state channels in its columns. It is joined from parts of one
shape, column by column in turn, so that no number leaves its thread: the firsts of pairs with their seconds, and, where
only half of the channels turn, these with the others' two halves.
"""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra import libdevice

TURN = tl.constexpr(4294967296.0)
"""Units of an angle in a turn: it is held in 32 bits, which overflow where a turn is full."""


@triton.jit
def later(turned, flag, more, flags):
    """Of two sums over neighbouring stretches, that over both; a reset in the second forgets the first."""
    return tl.where(flags > 0, more, turned + more), flag | flags


@triton.jit
def cos_sin(phase, QUICK: tl.constexpr):
    """Of ``phase`` / 2^32 turns: the quarter by its number, the rest within an eighth of a turn by its series.

    ``QUICK`` takes the hardware's instead, which are exact to 2^-20.
    """
    if QUICK:
        radians = phase.to(tl.float32) * (6.283185307179586 / TURN)
        return libdevice.fast_cosf(radians), libdevice.fast_sinf(radians)
    quarter = ((phase >> 29) + 1) >> 1
    x = (phase - (quarter << 30)).to(tl.float32) * (6.283185307179586 / TURN)
    x2 = x * x
    sin = x * (1 + x2 * (-1.6666654611e-1 + x2 * (8.3321608736e-3 + x2 * -1.9515295891e-4)))
    cos = 1 + x2 * (-0.5 + x2 * (4.166664568298827e-2 + x2 * (-1.388731625493765e-3 + x2 * 2.443315711809948e-5)))
    odd = (quarter & 1) != 0
    a, b = tl.where(odd, sin, cos), tl.where(odd, cos, sin)
    return tl.where(((quarter + 1) & 2) != 0, -a, a), tl.where((quarter & 2) != 0, -b, b)


@triton.jit
def exp2(x, QUICK: tl.constexpr):
    """2^x; ``QUICK`` takes the hardware's, which is exact to 2^-22 but has no subnormal numbers."""
    if QUICK:
        return tl.inline_asm_elementwise("ex2.approx.ftz.f32 $0, $1;", "=f,f", [x], tl.float32, is_pure=True, pack=1)
    return tl.exp2(x)


@triton.jit
def sigmoid(z, QUICK: tl.constexpr):
    """1 / (1 + exp(-z)); ``QUICK`` takes the hardware's exponential and reciprocal, exact to 2^-22."""
    if QUICK:
        below = 1 + exp2(z * -1.4426950408889634, QUICK)
        return tl.inline_asm_elementwise(
            "rcp.approx.ftz.f32 $0, $1;", "=f,f", [below], tl.float32, is_pure=True, pack=1
        )
    return tl.sigmoid(z)


@triton.jit
def silu(z, QUICK: tl.constexpr):
    """z / (1 + exp(-z))."""
    return z * sigmoid(z, QUICK)


@triton.jit
def below(index, limit: tl.constexpr, width: tl.constexpr):
    """Which of ``index``, ``width`` channels in a row, exist; where such tiles are full, without a question at run time."""
    there = index < limit
    if limit > 0 and limit % width == 0:
        there = tl.full(index.shape, True, tl.int1)
    return there


@triton.jit
def channels(WIDTH: tl.constexpr, S: tl.constexpr, HALF: tl.constexpr):
    """The weights' channel in each column of a tile, and which columns hold one."""
    columns = tl.arange(0, WIDTH)
    places, exist = columns, columns // 2 < S
    if HALF:
        exist = columns // 4 < S
        places = tl.where(columns % 2 == 0, columns // 2, 2 * S + columns // 4 + columns % 4 // 2 * S)
    return places, exist


@triton.jit
def part(source, bias, bias_step: tl.constexpr, s, there, fits):
    """Some channels of keys or queries, of a line each at ``source``, with their ``bias``: float32 [C, SP]."""
    values = tl.load(source + s[None, :], mask=fits & there[None, :], other=0.0).to(tl.float32)
    return values + tl.load(bias + s * bias_step, mask=there, other=0.0)[None, :]


@triton.jit
def joined(a, b):
    """Two tiles as one, column by column in turn."""
    return tl.reshape(tl.join(a, b), (a.shape[0], 2 * a.shape[1]))


@triton.jit
def rotated(source, bias, s, there, fits, cos, sin, S: tl.constexpr, HALF: tl.constexpr):
    """Keys or queries of a chunk, a line each at ``source``, with ``bias`` [N] and turned: float32 [C, columns]."""
    a, b = part(source, bias, 2, s, there, fits), part(source + S, bias + 1, 2, s, there, fits)
    tile = joined(a * cos - b * sin, a * sin + b * cos)
    if HALF:
        a = part(source + 2 * S, bias + 2 * S, 1, s, there, fits)
        b = part(source + 3 * S, bias + 3 * S, 1, s, there, fits)
        tile = joined(tile, joined(a, b))
    return tile


@triton.jit
def start_of(source, s, fits, S: tl.constexpr, HALF: tl.constexpr):
    """The state of which ``source`` has a line of N permuted numbers for each p, in a tile's order of columns."""
    tile = joined(
        tl.load(source + s[None, :], mask=fits, other=0.0), tl.load(source + S + s[None, :], mask=fits, other=0.0)
    )
    if HALF:
        a = tl.load(source + 2 * S + s[None, :], mask=fits, other=0.0)
        tile = joined(tile, joined(a, tl.load(source + 3 * S + s[None, :], mask=fits, other=0.0)))
    return tile


@triton.jit
def pair(out, pairs, s, fits, S: tl.constexpr):
    """Write the even and the odd columns of ``pairs`` to a line each of ``out``, S numbers apart."""
    first, second = tl.split(tl.reshape(pairs, (pairs.shape[0], pairs.shape[1] // 2, 2)))
    tl.store(out + s[None, :], first, mask=fits)
    tl.store(out + S + s[None, :], second, mask=fits)


@triton.jit
def keep(out, h, s, fits, S: tl.constexpr, HALF: tl.constexpr):
    """Write a state to ``out``, a line of N permuted numbers for each p."""
    if HALF:
        h, rest = tl.split(tl.reshape(h, (h.shape[0], h.shape[1] // 2, 2)))
        pair(out + 2 * S, rest, s, fits, S)
    pair(out, h, s, fits, S)


@triton.jit
def fixed(radians, times):
    """An angle in 2^-32 turns; whole turns go by adding 1.5 * 2^23, beyond which no fraction has a place."""
    turns = radians * (times * 0.15915494309189535)
    return ((turns - ((turns + 12582912.0) - 12582912.0)) * TURN).to(tl.int32)


@triton.jit
def scales(log_alpha, dt, lam, here, t, fits, L, H: tl.constexpr):
    """Of a chunk's moments: dt, gamma, log2 of what is left then of its start, that less log2 of the weight with which the
    moment's key enters; and log2 of what is left of its start at its end."""
    step = tl.load(dt + here, mask=fits, other=0.0)
    gamma = tl.load(lam + here, mask=fits, other=0.0) * step
    more = tl.load(dt + here + H, mask=t + 1 < L, other=0.0)
    less = tl.load(lam + here + H, mask=t + 1 < L, other=0.0)
    loss = tl.load(log_alpha + here, mask=fits, other=0.0) * 1.4426950408889634
    sunk = tl.cumsum(loss, 0)
    return step, gamma, sunk, sunk - tl.log2(gamma + (1 - less) * more), tl.sum(loss, 0)


@triton.jit
def episodes(reset, at, real, RESET: tl.constexpr):
    """[C]: 1 where an episode begins before the moment, and how many have since the chunk's start."""
    cut = (at * 0).to(tl.int32)
    episode = cut
    if RESET:
        cut = (tl.load(reset + at, mask=real, other=0) != 0).to(tl.int32)
        episode = tl.cumsum(cut, 0)
    return cut, episode


@triton.jit
def turned(turn, phase, cut, episode, RESET: tl.constexpr):
    """Sums of ``turn`` [C, pairs] since ``phase`` [pairs] or, after it, the latest cut."""
    if RESET:
        turn, _ = tl.associative_scan((turn, tl.broadcast_to(cut[:, None], turn.shape)), 0, later)
        turn += tl.where((episode == 0)[:, None], phase[None, :], 0)
    else:
        turn = tl.cumsum(turn, 0) + phase[None, :]
    return turn
