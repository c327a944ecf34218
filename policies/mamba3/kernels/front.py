"""What all heads share of a sequence, prepared once per moment: normalised keys and queries, decays, steps and rates.

The N channels of a state are handled in another order than the weights have them: [the first of each of the S pairs | the
second of each | the N - 2S that do not turn]. A rotation then needs no shuffling, and q.k is a sum of three products.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from policies.mamba3.config import Mamba3Config
from policies.mamba3.kernels.available import require_kernels

TOKENS = 8
"""Moments that one program prepares."""
FORGOTTEN = tl.constexpr(-111.0)
"""The least that A dt is taken for: its exponential is 0 in float32, and a larger number would cost sums their digits."""


@dataclass(frozen=True)
class Front:
    """Of every moment; G groups, H heads, S pairs. Where a row has ended, time stands still."""

    keys: Tensor  # [B, L, G, N], normalised, weighed, permuted, without bias, in the projections' precision
    queries: Tensor  # [B, L, G, N], likewise
    log_alpha: Tensor  # [B, L, H], A dt in -111 .. 0, float32; 0 where a row has ended
    dt: Tensor  # [B, L, H], float32; 0 where a row has ended
    lam: Tensor  # [B, L, H], float32
    rate: Tensor  # [B, L, S], float32: head h turns by rate dt[h] radians; 0 where a row has ended


@dataclass(frozen=True)
class Saved:
    """What the backward needs of the forward; n chunks."""

    config: Mamba3Config
    proj: Tensor  # [B, L, rows], the in-projection's output: [z:E, x:E, B:GN, C:GN, dd_dt:H, dd_A:H, trap:H, angle:S]
    front: Front
    starts: Tensor  # [B, n, H, P, N], permuted: the state at each chunk's start, with the past that it is to take in
    angles: Tensor  # [B, n, H, S], float32: radians in [-pi, pi] before each chunk's first moment
    dt_bias: Tensor  # [H]
    B_norm: Tensor  # [N], the norms' weights
    C_norm: Tensor  # [N]
    B_bias: Tensor  # [H, 1, N], not permuted
    C_bias: Tensor  # [H, 1, N]
    D: Tensor  # [H]
    reset: Tensor | None  # [B, L], bool
    lengths: Tensor | None  # [B], integers
    chunk: int  # C


def channel_order(config: Mamba3Config) -> list[int]:
    """Where each permuted channel stands in the weights' order (neighbours are pairs)."""
    turning = 2 * config.angles
    return [*range(0, turning, 2), *range(1, turning, 2), *range(turning, config.d_state)]


def front(
    proj: Tensor, config: Mamba3Config, dt_bias: Tensor, B_norm: Tensor, C_norm: Tensor, lengths: Tensor | None
) -> Front:
    """Prepare ``proj`` [B, L, rows] in one launch. float32 or bfloat16; refuses what kernels cannot compute with."""
    require_kernels(proj, "the projections")
    c, (batch, length, rows) = config, proj.shape
    keys, queries = (proj.new_empty(batch, length, c.groups, c.d_state) for _ in range(2))
    log_alpha, dt, lam = (proj.new_empty(batch, length, c.heads, dtype=torch.float32) for _ in range(3))
    rate = proj.new_empty(batch, length, c.angles, dtype=torch.float32)
    ends = proj if lengths is None else lengths
    _front[(triton.cdiv(batch * length, TOKENS),)](
        proj, ends, dt_bias, B_norm, C_norm, keys, queries, log_alpha, dt, lam, rate,
        batch * length, length, rows,
        E=c.d_inner, G=c.groups, N=c.d_state, H=c.heads, S=c.angles,
        SP=triton.next_power_of_2(c.angles), RP=triton.next_power_of_2(c.d_state - 2 * c.angles or 1),
        HP=triton.next_power_of_2(c.heads), T=TOKENS,
        SOFTPLUS=c.a_activation == "softplus", ENDS=lengths is not None, num_warps=4, num_stages=1,
    )  # fmt: skip
    return Front(keys, queries, log_alpha, dt, lam, rate)


@triton.jit
def softplus(x):
    """log(1 + exp(x)), with log(1 + e) = 2 artanh(e / (2 + e)): the hardware's logarithm loses small results' digits."""
    e = tl.exp(-tl.abs(x))
    s = e / (2 + e)
    s2 = s * s
    series = 1.0 / 11 + s2 * (1.0 / 13 + s2 * (1.0 / 15 + s2 * (1.0 / 17)))
    series = 1.0 / 3 + s2 * (1.0 / 5 + s2 * (1.0 / 7 + s2 * (1.0 / 9 + s2 * series)))
    return tl.maximum(x, 0.0) + 2 * s * (1 + s2 * series)


@triton.jit
def tanh(x):
    """Near zero by its series, where 1 - 2 / (exp(2x) + 1) would lose digits."""
    small = tl.abs(x) < 0.25
    x2 = tl.where(small, x * x, 0.0)
    series = x * (1 + x2 * (-1.0 / 3 + x2 * (2.0 / 15 + x2 * (-17.0 / 315 + x2 * (62.0 / 2835)))))
    return tl.where(small, series, 1 - 2 / (tl.exp(2 * tl.minimum(x, 40.0)) + 1))


@triton.jit
def _normed(proj, weight, out, tokens, real, rows, start, place, G: tl.constexpr, N: tl.constexpr, S: tl.constexpr,
            SP: tl.constexpr, RP: tl.constexpr, T: tl.constexpr):  # fmt: skip
    """Normalise, weigh and permute N numbers of T moments: from column ``start`` of ``proj`` to group ``place``."""
    turning, rest = tl.arange(0, 2 * SP), 2 * S + tl.arange(0, RP)
    source, target = proj + tokens[:, None] * rows + start, out + (tokens[:, None] * G + place) * N
    fits, more = real[:, None] & (turning < 2 * S)[None, :], real[:, None] & (rest < N)[None, :]
    a = tl.load(source + turning[None, :], mask=fits, other=0.0).to(tl.float32)
    b = tl.load(source + rest[None, :], mask=more, other=0.0).to(tl.float32)
    scale = 1 / tl.sqrt_rn((tl.sum(a * a, 1) + tl.sum(b * b, 1)) / N + 1e-5)
    a = a * scale[:, None] * tl.load(weight + turning, mask=turning < 2 * S, other=0.0).to(tl.float32)[None, :]
    b = b * scale[:, None] * tl.load(weight + rest, mask=rest < N, other=0.0).to(tl.float32)[None, :]
    first, second = tl.split(tl.reshape(a, (T, SP, 2)))
    pairs = tl.arange(0, SP)[None, :]
    kind = out.dtype.element_ty
    tl.store(target + pairs, first.to(kind), mask=real[:, None] & (pairs < S))
    tl.store(target + S + pairs, second.to(kind), mask=real[:, None] & (pairs < S))
    tl.store(target + rest[None, :], b.to(kind), mask=more)


@triton.jit
def _front(proj, ends, dt_bias, B_norm, C_norm, keys, queries, log_alpha, dt, lam, rate, tokens_all, L, rows,
           E: tl.constexpr, G: tl.constexpr, N: tl.constexpr, H: tl.constexpr, S: tl.constexpr, SP: tl.constexpr,
           RP: tl.constexpr, HP: tl.constexpr, T: tl.constexpr, SOFTPLUS: tl.constexpr, ENDS: tl.constexpr):  # fmt: skip
    """T of the B L moments, each in the row of a batch that ends after ``ends`` moments."""
    tokens = (tl.program_id(0) * T + tl.arange(0, T)).to(tl.int64)
    real = tokens < tokens_all
    for g in tl.static_range(G):
        _normed(proj, B_norm, keys, tokens, real, rows, 2 * E + g * N, g, G, N, S, SP, RP, T)
        _normed(proj, C_norm, queries, tokens, real, rows, 2 * E + (G + g) * N, g, G, N, S, SP, RP, T)
    lives = real
    if ENDS:
        lives = real & (tokens % L < tl.load(ends + tokens // L, mask=real, other=0))
    heads = tl.arange(0, HP)[None, :]
    fits, at = real[:, None] & (heads < H), tokens[:, None] * H + heads
    source = proj + tokens[:, None] * rows + 2 * E + 2 * G * N + heads
    bias = tl.load(dt_bias + heads, mask=heads < H, other=0.0).to(tl.float32)
    step = softplus(tl.load(source, mask=fits, other=0.0).to(tl.float32) + bias)
    step = tl.where(lives[:, None], step, 0.0)
    a = tl.load(source + H, mask=fits, other=0.0).to(tl.float32)
    decay = softplus(a) if SOFTPLUS else tl.where(a >= 0, 1 + a, 1 / (1 - tl.minimum(a, 0.0)))
    tl.store(dt + at, step, mask=fits)
    tl.store(log_alpha + at, tl.maximum(-tl.maximum(decay, 1e-4) * step, FORGOTTEN), mask=fits)
    tl.store(lam + at, tl.sigmoid(tl.load(source + 2 * H, mask=fits, other=0.0).to(tl.float32)), mask=fits)
    pairs = tl.arange(0, SP)[None, :]
    fits = real[:, None] & (pairs < S)
    angle = tl.load(proj + tokens[:, None] * rows + 2 * E + 2 * G * N + 3 * H + pairs, mask=fits, other=0.0)
    turn = 3.141592653589793 * tanh(angle.to(tl.float32))
    tl.store(rate + tokens[:, None] * S + pairs, tl.where(lives[:, None], turn, 0.0), mask=fits)
