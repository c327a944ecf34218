"""Second pass of the backward: everything that a chunk can tell once the states at both its ends are known.

Queries and keys are treated alike, each moment's own in rows and the others' in columns:

                queries                                       keys
    out         o = e (q h^T) + W v                           dv = f (k g^T) + W^T do
    slope       dq = e (do h) + (weight * do v^T) k           dk = f (v g) + (weight * do v^T)^T q

h is the state at the chunk's start, g the slope of the one at its end, W = weight * q k^T; e is what is left of h, f what
g sees of a moment. So one kernel does either, and what it reduces it reduces along rows.
"""

from __future__ import annotations

import triton
import triton.language as tl

from policies.mamba3.kernels.backward_parts import apart, decays, load, rotated, rotation, silu_of
from policies.mamba3.kernels.forward_parts import below, episodes, joined, later


@triton.jit
def back_in_chunk(
    dy, proj, mine, other, mine_bias, other_bias, rate, log_alpha, dt, lam, reset, ends, starts, dends, angles, D,
    dproj, lines, drate, moments, dsum, dbias, dD, L, H, rows, whole, HEADS, OWN,
    P: tl.constexpr, PB: tl.constexpr, N: tl.constexpr, S: tl.constexpr, SB: tl.constexpr, RB: tl.constexpr,
    C: tl.constexpr, RESET: tl.constexpr, ENDS: tl.constexpr,
    QUERY: tl.constexpr, KIND: tl.constexpr, QUICK: tl.constexpr, PRECISION: tl.constexpr, APART: tl.constexpr,
):  # fmt: skip
    """One chunk of one row, OWN heads one after the other; HEADS heads share keys and queries.

    Writes dz or dx into ``dproj``; ``lines`` [B, L, H / OWN, N] and ``drate`` [B, L, H / OWN, S], summed over the heads;
    ``moments`` [3, B, H, L]: the slopes of log alpha's sums, of gamma at its own moment (queries) or of the scale that
    later moments see (keys), and of dt through the turn; ``dsum`` [B, n, H, S], the slope of the angle at the chunk's
    start; and the chunk's shares of ``dbias`` [B, n, H, N] and ``dD`` [B, n, H].
    """
    chunk, row, group = tl.program_id(0), tl.program_id(1).to(tl.int64), tl.program_id(2)
    end = L
    if ENDS:
        end = tl.load(ends + row).to(tl.int32)
    line = row * L * (H // HEADS) + group * OWN // HEADS
    sums = row * L * tl.num_programs(2) + group
    for k in range(OWN):
        h = group * OWN + k
        home = (row * tl.num_programs(0) + chunk) * H + h
        drive = (
            rate + row * L * S,
            log_alpha + row * L * H + h,
            dt + row * L * H + h,
            lam + row * L * H + h,
            reset + row * L,
        )
        given = (
            dy + row * L * H * P + h * P, proj + row * L * rows + h * P, dproj + row * L * rows + h * P, mine + line * N,
            other + line * N, mine_bias + h * N, other_bias + h * N, starts + home * P * N, dends + home * P * N,
            angles + home * S, D + h,
        )  # fmt: skip
        wanted = (
            lines + sums * N, drate + sums * S, moments + (row * H + h) * L, dsum + home * S, dbias + home * N, dD + home
        )  # fmt: skip
        sizes = (chunk, end, L, H, rows, tl.cast(whole, tl.int64), H // HEADS, tl.num_programs(2), k)
        if APART:
            _head_apart(drive, given, wanted, sizes, P, PB, N, S, SB, RB, C, RESET, QUERY, KIND, QUICK, PRECISION)
        else:
            _head(drive, given, wanted, sizes, P, PB, N, S, SB, RB, C, RESET, QUERY, KIND, QUICK, PRECISION)


@triton.jit(noinline=True)
def _head_apart(
    drive, given, wanted, sizes,
    P: tl.constexpr, PB: tl.constexpr, N: tl.constexpr, S: tl.constexpr, SB: tl.constexpr, RB: tl.constexpr,
    C: tl.constexpr, RESET: tl.constexpr,
    QUERY: tl.constexpr, KIND: tl.constexpr, QUICK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The same as a function that is called: inlined into a loop, hundreds of addresses would be kept in registers."""
    _head(drive, given, wanted, sizes, P, PB, N, S, SB, RB, C, RESET, QUERY, KIND, QUICK, PRECISION)


@triton.jit
def _head(
    drive, given, wanted, sizes,
    P: tl.constexpr, PB: tl.constexpr, N: tl.constexpr, S: tl.constexpr, SB: tl.constexpr, RB: tl.constexpr,
    C: tl.constexpr, RESET: tl.constexpr,
    QUERY: tl.constexpr, KIND: tl.constexpr, QUICK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """One head of a chunk, the ``before``-th of those that are summed; pointers are to the row's first moment."""
    rate, log_alpha, dt, lam, reset = drive
    dy, proj, dproj, mine, other, mine_bias, other_bias, starts, dends, angles, D = given
    lines, drate, moments, dsum, dbias, dD = wanted
    chunk, end, L, H, rows, whole, groups, sums, before = sizes
    i, s, r, p, w = tl.arange(0, C), tl.arange(0, SB), tl.arange(0, RB), tl.arange(0, PB), tl.arange(0, 2 * SB)
    t = chunk * C + i
    fits, inside = (t < L)[:, None], (t < L)[:, None] & (p < P)[None, :]
    in_s, in_w, in_r = below(s, S, SB)[None, :], below(w, 2 * S, 2 * SB)[None, :], below(r, N - 2 * S, RB)[None, :]
    cut, episode = episodes(reset, t, t < end, RESET)
    step = load(dt + t * H, t < L)
    gamma = load(lam + t * H, t < L) * step
    scale = gamma + load(dt + (t + 1) * H, t + 1 < L) * (1 - load(lam + (t + 1) * H, t + 1 < L))
    total, from_start, to_end = decays(load(log_alpha + t * H, t < L), episode, i, C)
    speed = rate + t[:, None] * S + s[None, :]
    turn = load(speed, fits & in_s) * step[:, None]
    cos, sin = rotation(angles, turn, episode, cut, s, S, SB, RESET, QUICK)
    m, m_rest = rotated(mine + t[:, None] * groups * N, mine_bias, fits, cos, sin, s, r, N, S, SB, RB)
    o, o_rest = rotated(other + t[:, None] * groups * N, other_bias, fits, cos, sin, s, r, N, S, SB, RB)
    m, m_rest, o, o_rest = m.to(KIND), m_rest.to(KIND), o.to(KIND), o_rest.to(KIND)
    at_p = t[:, None] * rows + p[None, :]
    v = tl.load(proj + H * P + at_p, inside, 0.0).to(KIND)
    do = tl.load(dproj + H * P + at_p, inside, 0.0).to(KIND)  # left there by the first pass

    line, tall = p[:, None] * N, (p < P)[:, None]
    one = tl.load(starts + line + s[None, :], tall & in_s, 0.0)
    two = tl.load(starts + line + S + s[None, :], tall & in_s, 0.0)
    state, state_rest = joined(one, two), tl.load(starts + line + 2 * S + r[None, :], tall & in_r, 0.0)
    left, right, factor = do, v, from_start
    if not QUERY:
        left, right, factor = v, do, to_end * scale
        kept, state = _both(state, tl.load(dends + line + w[None, :], tall & in_w, 0.0))
        more, state_rest = _both(state_rest, tl.load(dends + line + 2 * S + r[None, :], tall & in_r, 0.0))
        kept += more
    state, state_rest = state.to(KIND), state_rest.to(KIND)
    out = tl.dot(m, tl.trans(state), input_precision=PRECISION)
    score = tl.dot(m, tl.trans(o), input_precision=PRECISION)
    if N > 2 * S:
        out = tl.dot(m_rest, tl.trans(state_rest), out, input_precision=PRECISION)
        score = tl.dot(m_rest, tl.trans(o_rest), score, input_precision=PRECISION)
    cross = tl.dot(left, tl.trans(right), input_precision=PRECISION)

    far = tl.sum(left.to(tl.float32) * out, 1)
    decay, weight, same = _weights(total, scale, gamma, episode, i, QUERY)
    slopes = cross * score
    if QUERY:
        first = from_start * far + tl.sum(tl.where(same, 0.0, slopes * weight), 1)
        second = tl.sum(tl.where(same, slopes, 0.0), 1)
        tl.store(dD, tl.sum(tl.sum(tl.where(same, cross, 0.0), 1), 0))
    else:
        second = tl.sum(slopes * decay, 1) + to_end * far
        kept = kept * tl.sum(tl.where(i == C - 1, from_start, 0.0), 0) + tl.sum(factor * far, 0)
        first = tl.where(i == C - 1, kept, 0.0) - scale * second
    tl.store(moments + t, first, t < L)
    tl.store(moments + whole + t, second, t < L)

    W = (score * weight + tl.where(same, tl.load(D), 0.0)).to(KIND)
    out = tl.dot(W, right, out * factor[:, None], input_precision=PRECISION)
    if QUERY:
        dout = load(dy + t[:, None] * (H * P) + p[None, :], inside & (t < end)[:, None])
        _, slope = silu_of(load(proj + at_p, inside), QUICK)
        tl.store(dproj + at_p, (dout * out * slope).to(dproj.dtype.element_ty), inside)
    else:
        tl.store(dproj + H * P + at_p, out.to(dproj.dtype.element_ty), inside)

    # The slopes of what was turned, turned back.
    cross = (cross * weight).to(KIND)
    x = tl.dot(left, state, input_precision=PRECISION) * factor[:, None]
    x = tl.dot(cross, o, x, input_precision=PRECISION)
    xa, xb = apart(x)
    ma, mb = apart(m.to(tl.float32))
    dangle = xb * ma - xa * mb
    x = joined(xa * cos + xb * sin, xb * cos - xa * sin)
    to_line = lines + t[:, None] * sums * N
    _add(to_line + w[None, :], x, fits & in_w, before)
    tl.store(dbias + w, tl.sum(x, 0), below(w, 2 * S, 2 * SB))
    if N > 2 * S:
        x = tl.dot(left, state_rest, input_precision=PRECISION) * factor[:, None]
        x = tl.dot(cross, o_rest, x, input_precision=PRECISION)
        _add(to_line + 2 * S + r[None, :], x, fits & in_r, before)
        tl.store(dbias + 2 * S + r, tl.sum(x, 0), below(r, N - 2 * S, RB))

    dturn = _after(dangle, reset, t, end, RESET)
    first_only = (i == 0)[:, None] & in_s
    tl.store(dsum + s[None, :] + 0 * i[:, None], tl.where(episode[:, None] == 0, dturn, 0.0), first_only)
    tl.store(moments + 2 * whole + t, tl.sum(dturn * load(speed, fits & in_s), 1), t < L)
    _add(drate + t[:, None] * sums * S + s[None, :], dturn * step[:, None], fits & in_s, before)


@triton.jit
def _both(state, slope):
    """The sum of ``state`` times ``slope``, and ``slope``."""
    return tl.sum(tl.sum(state.to(tl.float32) * slope.to(tl.float32), 1), 0), slope


@triton.jit
def _weights(total, scale, gamma, episode, i, QUERY: tl.constexpr):
    """[C, C]: what is left at the later of two moments of the earlier one, that times what entered, and where both are one.

    The mask comes before the exponential, which might overflow: the later moment's sum is the lower.
    """
    same, gap = i[:, None] == i[None, :], total[:, None] - total[None, :]
    earlier = i[:, None] > i[None, :]
    if not QUERY:
        earlier, gap = i[:, None] < i[None, :], -gap
    decay = tl.exp(tl.where(earlier & (episode[:, None] == episode[None, :]), gap, float("-inf")))
    weight = decay * scale[None, :] if QUERY else decay * scale[:, None]
    return decay, tl.where(same, gamma[:, None], weight), same


@triton.jit
def _after(dangle, reset, t, end, RESET: tl.constexpr):
    """The slopes of turns [C, S]: an angle is the sum of the turns before it, so theirs are sums over the angles after.

    In float32, since queries and keys nearly cancel each other; and no product with a triangle, to which ptxas 12.8 once
    gave a wrong address.
    """
    if RESET:
        last, _ = episodes(reset, t + 1, t + 1 < end, RESET)  # of an episode: the next one begins after it
        total, _ = tl.associative_scan((dangle, tl.broadcast_to(last[:, None], dangle.shape)), 0, later, reverse=True)
    else:
        total = tl.cumsum(dangle, 0, reverse=True)
    return total


@triton.jit
def _add(to, x, fits, before):
    """Add ``x`` to what the heads ``before`` left there, if there were any."""
    if before > 0:
        x += tl.load(to, fits, 0.0)
    tl.store(to, x, fits)
