"""What both passes of the backward recompute of a chunk, as functions for kernels. Shapes as in :mod:`.front`.

Angles and resets are those of :mod:`.forward_parts`. A chunk has C moments. The state's channels come as two tiles: the S
pairs that turn, and the N - 2S that do not. A tile narrower than 16, the least that a product takes, is filled up.
"""

from __future__ import annotations

import triton
import triton.language as tl

from policies.mamba3.kernels.forward_parts import below, cos_sin, fixed, joined, sigmoid, turned


@triton.jit
def silu_of(z, QUICK: tl.constexpr):
    """silu(z) and its slope."""
    half = sigmoid(z, QUICK)
    return z * half, half * (1 + z * (1 - half))


@triton.jit
def decays(log_alpha, episode, i, C: tl.constexpr):
    """Sums of ``log_alpha`` [C] up to each moment; what is left of the chunk's start then, and at its end of each then."""
    total = tl.cumsum(log_alpha, 0)
    last = tl.sum(tl.where(i == C - 1, episode, 0), 0)
    from_start = tl.where(episode == 0, tl.exp(total), 0.0)
    to_end = tl.where(episode == last, tl.exp(tl.minimum(tl.sum(log_alpha, 0) - total, 0.0)), 0.0)
    return total, from_start, to_end


@triton.jit
def rotation(angles, turn, episode, cut, s, S: tl.constexpr, SB: tl.constexpr, RESET: tl.constexpr,
             QUICK: tl.constexpr):  # fmt: skip
    """Cosine and sine [C, S] of the angle from ``angles`` (a pointer to [S]) and the ``turn`` [C, S] of each moment."""
    start = fixed(load(angles + s, below(s, S, SB)), 1.0)
    return cos_sin(turned(fixed(turn, 1.0), start, cut, episode, RESET), QUICK)


@triton.jit
def rotated(lines, bias, fits, cos, sin, s, r, N: tl.constexpr, S: tl.constexpr, SB: tl.constexpr,
            RB: tl.constexpr):  # fmt: skip
    """Keys or queries at ``lines`` [C, 1], which are permuted, with their ``bias`` [N]: [C, 2S] turned, [C, N - 2S] not."""
    pairs, rest = fits & below(s, S, SB)[None, :], fits & below(r, N - 2 * S, RB)[None, :]
    one = load(lines + s[None, :], pairs) + load(bias + 2 * s, below(s, S, SB))[None, :]
    two = load(lines + S + s[None, :], pairs) + load(bias + 2 * s + 1, below(s, S, SB))[None, :]
    three = load(lines + 2 * S + r[None, :], rest) + load(bias + 2 * S + r, below(r, N - 2 * S, RB))[None, :]
    return joined(one * cos - two * sin, one * sin + two * cos), three


@triton.jit
def apart(pairs):
    """[C, S] and [C, S] of [C, 2S]."""
    return tl.split(tl.reshape(pairs, (pairs.shape[0], pairs.shape[1] // 2, 2)))


@triton.jit
def load(at, fits):
    """In float32, zero where nothing ``fits``."""
    return tl.load(at, fits, 0.0).to(tl.float32)
