"""A Mamba-3 block in plain PyTorch, with the parameters and initialisation of the official layout (SISO)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from policies.mamba3.config import Mamba3Config
from policies.mamba3.recurrence import Drive, Mamba3State, parallel, sequential, step

_A_FLOOR = 1e-4
_EPS = 1e-5


class Mamba3(nn.Module):
    """Maps [B, L, D] to [B, L, D]; see :mod:`policies.mamba3.recurrence` for the mathematics.

    Where the paper leaves a choice, the official code is followed: angles are pi tanh(.) dt, B and C are normalised over
    the state before a learned bias (initially one) is added, and the skip D and the gate act on the heads' output.
    """

    def __init__(self, config: Mamba3Config) -> None:
        super().__init__()
        c = self.config = config
        self._sizes = (c.d_inner, c.d_inner, c.d_state, c.d_state, c.heads, c.heads, c.heads, c.angles)
        self.in_proj = nn.Linear(c.d_model, sum(self._sizes), bias=False)
        self.out_proj = nn.Linear(c.d_inner, c.d_model, bias=False)
        dt = torch.exp(torch.rand(c.heads) * math.log(c.dt_max / c.dt_min) + math.log(c.dt_min))
        self.dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))  # the inverse of softplus
        self.B_norm = nn.Parameter(torch.ones(c.d_state))
        self.C_norm = nn.Parameter(torch.ones(c.d_state))
        self.B_bias = nn.Parameter(torch.ones(c.heads, c.d_state))
        self.C_bias = nn.Parameter(torch.ones(c.heads, c.d_state))
        self.D = nn.Parameter(torch.ones(c.heads))

    def forward(self, x: Tensor, state: Mamba3State | None = None) -> Tensor:
        """[B, L, D] to [B, L, D] from rest; with a ``state``, the sequential reference from there."""
        drive, gate = self._drive(x)
        y = parallel(drive) if state is None else sequential(drive, state)[0]
        return self._readout(y, drive.v, gate)

    def step(self, x: Tensor, state: Mamba3State) -> tuple[Tensor, Mamba3State]:
        """One moment, [B, D] to [B, D], and the next state."""
        drive, gate = self._drive(x)
        y, state = step(drive, state)
        return self._readout(y, drive.v, gate), state

    def rest(self, batch: int) -> Mamba3State:
        """The state at the start of ``batch`` episodes."""
        c, zeros = self.config, self.D.new_zeros
        return Mamba3State(
            zeros(batch, c.heads, c.angles),
            zeros(batch, c.heads, c.head_dim, c.d_state),
            zeros(batch, c.heads, c.d_state),
            zeros(batch, c.heads, c.head_dim),
        )

    def _drive(self, x: Tensor) -> tuple[Drive, Tensor]:
        """The front end: projections, normalisation, step size and angle of every moment; and the gate [..., E]."""
        c = self.config
        z, v, b, q, dd_dt, dd_a, trap, angle = self.in_proj(x).split(self._sizes, -1)
        k = rms_norm(b, self.B_norm)[..., None, :] + self.B_bias  # [..., H, N]
        q = rms_norm(q, self.C_norm)[..., None, :] + self.C_bias
        dt = F.softplus(dd_dt + self.dt_bias)  # [..., H]
        decay = (F.softplus(dd_a) if c.a_activation == "softplus" else heavy_tail(dd_a)).clamp(min=_A_FLOOR)
        turn = math.pi * torch.tanh(angle)[..., None, :] * dt[..., None]  # [..., H, S]
        v = v.unflatten(-1, (c.heads, c.head_dim))
        return Drive(q, k, v, -decay * dt, dt, torch.sigmoid(trap), turn), z

    def _readout(self, y: Tensor, v: Tensor, gate: Tensor) -> Tensor:
        skipped = (y + self.D[:, None] * v).flatten(-2)  # [..., E]
        out: Tensor = self.out_proj(skipped * F.silu(gate))
        return out


def rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    """x / rms(x) * weight over the last axis. Written out, it is four times as quick on a few numbers as torch's own."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + _EPS) * weight


def heavy_tail(x: Tensor) -> Tensor:
    """1 + x above zero, 1 / (1 - x) below: the activation of A in the official code since June 2026."""
    return torch.where(x >= 0, 1 + x, 1 / (1 - x.clamp(max=0)))
