"""A sequence in two launches, without a rotated key or query of any head in memory.

1. ``_carry`` walks the chunks of each head in order, for the state and the angles at each one's start alone.
2. ``_local`` goes from there to what each chunk puts out, all chunks side by side.

The mathematics is that of :mod:`policies.mamba3.scan`; the starts between the two are what the backward wants as well.
Angles are sums of whole numbers, 2^32 to the turn: exact over any length, and 2 pi falls out by overflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from policies.mamba3.config import Mamba3Config
from policies.mamba3.kernels.available import HOPPER, generation, interpreted
from policies.mamba3.kernels.forward_parts import (
    TURN,
    below,
    channels,
    cos_sin,
    episodes,
    exp2,
    fixed,
    keep,
    rotated,
    scales,
    silu,
    start_of,
    turned,
)
from policies.mamba3.kernels.front import Front
from policies.mamba3.recurrence import Mamba3State, state_shapes

CHUNK = {torch.bfloat16: 64, torch.float32: 32}
"""Moments of a chunk: in float32, 64 of them would fill 128 KB of shared memory, which not every GPU has."""
REGISTERS = 168
"""A thread's in ``_local``, so that three programs of four warps share a processor's 65,536."""


@dataclass(frozen=True)
class Heads:
    """A block's parameters that only the scan itself needs."""

    B_bias: Tensor  # [H, 1, N]
    C_bias: Tensor  # [H, 1, N]
    D: Tensor  # [H]


@dataclass(frozen=True)
class Walked:
    """What the forward gives; n chunks."""

    y: Tensor  # [B, L, E], gated, in the projections' precision; zero after a row's end
    state: Mamba3State
    starts: Tensor  # [B, n, H, P, N], as Saved has it
    angles: Tensor  # [B, n, H, S], as Saved has it


def forward(
    proj: Tensor, given: Front, heads: Heads, config: Mamba3Config, state: Mamba3State | None, *,
    reset: Tensor | None = None, lengths: Tensor | None = None, chunk: int,
) -> Walked:  # fmt: skip
    """Walk ``proj`` [B, L, rows] from ``state`` (rest if None); ``reset`` [B, L] and ``lengths`` [B] as in Mamba3.scan.

    Every tensor is contiguous: :func:`~policies.mamba3.kernels.scan.fused_scan` sees to it.
    """
    c, (batch, length, rows) = config, proj.shape
    chunks, sizes = triton.cdiv(length, chunk), _sizes(proj, config, chunk, reset, lengths)
    y = proj.new_empty(batch, length, c.d_inner)
    starts = proj.new_empty(batch, chunks, c.heads, c.head_dim, c.d_state)
    angles, scales = _single(proj, batch, chunks, c.heads, c.angles), _single(proj, 3, batch, c.heads, length)
    last = Mamba3State(*(_single(proj, *shape) for shape in state_shapes(c, batch)))
    first = last if state is None else state
    cuts = starts if reset is None else reset, starts if lengths is None else lengths
    _carry[(batch * c.heads,)](
        proj, given.keys, given.log_alpha, given.dt, given.lam, given.rate, *cuts, heads.B_bias,
        first.angle, first.h, first.k, first.x, *scales, starts, angles, last.angle, last.h, last.k, last.x,
        length, rows, STATE=state is not None, **sizes, num_stages=2 if generation() == HOPPER else 1,
    )  # fmt: skip
    _local[(batch * chunks * c.heads,)](
        proj, given.keys, given.queries, given.dt, given.rate, *cuts, heads.B_bias, heads.C_bias, heads.D,
        *scales, starts, angles, y, length, rows, **sizes, num_stages=1,
        maxnreg=REGISTERS if proj.dtype == torch.bfloat16 else None,
    )  # fmt: skip
    return Walked(y, last, starts, angles)


def _sizes(
    proj: Tensor, config: Mamba3Config, chunk: int, reset: Tensor | None, lengths: Tensor | None
) -> dict[str, Any]:
    """What both kernels are compiled for. Tiles have powers of two as sides, and their products want 16 at least."""
    c, half = config, 2 * config.angles < config.d_state
    kind = tl.bfloat16 if proj.dtype == torch.bfloat16 and not interpreted() else tl.float32
    return {
        "H": c.heads, "G": c.groups, "P": c.head_dim, "N": c.d_state, "S": c.angles, "HALF": half, "C": chunk,
        "PP": max(16, triton.next_power_of_2(c.head_dim)),
        "SP": max(4 if half else 8, triton.next_power_of_2(c.angles)),
        "RESET": reset is not None, "ENDS": lengths is not None, "FULL": proj.shape[1] % chunk == 0,
        "KIND": kind, "PRECISION": "tf32x3", "num_warps": 4,
    }  # fmt: skip


def _single(like: Tensor, *shape: int) -> Tensor:
    """Room for float32 numbers."""
    return like.new_empty(shape, dtype=torch.float32)


@triton.jit
def _carry(
    proj, keys, log_alpha, dt, lam, rate, reset, ends, k_bias, angle0, h0, k0, x0, gammas, sinks, entries,
    starts, angles, angle_last, h_last, k_last, x_last, L, rows,
    H: tl.constexpr, G: tl.constexpr, P: tl.constexpr, N: tl.constexpr, S: tl.constexpr, HALF: tl.constexpr,
    C: tl.constexpr, PP: tl.constexpr, SP: tl.constexpr, RESET: tl.constexpr, ENDS: tl.constexpr,
    STATE: tl.constexpr, FULL: tl.constexpr, KIND: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """One head of one row: its states and angles from chunk to chunk."""
    WIDTH: tl.constexpr = 4 * SP if HALF else 2 * SP
    QUICK: tl.constexpr = KIND == tl.bfloat16  # noqa: SIM300
    head, row = tl.program_id(0) % H, (tl.program_id(0) // H).to(tl.int64)
    p, s, moments = tl.arange(0, PP), tl.arange(0, SP), tl.arange(0, C)
    channel, exists = channels(WIDTH, S, HALF)
    in_p, in_s = below(p, P, PP), below(s, S, SP)
    end = L
    if ENDS:
        end = tl.load(ends + row).to(tl.int32)
    heads, drive, share = row * H + head, row * L * H + head, (row * L * G + head // (H // G)) * N
    square, there = p[:, None] * N + channel[None, :], in_p[:, None] & exists[None, :]
    h = tl.zeros((PP, WIDTH), tl.float32)
    phase = tl.zeros((SP,), tl.int32)
    x_past, k_past = tl.zeros((PP,), tl.float32), tl.zeros((WIDTH,), tl.float32)
    if STATE:
        x_past = tl.load(x0 + heads * P + p, mask=in_p, other=0.0)
        k_past = tl.load(k0 + heads * N + channel, mask=exists, other=0.0)
        past = tl.load(dt + drive) * (1 - tl.load(lam + drive)) * x_past
        h = tl.load(h0 + heads * P * N + square, mask=there, other=0.0) + past[:, None] * k_past[None, :]
        phase = fixed(tl.load(angle0 + heads * S + s, mask=in_s, other=0.0), 1.0)

    for start in range(0, L, C):
        t = start + moments
        fits = tl.full((C,), True, tl.int1) if FULL else t < L
        place = (row * tl.cdiv(L, C) + start // C) * H + head
        lines = starts + place * P * N + p[:, None] * N
        keep(lines, h.to(starts.dtype.element_ty), s, in_p[:, None] & in_s[None, :], S, HALF)
        tl.store(angles + place * S + s, phase.to(tl.float32) * (6.283185307179586 / TURN), mask=in_s)

        step, gamma, sunk, enters, total = scales(log_alpha, dt, lam, drive + t * H, t, fits, L, H)
        tl.store(gammas + heads * L + t, gamma, mask=fits)
        tl.store(sinks + heads * L + t, sunk, mask=fits)
        tl.store(entries + heads * L + t, enters, mask=fits)
        cut, episode = episodes(reset, row * L + t, t < end, RESET)
        to_end, kept = exp2(total - enters, False), exp2(total, False)
        if RESET:
            all_cuts = tl.sum(cut, 0)
            to_end = tl.where(episode == all_cuts, to_end, 0.0)
            kept = tl.where(all_cuts == 0, kept, 0.0)
        turn = tl.load(rate + (row * L + t)[:, None] * S + s[None, :], mask=fits[:, None] & in_s[None, :], other=0.0)
        turn = turned(fixed(turn, step[:, None]), phase, cut, episode, RESET)
        phase = tl.sum(tl.where((moments == C - 1)[:, None], turn, 0), 0)
        cos, sin = cos_sin(turn, QUICK)
        lines = keys + share + t[:, None] * (G * N)
        k = rotated(lines, k_bias + head * N, s, in_s, fits[:, None], cos, sin, S, HALF) * to_end[:, None]
        values = proj + row * L * rows + H * P + head * P + t[:, None] * rows + p[None, :]
        x = tl.load(values, mask=fits[:, None] & in_p[None, :], other=0.0).to(KIND)
        h = tl.dot(tl.trans(x), k.to(KIND), h * kept, input_precision=PRECISION)

    tl.store(h_last + heads * P * N + square, h, mask=there)
    left = phase.to(tl.float32) * (6.283185307179586 / TURN)
    tl.store(angle_last + heads * S + s, tl.where(left < 0, left + 6.283185307179586, left), mask=in_s)
    if end > 0:
        line, one = keys + share + (end - 1) * (G * N), tl.full((1, 1), True, tl.int1)
        cos, sin = cos_sin(phase[None, :], QUICK)
        k_past = tl.sum(rotated(line, k_bias + head * N, s, in_s, one, cos, sin, S, HALF), 0)
        x_past = tl.load(proj + (row * L + end - 1) * rows + H * P + head * P + p, mask=in_p, other=0.0).to(tl.float32)
    tl.store(k_last + heads * N + channel, k_past, mask=exists)
    tl.store(x_last + heads * P + p, x_past, mask=in_p)


@triton.jit
def _local(
    proj, keys, queries, dt, rate, reset, ends, k_bias, q_bias, skip, gammas, sinks, entries, starts, angles, y,
    L, rows, H: tl.constexpr, G: tl.constexpr, P: tl.constexpr, N: tl.constexpr, S: tl.constexpr, HALF: tl.constexpr,
    C: tl.constexpr, PP: tl.constexpr, SP: tl.constexpr, RESET: tl.constexpr, ENDS: tl.constexpr, FULL: tl.constexpr,
    KIND: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """One chunk of one head, from the state and the angles at its start: what it puts out."""
    QUICK: tl.constexpr = KIND == tl.bfloat16  # noqa: SIM300
    place, n = tl.program_id(0).to(tl.int64), tl.cdiv(L, C)
    head, row, start = tl.program_id(0) % H, place // (H * n), tl.program_id(0) // H % n * C
    p, s, moments = tl.arange(0, PP), tl.arange(0, SP), tl.arange(0, C)
    in_p, in_s, t = below(p, P, PP), below(s, S, SP), start + moments
    fits = tl.full((C,), True, tl.int1) if FULL else t < L
    end = L
    if ENDS:
        end = tl.load(ends + row).to(tl.int32)
    cut, episode = episodes(reset, row * L + t, t < end, RESET)
    turn = tl.load(rate + (row * L + t)[:, None] * S + s[None, :], mask=fits[:, None] & in_s[None, :], other=0.0)
    turn = fixed(turn, tl.load(dt + (row * L + t) * H + head, mask=fits, other=0.0)[:, None])
    phase = fixed(tl.load(angles + place * S + s, mask=in_s, other=0.0), 1.0)
    cos, sin = cos_sin(turned(turn, phase, cut, episode, RESET), QUICK)

    lines = ((row * L + t) * G + head // (H // G))[:, None] * N
    k = rotated(keys + lines, k_bias + head * N, s, in_s, fits[:, None], cos, sin, S, HALF).to(KIND)
    q = rotated(queries + lines, q_bias + head * N, s, in_s, fits[:, None], cos, sin, S, HALF).to(KIND)
    here = (row * H + head) * L + t
    gamma, sunk = tl.load(gammas + here, mask=fits, other=0.0), tl.load(sinks + here, mask=fits, other=float("-inf"))
    enters = tl.load(entries + here, mask=fits, other=0.0)
    seen, same = moments[:, None] > moments[None, :], moments[:, None] == moments[None, :]
    from_start = exp2(sunk, QUICK)
    if RESET:
        seen &= episode[:, None] == episode[None, :]
        from_start = tl.where(episode == 0, from_start, 0.0)
    weight = exp2(tl.where(seen, sunk[:, None] - enters[None, :], float("-inf")), QUICK)
    weight = tl.where(same, gamma[:, None], weight)
    weight = tl.dot(q, tl.trans(k), input_precision=PRECISION) * weight
    weight += tl.where(same, tl.load(skip + head).to(tl.float32), 0.0)
    h = start_of(starts + place * P * N + p[:, None] * N, s, in_p[:, None] & in_s[None, :], S, HALF).to(KIND)
    out = tl.dot(q, tl.trans(h), input_precision=PRECISION) * from_start[:, None]
    at, inside = (row * L + t)[:, None] * rows + head * P + p[None, :], fits[:, None] & in_p[None, :]
    x = tl.load(proj + H * P + at, mask=inside, other=0.0).to(KIND)
    out = tl.dot(weight.to(KIND), x, out, input_precision=PRECISION)
    out *= silu(tl.load(proj + at, mask=inside, other=0.0).to(tl.float32), QUICK)
    out = tl.where((t < end)[:, None], out, 0.0).to(y.dtype.element_ty)
    tl.store(y + (row * L + t)[:, None] * (H * P) + head * P + p[None, :], out, mask=inside)
