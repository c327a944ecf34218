"""First pass of the backward: the gradient of the state, handed from chunk to chunk towards the start."""

from __future__ import annotations

import triton
import triton.language as tl

from policies.mamba3.kernels.backward_parts import decays, load, rotated, rotation, silu_of
from policies.mamba3.kernels.forward_parts import below, episodes


@triton.jit
def carry_state(
    dy, proj, queries, rate, log_alpha, dt, reset, ends, angles, C_bias, dends, first, dproj,
    L, H, rows, HEADS,
    P: tl.constexpr, N: tl.constexpr, S: tl.constexpr, SB: tl.constexpr, RB: tl.constexpr, PB: tl.constexpr,
    C: tl.constexpr, RESET: tl.constexpr, ENDS: tl.constexpr,
    KIND: tl.constexpr, QUICK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """One head of one row, SB of its pairs and RB of its other channels.

    Writes ``dends`` [B, n, H, P, N], the slope of what each chunk leaves, and ``first`` [B, H, P, N], that of what the
    sequence starts from. The slope of what comes before the gate, do, is left for the second pass in the columns of
    ``dproj`` where dx will be. HEADS heads share their queries.
    """
    row, h = (tl.program_id(0) // H).to(tl.int64), tl.program_id(0) % H
    i, p, part = tl.arange(0, C), tl.arange(0, PB), tl.program_id(1)
    s, r = part * SB + tl.arange(0, SB), part * RB + tl.arange(0, RB)
    n = tl.cdiv(L, C)
    end = L
    if ENDS:
        end = tl.load(ends + row).to(tl.int32)
    line, tall = p[:, None] * N, (p < P)[:, None]
    turning, resting = (part * 2 * SB + tl.arange(0, 2 * SB))[None, :], 2 * S + r[None, :]
    paired, rest = tall & below(turning, 2 * S, 2 * SB), tall & below(r, N - 2 * S, RB)[None, :]
    home = (row * H + h) * P * N
    dy, queries = dy + row * L * H * P + h * P, queries + (row * L * (H // HEADS) + h // HEADS) * N
    proj, dproj = proj + row * L * rows + h * P, dproj + row * L * rows + (H + h) * P
    log_alpha, dt, rate = log_alpha + row * L * H, dt + row * L * H, rate + row * L * S
    g, gr = tl.zeros((PB, 2 * SB), tl.float32), tl.zeros((PB, RB), tl.float32)
    for back in range(n):
        chunk = n - 1 - back
        place = (row * n + chunk) * H + h
        tl.store(dends + place * P * N + line + turning, g.to(dends.dtype.element_ty), paired)
        tl.store(dends + place * P * N + line + resting, gr.to(dends.dtype.element_ty), rest)
        t = chunk * C + i
        fits, inside = t < L, (t < L)[:, None] & (p < P)[None, :]
        cut, episode = episodes(reset, row * L + t, t < end, RESET)
        _, from_start, _ = decays(load(log_alpha + t * H + h, fits), episode, i, C)
        turn = load(rate + t[:, None] * S + s[None, :], fits[:, None] & below(s, S, SB)[None, :])
        turn *= load(dt + t * H + h, fits)[:, None]
        cos, sin = rotation(angles + place * S, turn, episode, cut, s, S, SB, RESET, QUICK)
        read = queries + t[:, None] * (H // HEADS) * N
        q, qr = rotated(read, C_bias + h * N, fits[:, None], cos, sin, s, r, N, S, SB, RB)
        gate, _ = silu_of(load(proj + t[:, None] * rows + p[None, :], inside), QUICK)
        do = load(dy + t[:, None] * (H * P) + p[None, :], inside & (t < end)[:, None]) * gate
        if part == 0:
            tl.store(dproj + t[:, None] * rows + p[None, :], do.to(dproj.dtype.element_ty), inside)
        do = tl.trans((do * from_start[:, None]).to(KIND))
        left = tl.sum(tl.where(i == C - 1, from_start, 0.0), 0)
        g = tl.dot(do, q.to(KIND), g * left, input_precision=PRECISION)
        if N > 2 * S:
            gr = tl.dot(do, qr.to(KIND), gr * left, input_precision=PRECISION)
    tl.store(first + home + line + turning, g, paired)
    tl.store(first + home + line + resting, gr, rest)


@triton.jit
def carry_turn(
    dsum, reset, ends, carried, n, L, H, whole,
    S: tl.constexpr, SB: tl.constexpr, C: tl.constexpr, RESET: tl.constexpr, ENDS: tl.constexpr,
):  # fmt: skip
    """``carried`` [B, n, H, S]: the slope of the angle at each chunk's end, from ``dsum`` [2, B, n, H, S], at its start."""
    row, h = (tl.program_id(0) // H).to(tl.int64), tl.program_id(0) % H
    end = L
    if ENDS:
        end = tl.load(ends + row).to(tl.int32)
    s, i = tl.arange(0, SB), tl.arange(0, C)
    total = tl.zeros((SB,), tl.float32)
    for back in range(n):
        chunk = n - 1 - back
        at = ((row * n + chunk) * H + h) * S + s
        tl.store(carried + at, total, s < S)
        cut, _ = episodes(reset, row * L + chunk * C + i, chunk * C + i < end, RESET)
        total = tl.where(tl.sum(cut, 0) == 0, total, 0.0) + load(dsum + at, s < S) + load(dsum + whole + at, s < S)
