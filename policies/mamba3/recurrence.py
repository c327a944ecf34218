"""The recurrence of Mamba-3 as the paper writes it, one moment after the other: the reference for every other form.

For each head, a state h [P, N] takes in values v_r [P] along keys k_r [N] and is read out along queries q_r [N], where r
counts the R ranks of a MIMO block (SISO has one):

    h_t = alpha_t h_{t-1} + beta_t sum_r v_{t-1,r} k_{t-1,r}^T + gamma_t sum_r v_{t,r} k_{t,r}^T        y_{t,r} = h_t q_{t,r}
    alpha = exp(A dt)     beta = (1 - lambda) dt alpha     gamma = lambda dt     v_r = Psi_r x

beta and gamma weigh the two ends of a time step (exponential-trapezoidal discretisation; lambda = 1 is Mamba-2's rule).
Keys and queries come rotated by the angle accumulated so far, which makes the state complex-valued (arXiv 2603.15569,
section 3). Shapes: B batch, L length, H heads, R rank, P head size, N state size, S rotated pairs of channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from policies.mamba3.config import Mamba3Config, Pairing


@dataclass(frozen=True)
class Mamba3State:
    """What a block remembers between steps; all zero at the start of an episode."""

    angle: Tensor  # [B, H, S], radians in [0, 2 pi)
    h: Tensor  # [B, H, P, N]
    k: Tensor  # [B, H, R, N], the last keys, rotated
    x: Tensor  # [B, H, P], the last input, not yet multiplied by Psi

    def where(self, rows: Tensor, other: Mamba3State) -> Mamba3State:
        """This state in the ``rows`` [B] that are true, ``other`` in the rest."""
        parts = zip(vars(self).values(), vars(other).values(), strict=True)
        return Mamba3State(*(torch.where(rows.view(-1, *(1,) * (a.ndim - 1)), a, b) for a, b in parts))

    def cleared(self) -> Mamba3State:
        """The state at the start of as many episodes."""
        return Mamba3State(*(torch.zeros_like(part) for part in vars(self).values()))


def state_shapes(config: Mamba3Config, batch: int) -> tuple[tuple[int, ...], ...]:
    """The shapes of a state's parts, in their order."""
    c = config
    tails = ((c.angles,), (c.head_dim, c.d_state), (c.rank, c.d_state), (c.head_dim,))
    return tuple((batch, c.heads, *tail) for tail in tails)


@dataclass
class Drive:
    """What the input makes of each moment: [B, L, H, ...] for a sequence, [B, H, ...] for a step."""

    q: Tensor  # [..., H, R, N]
    k: Tensor  # [..., H, R, N]
    x: Tensor  # [..., H, P]
    log_alpha: Tensor  # [..., H], A dt <= 0
    dt: Tensor  # [..., H]
    trapezoid: Tensor  # [..., H], lambda
    turn: Tensor  # [..., H, S], radians gained in this step
    psi: Tensor | None  # [H, R, P]; SISO has none
    pairing: Pairing

    def at(self, t: int) -> Drive:
        """The moment ``t`` of a sequence."""
        return self._each(lambda part: part[:, t])

    def within(self, span: slice) -> Drive:
        """The moments of a ``span`` of a sequence."""
        return self._each(lambda part: part[:, span])

    def held(self, real: Tensor) -> Drive:
        """The same with time standing still where ``real`` [B, L] is false: nothing decays, enters or turns."""
        rows = real[..., None]
        still = {name: getattr(self, name).masked_fill(~rows, 0.0) for name in ("log_alpha", "dt")}
        return replace(self, turn=self.turn.masked_fill(~rows[..., None], 0.0), **still)

    def values(self, x: Tensor) -> Tensor:
        """v: ``x`` [..., H, P] as what enters along each rank's key, [..., H, R, P]."""
        return x.unsqueeze(-2) if self.psi is None else x.unsqueeze(-2) * self.psi

    def _each(self, change: Callable[[Tensor], Tensor]) -> Drive:
        parts = (self.q, self.k, self.x, self.log_alpha, self.dt, self.trapezoid, self.turn)
        q, k, x, log_alpha, dt, trapezoid, turn = map(change, parts)
        return Drive(q, k, x, log_alpha, dt, trapezoid, turn, self.psi, self.pairing)


Turn = tuple[Tensor, Tensor]
"""The cosine and the sine of angles [..., S]."""


def turn_by(angle: Tensor) -> Turn:
    """The rotation by ``angle`` [..., H, S] of every rank's channels, [..., H, 1, S]."""
    angle = angle.unsqueeze(-2)
    return torch.cos(angle), torch.sin(angle)


def rotate(x: Tensor, turn: Turn, pairing: Pairing) -> Tensor:
    """Turn the first S pairs of channels of ``x`` [..., N]; the other channels stay."""
    cos, sin = turn
    size, half = cos.shape[-1], x.shape[-1] // 2
    if pairing == "neighbours":
        a, b = x[..., 0 : 2 * size : 2], x[..., 1 : 2 * size : 2]
        turned = torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
        return torch.cat((turned, x[..., 2 * size :]), -1)
    a, b = x[..., :size], x[..., half : half + size]
    first, second = x[..., size:half], x[..., half + size :]
    return torch.cat((a * cos - b * sin, first, a * sin + b * cos, second), -1)


def outer(v: Tensor, k: Tensor) -> Tensor:
    """sum_r v_r k_r^T of ``v`` [..., R, P] and ``k`` [..., R, N]: [..., P, N]."""
    return v.transpose(-1, -2) * k if v.shape[-2] == 1 else v.transpose(-1, -2) @ k


def step(drive: Drive, state: Mamba3State) -> tuple[Tensor, Mamba3State]:
    """One moment: y [B, H, R, P] and the next state."""
    angle = torch.remainder(state.angle + drive.turn, 2 * torch.pi)
    turn = turn_by(angle)
    k, q = rotate(drive.k, turn, drive.pairing), rotate(drive.q, turn, drive.pairing)
    alpha = torch.exp(drive.log_alpha)
    beta, gamma = (1 - drive.trapezoid) * drive.dt * alpha, drive.trapezoid * drive.dt
    past = outer(drive.values(beta[..., None] * state.x), state.k)
    present = outer(drive.values(gamma[..., None] * drive.x), k)
    h = alpha[..., None, None] * state.h + past + present
    return (h @ q.transpose(-1, -2)).transpose(-1, -2), Mamba3State(angle, h, k, drive.x)


def sequential(drive: Drive, state: Mamba3State, reset: Tensor, real: Tensor) -> tuple[Tensor, Mamba3State]:
    """The reference: y [B, L, H, R, P] and the state after the last real moment.

    ``reset`` [B, L] clears a row's state before the moment; where ``real`` [B, L] is false, a row's state stays as it is.
    """
    outputs, rest = [], state.cleared()
    for t in range(drive.dt.shape[1]):
        state = rest.where(reset[:, t], state)
        y, after = step(drive.at(t), state)
        state = after.where(real[:, t], state)
        outputs.append(y)
    return torch.stack(outputs, 1), state
