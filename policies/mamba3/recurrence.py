"""The recurrence of Mamba-3, once as the paper writes it and once for whole sequences at a time.

For each head, a state h [P, N] takes in a value v [P] along a key k [N] and is read out along a query q [N]:

    h_t = alpha_t h_{t-1} + beta_t v_{t-1} k_{t-1}^T + gamma_t v_t k_t^T          y_t = h_t q_t
    alpha = exp(A dt)     beta = (1 - lambda) dt alpha     gamma = lambda dt

beta and gamma weigh the two ends of a time step (exponential-trapezoidal discretisation; lambda = 1 is Mamba-2's rule).
Keys and queries come rotated by the angle accumulated so far, which makes the state complex-valued (arXiv 2603.15569,
section 3). Shapes: B batch, L length, H heads, P head size, N state size, S = rotated pairs of channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Mamba3State:
    """What a block remembers between steps; all zero at the start of an episode."""

    angle: Tensor  # [B, H, S]
    h: Tensor  # [B, H, P, N]
    k: Tensor  # [B, H, N], the last key, rotated
    v: Tensor  # [B, H, P], the last value


@dataclass
class Drive:
    """What the input makes of each moment: [B, L, H, ...] for a sequence, [B, H, ...] for a step."""

    q: Tensor  # [..., H, N]
    k: Tensor  # [..., H, N]
    v: Tensor  # [..., H, P]
    log_alpha: Tensor  # [..., H], A dt <= 0
    dt: Tensor  # [..., H]
    trapezoid: Tensor  # [..., H], lambda
    turn: Tensor  # [..., H, S], angle gained in this step

    def at(self, t: int) -> Drive:
        """The moment ``t`` of a sequence."""
        return Drive(*(part[:, t] for part in vars(self).values()))


def rotate(x: Tensor, angle: Tensor) -> Tensor:
    """Turn the first S neighbouring pairs of channels (2j, 2j+1) of ``x`` [..., N] by ``angle`` [..., S]."""
    size = 2 * angle.shape[-1]
    even, odd = x[..., 0:size:2], x[..., 1:size:2]
    cos, sin = torch.cos(angle), torch.sin(angle)
    turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)
    return torch.cat((turned, x[..., size:]), -1)


def step(drive: Drive, state: Mamba3State) -> tuple[Tensor, Mamba3State]:
    """One moment: y [B, H, P] and the next state."""
    angle = torch.remainder(state.angle + drive.turn, 2 * torch.pi)
    k, q = rotate(drive.k, angle), rotate(drive.q, angle)
    alpha = torch.exp(drive.log_alpha)
    beta, gamma = (1 - drive.trapezoid) * drive.dt * alpha, drive.trapezoid * drive.dt
    past = (beta[..., None] * state.v)[..., None] * state.k[..., None, :]  # [B, H, P, N]
    present = (gamma[..., None] * drive.v)[..., None] * k[..., None, :]
    h = alpha[..., None, None] * state.h + past + present
    y = (h @ q[..., None]).squeeze(-1)
    return y, Mamba3State(angle, h, k, drive.v)


def sequential(drive: Drive, state: Mamba3State) -> tuple[Tensor, Mamba3State]:
    """The reference: one moment after the other. y [B, L, H, P]."""
    outputs = []
    for t in range(drive.q.shape[1]):
        y, state = step(drive.at(t), state)
        outputs.append(y)
    return torch.stack(outputs, 1), state


def parallel(drive: Drive) -> Tensor:
    """The same function of a whole sequence that starts from rest, y [B, L, H, P], in O(L^2) without a loop.

    A key written at u is seen at t > u with weight exp(a_t - a_u) (gamma_u + (1 - lambda_{u+1}) dt_{u+1}): what it got
    as the present of its own step, and as the past of the next one. At t = u only gamma_u has been written.
    """
    angle = torch.cumsum(drive.turn, 1)
    k, q = rotate(drive.k, angle), rotate(drive.q, angle)
    gamma = drive.trapezoid * drive.dt  # [B, L, H]
    as_past = (1 - drive.trapezoid[:, 1:]) * drive.dt[:, 1:]
    later = gamma + torch.nn.functional.pad(as_past, (0, 0, 0, 1))
    a = torch.cumsum(drive.log_alpha, 1).transpose(1, 2)  # [B, H, L]
    length = a.shape[-1]
    before = torch.ones(length, length, dtype=torch.bool, device=a.device).tril(-1)  # [t, u], u < t
    # Masked before the exponential: above the diagonal it overflows, and its gradient would be NaN.
    decay = torch.exp((a[..., :, None] - a[..., None, :]).masked_fill(~before, -torch.inf))
    weight = decay * later.transpose(1, 2)[..., None, :] + torch.diag_embed(gamma.transpose(1, 2))
    scores = torch.einsum("blhn,buhn->bhlu", q, k) * weight
    return torch.einsum("bhlu,buhp->blhp", scores, drive.v)
