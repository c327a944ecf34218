"""The same function of a whole sequence as :mod:`policies.mamba3.recurrence`, chunk by chunk and exact.

Inside a chunk of C moments everything is a product of matrices; from chunk to chunk only the state is handed on. A key
written at u is seen at t > u with weight

    exp(a_{u+1} + ... + a_t) (gamma_u + (1 - lambda_{u+1}) dt_{u+1})            a = A dt

for what it got as the present of its own step and as the past of the next one; at t = u only gamma_u has been written.
So the state that is handed on already holds the share of the next moment's past. Cost: O(L C) with L / C small steps in
a row. Shapes as there, and n chunks: [B, L, H, ...] becomes [B, n, H, C, ...].
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from policies.mamba3.recurrence import Drive, Mamba3State, outer, rotate, turn_by

CHUNK = 64
"""Rows of a chunk's square: moments times ranks."""
SPAN = 2048
"""Moments whose chunks are computed side by side: all of a long sequence would leave the caches and fill the memory."""


def scan(
    drive: Drive, state: Mamba3State, reset: Tensor, real: Tensor, chunk: int | None = None
) -> tuple[Tensor, Mamba3State]:
    """y [B, L, H, R, P] and the last state; as :func:`~policies.mamba3.recurrence.sequential`, in ``chunk`` moments."""
    outputs = []
    for t in range(0, reset.shape[1], SPAN):
        span = slice(t, t + SPAN)
        y, state = _scan(drive.within(span), state, reset[:, span], real[:, span], chunk)
        outputs.append(y)
    return (outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)), state


def _scan(
    drive: Drive, state: Mamba3State, reset: Tensor, real: Tensor, chunk: int | None
) -> tuple[Tensor, Mamba3State]:
    """One span: its chunks side by side."""
    drive = drive.held(real)
    length, rank = drive.q.shape[1], drive.q.shape[3]
    size = _even(length, chunk or max(1, CHUNK // rank))
    angle = accumulate(drive.turn, state.angle, reset)  # [B, L, H, S]
    turn = turn_by(angle)
    k, q = rotate(drive.k, turn, drive.pairing), rotate(drive.q, turn, drive.pairing)
    as_past = (1 - drive.trapezoid) * drive.dt  # [B, L, H], beta / alpha
    h = state.h + as_past[:, 0, :, None, None] * outer(drive.values(state.x), state.k)

    gamma = drive.trapezoid * drive.dt
    later = gamma + F.pad(as_past[:, 1:], (0, 0, 0, 1))
    cut = [_cut(part, size) for part in (gamma, later, drive.log_alpha)]  # [B, n, H, C]
    decay, from_start = _decays(cut[2], _cut(reset[..., None], size).cumsum(-1))
    keys, queries, values = (
        _cut(part, size).flatten(3, 4) for part in (k, q, drive.values(drive.x))
    )  # [B, n, H, CR, .]

    weight = _seen(decay, cut[0], cut[1]).repeat_interleave(rank, -1).repeat_interleave(rank, -2)
    inside = (queries @ keys.transpose(-1, -2) * weight) @ values  # [B, n, H, CR, P]
    to_end = (decay[..., -1, :] * cut[1]).repeat_interleave(rank, -1)  # [B, n, H, CR]
    starts, h = _carry(h, from_start[..., -1], outer(to_end[..., None] * values, keys))
    outside = from_start.repeat_interleave(rank, -1)[..., None] * (queries @ starts.transpose(-1, -2))
    y = torch.unflatten(inside + outside, 3, (size, rank)).transpose(2, 3).flatten(1, 2)[:, :length]
    return y, _last(angle, h, k, drive.x, real, state)


def accumulate(turn: Tensor, start: Tensor, reset: Tensor) -> Tensor:
    """The angle [B, L, H, S] in [0, 2 pi) from ``start`` [B, H, S]; from zero since each row's latest ``reset`` [B, L].

    Summed in float64: over thousands of steps, a float32 sum loses the angle.
    """
    total = torch.cumsum(turn.double(), 1)
    ahead = torch.cat((-start.double()[:, None], torch.zeros_like(total[:, :1]), total[:, :-1]), 1)  # [B, L + 1, H, S]
    moments = torch.arange(1, reset.shape[1] + 1, device=reset.device)
    latest = (reset * moments).cummax(1).values  # [B, L], 0 where the row goes on from ``start``
    since = total - torch.take_along_dim(ahead, latest[..., None, None], 1)
    return torch.remainder(since, 2 * torch.pi).to(turn.dtype)


def _decays(log_alpha: Tensor, episode: Tensor) -> tuple[Tensor, Tensor]:
    """What is left at t of what was there at u <= t, [B, n, H, C, C], and at the chunk's start, [B, n, H, C].

    ``log_alpha`` [B, n, H, C]; nothing passes from one ``episode`` [B, n, 1, C] of a chunk to the next. Sums over (u, t] are
    taken as they are: differences of two long sums would lose digits. Masked before the exponential: above the diagonal
    it may overflow, and its gradient would be NaN.
    """
    size = log_alpha.shape[-1]
    between = log_alpha[..., None].expand(*log_alpha.shape, size).tril(-1).cumsum(-2)  # [t, u]
    seen = (episode[..., :, None] == episode[..., None, :]).tril()
    decay = torch.exp(between.masked_fill(~seen, -torch.inf))
    return decay, torch.exp(log_alpha.cumsum(-1).masked_fill(episode > 0, -torch.inf))


def _seen(decay: Tensor, gamma: Tensor, later: Tensor) -> Tensor:
    """The weight [B, n, H, C, C] at t of the key written at u."""
    diagonal = torch.eye(decay.shape[-1], dtype=torch.bool, device=decay.device)
    return torch.where(diagonal, gamma[..., None], decay * later[..., None, :])


def _carry(h: Tensor, decay: Tensor, written: Tensor) -> tuple[Tensor, Tensor]:
    """The states [B, n, H, P, N] at the chunks' starts and the one after the last [B, H, P, N].

    From ``h`` [B, H, P, N], with the chunks' ``decay`` [B, n, H] and what each has ``written`` [B, n, H, P, N].
    """
    starts = []
    for j in range(decay.shape[1]):
        starts.append(h)
        h = decay[:, j, :, None, None] * h + written[:, j]
    return torch.stack(starts, 1), h


def _last(angle: Tensor, h: Tensor, k: Tensor, x: Tensor, real: Tensor, start: Mamba3State) -> Mamba3State:
    """The state after each row's last real moment; rows without one keep ``start``."""
    lengths = real.sum(1)
    rows, t = torch.arange(len(lengths), device=real.device), (lengths - 1).clamp(min=0)
    return Mamba3State(angle[rows, t], h, k[rows, t], x[rows, t]).where(lengths > 0, start)


def _even(length: int, chunk: int) -> int:
    """Moments of each chunk when ``length`` is cut evenly into pieces of at most ``chunk``, so that few are filled up."""
    return -(-length // -(-length // chunk))


def _cut(x: Tensor, size: int) -> Tensor:
    """[B, L, H, ...] in chunks [B, n, H, C, ...], filled up with zeros: moments in which nothing happens."""
    filled = F.pad(x, (0, 0) * (x.ndim - 2) + (0, -x.shape[1] % size))
    return torch.unflatten(filled, 1, (-1, size)).transpose(2, 3)
