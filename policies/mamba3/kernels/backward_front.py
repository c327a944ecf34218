"""Last pass of the backward: through the front end, from keys, queries, decays and turns to the projections."""

from __future__ import annotations

import triton
import triton.language as tl

from policies.mamba3.kernels.backward_parts import load
from policies.mamba3.kernels.forward_parts import below, episodes


@triton.jit
def summed(slopes, at, columns, fits, width, SUMS):
    """[C, .]: ``columns`` of SUMS neighbouring lines of ``slopes``, which heads that share have left."""
    total = tl.load(slopes + at[:, None] * SUMS * width + columns[None, :], fits, 0.0)
    for k in range(1, SUMS):
        total += tl.load(slopes + (at[:, None] * SUMS + k) * width + columns[None, :], fits, 0.0)
    return total


@triton.jit
def back_norm(
    proj, lines, B_norm, C_norm, dproj, dnorm, L, rows, start, whole, SUMS,
    N: tl.constexpr, NB: tl.constexpr, G: tl.constexpr, C: tl.constexpr,
):  # fmt: skip
    """One chunk of one group's keys or queries through their norm: into ``dproj``, with a share of the norm's weight.

    For x = b r w with r = 1 / rms(b): db = r (w dx - b r^2 mean(b w dx)).
    """
    chunk, row, half = tl.program_id(0), tl.program_id(1).to(tl.int64), tl.program_id(2)
    k, t = tl.arange(0, NB), chunk * C + tl.arange(0, C)
    slopes, block, weight = lines + (1 - half // G) * whole, start + half * N, B_norm
    if half >= G:
        weight = C_norm
    at, exist = row * L + t, below(k, N, NB)
    fits = (t < L)[:, None] & exist[None, :]
    b = load(proj + at[:, None] * rows + block + k[None, :], fits)
    x = summed(slopes, at * G + half % G, k, fits, N, SUMS)
    scale = tl.rsqrt(tl.sum(b * b, 1) / N + 1e-5)[:, None]
    to = dnorm + ((row * tl.num_programs(0) + chunk) * 2 * G + half) * N
    tl.store(to + k, tl.sum(x * b * scale, 0), exist)
    x *= load(weight + k, exist)[None, :]
    x = scale * (x - b * ((tl.sum(x * b, 1) / N)[:, None] * scale * scale))
    tl.store(dproj + at[:, None] * rows + block + k[None, :], x.to(dproj.dtype.element_ty), fits)


@triton.jit
def back_drive(
    proj, rate, dt, lam, dt_bias, reset, ends, moments, drate, carried, first, dproj, ddt_bias,
    L, rows, start, whole, part, SUMS,
    H: tl.constexpr, HB: tl.constexpr, S: tl.constexpr, SB: tl.constexpr, C: tl.constexpr,
    SOFTPLUS: tl.constexpr, RESET: tl.constexpr, ENDS: tl.constexpr, FIRST: tl.constexpr,
):  # fmt: skip
    """One chunk: the rows of step size, decay, trapezoid and angle.

    From ``moments`` [2, 3, B, H, L], ``drate`` [2, B, L, W, S] and ``carried`` [B, n, H, S]; ``first`` [B, H] is the slope
    of the share of the past that the first moment takes in from a state given.
    """
    chunk, row = tl.program_id(0), tl.program_id(1).to(tl.int64)
    h, s, i = tl.arange(0, HB), tl.arange(0, SB), tl.arange(0, C)
    end = L
    if ENDS:
        end = tl.load(ends + row).to(tl.int32)
    t, whole = chunk * C + i, tl.cast(whole, tl.int64)
    at = row * L + t
    lives, heads = (t < end)[:, None] & (h < H)[None, :], (t < L)[:, None] & (h < H)[None, :]
    own, here = at[:, None] * H + h[None, :], moments + (row * H + h[None, :]) * L + t[:, None]
    step, share = tl.load(dt + own, lives, 0.0), tl.load(lam + own, lives, 0.0)
    dlog = tl.cumsum(load(here, lives) + load(here + 3 * whole, lives), 0, reverse=True)
    dscale = load(here + 4 * whole, lives)
    dgamma = load(here + whole, lives) + dscale
    dpast = load(here + 4 * whole - 1, lives & (t > 0)[:, None])
    if FIRST:
        dpast += tl.where(t[:, None] == 0, tl.load(first + row * H + h, h < H, 0.0)[None, :], 0.0)

    # Turns: what this chunk's own angles say is there already; later chunks speak to those of the last episode.
    cut, episode = episodes(reset, at, t < end, RESET)
    goes_on = (episode == tl.sum(cut, 0))[:, None]
    later = tl.load(carried + ((row * tl.num_programs(0) + chunk) * H + h[:, None]) * S + s[None, :],
                    (h < H)[:, None] & (s < S)[None, :], 0.0)  # fmt: skip
    turns = (t < end)[:, None] & (s < S)[None, :]
    speed = tl.load(rate + at[:, None] * S + s[None, :], turns, 0.0)
    dspeed = summed(drate, at, s, turns, S, SUMS) + summed(drate + part, at, s, turns, S, SUMS)
    dspeed += tl.dot(tl.where(goes_on, step, 0.0), later, input_precision="tf32x3")
    dstep = load(here + 2 * whole, lives) + load(here + 5 * whole, lives)
    dstep += tl.dot(tl.where(goes_on, speed, 0.0), tl.trans(later), input_precision="tf32x3")

    source, target = proj + at[:, None] * rows + start, dproj + at[:, None] * rows + start
    kind = dproj.dtype.element_ty
    a = tl.load(source + H + h[None, :], lives, 0.0).to(tl.float32)
    if SOFTPLUS:
        slope = tl.sigmoid(a)
        decay = tl.maximum(a, 0.0) + tl.log(1 + tl.exp(-tl.abs(a)))
    else:
        least = 1 / (1 - tl.minimum(a, 0.0))
        decay, slope = tl.where(a >= 0, 1 + a, least), least * least
    dstep += share * dgamma + (1 - share) * dpast - tl.maximum(decay, 1e-4) * dlog
    raw = (
        tl.load(source + h[None, :], lives, 0.0).to(tl.float32)
        + tl.load(dt_bias + h, h < H, 0.0).to(tl.float32)[None, :]
    )
    dstep = tl.where(lives, dstep * tl.sigmoid(raw), 0.0)
    tl.store(ddt_bias + (row * tl.num_programs(0) + chunk) * H + h, tl.sum(dstep, 0), h < H)
    tl.store(target + h[None, :], dstep.to(kind), heads)
    tl.store(target + H + h[None, :], tl.where(decay >= 1e-4, -step * dlog * slope, 0.0).to(kind), heads)
    tl.store(target + 2 * H + h[None, :], (step * (dgamma - dpast) * share * (1 - share)).to(kind), heads)
    dangle = dspeed * (3.141592653589793 - speed * speed * 0.3183098861837907)
    tl.store(target + 3 * H + s[None, :], dangle.to(kind), (t < L)[:, None] & (s < S)[None, :])
