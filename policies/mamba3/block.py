"""A Mamba-3 block in plain PyTorch, with the parameters, names and initialisation of the official layout."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nsctl.errors import InvalidValue, UnknownName
from policies.mamba3 import recurrence
from policies.mamba3.checks import check_cuts, check_input, check_lengths, check_state
from policies.mamba3.config import Mamba3Config, require_count
from policies.mamba3.kernels.available import why_not_fused
from policies.mamba3.norm import RMSNorm, rms_norm, wide, widened
from policies.mamba3.recurrence import Drive, Mamba3State, state_shapes
from policies.mamba3.scan import scan

BACKENDS = ("auto", "torch", "triton", "mamba-ssm")
"""What may compute a whole sequence; auto takes the kernels of this package on a GPU, where they can, else PyTorch."""
_Scan = Callable[["Mamba3", Tensor, Mamba3State | None, Tensor | None, Tensor | None], tuple[Tensor, Mamba3State]]

A_FLOOR = 1e-4
"""The least that -A is."""
_DT_FLOOR = 1e-4


class Mamba3(nn.Module):
    """Maps [B, L, D] to [B, L, D]; see :mod:`policies.mamba3.recurrence` for the mathematics.

    One function in three forms: :meth:`scan` (chunks, for training and long inputs), :meth:`step` (one moment) and
    :meth:`sequential` (the reference). Each takes a state and gives one, so that a sequence may be cut anywhere.

    Where the paper leaves a choice, the official code is followed: angles are pi tanh(.) dt, B and C are normalised over
    the state before a learned bias (initially one) is added, and the skip D and the gate act on every rank's output.
    Weights may be float64, float32 or bfloat16 (:func:`cast`); states and all that lies between the two projections are
    computed in float32 at least. ``backend`` says what computes whole sequences: one of :data:`BACKENDS`.
    """

    backend: Literal["auto", "torch", "triton", "mamba-ssm"] = "auto"

    def __init__(self, config: Mamba3Config) -> None:
        super().__init__()
        c = self.config = config
        E, H, N, R = c.d_inner, c.heads, c.d_state, c.rank
        # z, x, B, C, dd_dt, dd_A, trap, angle
        self.sizes = [E, E, R * c.groups * N, R * c.groups * N, H, H, H, c.angles]
        self.in_proj = nn.Linear(c.d_model, sum(self.sizes), bias=False)
        self.out_proj = nn.Linear(E, c.d_model, bias=False)
        dt = torch.exp(torch.rand(H) * math.log(c.dt_max / c.dt_min) + math.log(c.dt_min)).clamp(min=_DT_FLOOR)
        self.dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))  # the inverse of softplus
        self.B_norm, self.C_norm = RMSNorm(N), RMSNorm(N)
        self.B_bias = nn.Parameter(torch.ones(H, R, N))
        self.C_bias = nn.Parameter(torch.ones(H, R, N))
        self.D = nn.Parameter(torch.ones(H))
        if c.mimo_rank is not None:
            self.mimo_x = nn.Parameter(torch.full((H, R, c.head_dim), 1 / R))  # Psi
            self.mimo_z = nn.Parameter(torch.ones(H, R, c.head_dim))  # Zeta
            self.mimo_o = nn.Parameter(torch.full((H, R, c.head_dim), 1 / R))  # Phi
        if c.pre_gate_norm:
            self.norm = RMSNorm(E)

    def forward(
        self, u: Tensor, state: Mamba3State | None = None, *, reset: Tensor | None = None, lengths: Tensor | None = None
    ) -> Tensor:
        """What :meth:`scan` gives, without the state."""
        return self.scan(u, state, reset=reset, lengths=lengths)[0]

    def scan(
        self,
        u: Tensor,
        state: Mamba3State | None = None,
        *,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
        chunk: int | None = None,
    ) -> tuple[Tensor, Mamba3State]:
        """[B, L, D] to [B, L, D] and the state after each row's last moment, ``chunk`` moments at a time.

        From ``state``, or from rest. ``reset`` [B, L] (bool) begins a new episode before a moment: nothing passes from
        what was earlier. ``lengths`` [B] counts the real moments of each row; the output is zero after them.
        A ``chunk`` of your own is for PyTorch, whatever the backend.
        """
        self._check(u, state, reset, lengths)
        if chunk is not None:
            require_count("chunk", chunk, least=1)
        elif (other := self._elsewhere(u, state)) is not None:
            return other(self, u, state, reset, lengths)
        state, reset, real = self._prepare(u, state, reset, lengths)
        drive, gate = self._drive(u)
        y, state = scan(drive, state, reset, real, chunk)
        return self._readout(y, drive, gate).masked_fill(~real[..., None], 0.0), state

    def sequential(
        self, u: Tensor, state: Mamba3State | None = None, *, reset: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Mamba3State]:
        """The reference for :meth:`scan`, one moment after the other."""
        self._check(u, state, reset, lengths)
        state, reset, real = self._prepare(u, state, reset, lengths)
        drive, gate = self._drive(u)
        y, state = recurrence.sequential(drive, state, reset, real)
        return self._readout(y, drive, gate).masked_fill(~real[..., None], 0.0), state

    def step(self, u: Tensor, state: Mamba3State, *, reset: Tensor | None = None) -> tuple[Tensor, Mamba3State]:
        """One moment, [B, D] to [B, D], and the next state; rows where ``reset`` [B] is true start from rest."""
        check_input(u, self.config, self.witness, moments=False)
        check_state(state, self.config, u, self.witness)
        if reset is not None:
            state = state.cleared().where(check_cuts(reset, u.shape[:1], u.device), state)
        drive, gate = self._drive(u)
        y, state = recurrence.step(drive, state)
        return self._readout(y, drive, gate), state

    @property
    def witness(self) -> Tensor:
        """A weight that has the precision and the device of all; the projections' own may have to be decoded first."""
        return self.B_norm.weight

    def rest(self, batch: int) -> Mamba3State:
        """The state at the start of ``batch`` episodes."""
        weight = self.witness
        shapes = state_shapes(self.config, batch)
        return Mamba3State(*(weight.new_zeros(shape, dtype=wide(weight.dtype)) for shape in shapes))

    def _prepare(
        self, u: Tensor, state: Mamba3State | None, reset: Tensor | None, lengths: Tensor | None
    ) -> tuple[Mamba3State, Tensor, Tensor]:
        """The state to start from, and [B, L] where a row is reset and where it is real."""
        state, real = self.rest(len(u)) if state is None else state, real_moments(u, lengths)
        return state, torch.zeros_like(real) if reset is None else reset & real, real

    def _check(self, u: Tensor, state: Mamba3State | None, reset: Tensor | None, lengths: Tensor | None) -> None:
        """Refuse what does not fit this block or ``u``."""
        check_input(u, self.config, self.witness, moments=True)
        if state is not None:
            check_state(state, self.config, u, self.witness)
        if reset is not None:
            check_cuts(reset, u.shape[:2], u.device)
        if lengths is not None:
            check_lengths(lengths, u)

    def _elsewhere(self, u: Tensor, state: Mamba3State | None) -> _Scan | None:
        """What computes a whole sequence instead of PyTorch; None where PyTorch does. Refuses what cannot be had."""
        if self.backend == "torch" or (self.backend == "auto" and not u.is_cuda):
            return None
        if self.backend == "mamba-ssm":
            from policies.mamba3.backends import official_scan

            return official_scan
        if self.backend not in BACKENDS:
            raise UnknownName("backend of Mamba-3", self.backend, BACKENDS)
        if (reason := why_not_fused(self, u, state)) is not None:
            if self.backend == "auto":
                return None
            raise InvalidValue(f"the kernels cannot compute this sequence: {reason}; the backend torch can")
        from policies.mamba3.kernels.scan import fused_scan

        ours: _Scan = fused_scan  # its decorator knows no types
        return ours

    def _drive(self, u: Tensor) -> tuple[Drive, Tensor]:
        """The front end: projections, normalisation, step size and angle of every moment; and the gate [..., H, R, P]."""
        c = self.config
        z, x, b, q, dd_dt, dd_a, trap, angle = torch.split_with_sizes(widened(self.in_proj(u)), self.sizes, -1)
        dt = F.softplus(dd_dt + self.dt_bias)  # [..., H]
        decay = (F.softplus(dd_a) if c.a_activation == "softplus" else heavy_tail(dd_a)).clamp(min=A_FLOOR)
        turn = math.pi * torch.tanh(angle).unsqueeze(-2) * dt.unsqueeze(-1)  # [..., H, S]
        k, q = self._heads(b, self.B_norm, self.B_bias), self._heads(q, self.C_norm, self.C_bias)
        heads = (*u.shape[:-1], c.heads, c.head_dim)
        x, z = x.view(heads), z.view(heads).unsqueeze(-2)
        gate = F.silu(z if c.mimo_rank is None else z * self.mimo_z)
        psi = None if c.mimo_rank is None else widened(self.mimo_x)
        return Drive(q, k, x, -decay * dt, dt, torch.sigmoid(trap), turn, psi, c.pairing), gate

    def _heads(self, b: Tensor, norm: RMSNorm, bias: Tensor) -> Tensor:
        """B or C [..., RGN] of every head [..., H, R, N]: normalised, handed to the heads of its group, and biased."""
        c = self.config
        ranks = b.view(*b.shape[:-1], c.rank, c.groups, c.d_state)
        groups = rms_norm(ranks, norm.weight).transpose(-3, -2)
        if c.groups == 1:
            return groups + bias
        return (groups[..., :, None, :, :] + torch.unflatten(bias, 0, (c.groups, -1))).flatten(-4, -3)

    def _readout(self, y: Tensor, drive: Drive, gate: Tensor) -> Tensor:
        """From ``y`` [..., H, R, P]: skip, norm, gate, sum over ranks and out-projection, [..., D]."""
        y = y + self.D.view(-1, 1, 1) * drive.values(drive.x)
        if self.config.pre_gate_norm:
            y = rms_norm(y, self.norm.weight.view(self.config.heads, 1, -1))
        y = y * gate
        y = y.squeeze(-2) if self.config.mimo_rank is None else (y * self.mimo_o).sum(-2)
        out: Tensor = self.out_proj(y.flatten(-2).to(self.witness.dtype))
        return out


def real_moments(u: Tensor, lengths: Tensor | None) -> Tensor:
    """[B, L]: which moments of ``u`` [B, L, ...] come before the end of their row."""
    if lengths is None:
        return torch.ones(u.shape[:2], dtype=torch.bool, device=u.device)
    return torch.arange(u.shape[1], device=u.device) < lengths[:, None]


def heavy_tail(x: Tensor) -> Tensor:
    """1 + x above zero, 1 / (1 - x) below: the activation of A in the official code since June 2026."""
    return torch.where(x >= 0, 1 + x, 1 / (1 - x.clamp(max=0)))


@torch.no_grad()
def cast(module: nn.Module, dtype: torch.dtype) -> None:
    """Give ``module`` weights of ``dtype``, but keep what sets step sizes, biases and scales in float32 at least.

    In bfloat16, a step size of 0.001 would be off by up to 1.6 %.
    """
    for name, weight in converted(module, dtype).items():
        module.get_parameter(name).data = weight.data


def converted(module: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """The weights that :func:`cast` would give, by name, as functions of those that stay: for mixed precision."""
    exact = ("dt_bias", "B_bias", "C_bias", "D", "mimo_x", "mimo_z", "mimo_o")
    wider = torch.promote_types(dtype, torch.float32)
    return {n: p.to(wider if n.rpartition(".")[2] in exact else dtype) for n, p in module.named_parameters()}
