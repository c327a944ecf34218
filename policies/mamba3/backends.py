"""Which implementation runs a sequence through a block: PyTorch, the kernels here, or the official package.

``torch`` runs anywhere, ``triton`` (:mod:`policies.mamba3.kernels`) and ``mamba-ssm`` on a CUDA device. All take the same
parameters and give the same function, so the choice is one of speed alone: :func:`fastest_backend` measures it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from nsctl.errors import InvalidValue
from policies.mamba3.block import A_FLOOR, Mamba3, heavy_tail
from policies.mamba3.kernels.available import interpreted
from policies.mamba3.norm import rms_norm
from policies.mamba3.recurrence import Mamba3State

Backend = Literal["torch", "triton", "mamba-ssm"]
IMPLEMENTATIONS: tuple[Backend, ...] = get_args(Backend)
OFFICIAL = "mamba_ssm.ops.triton.mamba3.mamba3_siso_combined"
"""The module of the official package that holds the function of a whole SISO sequence."""
_WARM_UP = 3


@dataclass(frozen=True)
class BackendReport:
    """What :func:`fastest_backend` found."""

    seconds: Mapping[Backend, float]
    """The median time of each that can run here."""
    refused: Mapping[Backend, str]
    """Why the others cannot."""

    @property
    def fastest(self) -> Backend:
        """The quickest of those that can run."""
        return min(self.seconds, key=lambda name: self.seconds[name])

    def __str__(self) -> str:
        ran = [
            f"{name} {1e3 * self.seconds[name]:.3f} ms" for name in sorted(self.seconds, key=self.seconds.__getitem__)
        ]
        return "; ".join(ran + [f"not {name}: {reason}" for name, reason in self.refused.items()])


def fastest_backend(
    block: Mamba3, batch: int, length: int, *, backward: bool = True, rounds: int = 10
) -> BackendReport:
    """Time every backend on ``batch`` sequences of ``length`` moments, in turn for ``rounds``, on the block's device.

    ``backward`` includes the gradients, as in training. The block's own choice, gradients and random state are kept.
    """
    weight, chosen = block.in_proj.weight, block.backend
    generator = torch.Generator(weight.device).manual_seed(0)
    shape = (batch, length, block.config.d_model)
    u = torch.randn(shape, dtype=weight.dtype, device=weight.device, generator=generator, requires_grad=backward)
    times: dict[Backend, list[float]] = {}
    refused: dict[Backend, str] = {}
    try:
        for name in IMPLEMENTATIONS:
            if name == "triton" and not u.is_cuda and interpreted():
                refused[name] = "there is only Triton's interpreter, which is for tests"
                continue
            try:
                for _ in range(_WARM_UP):
                    _timed(block, name, u, backward)
                times[name] = []
            except InvalidValue as reason:
                refused[name] = str(reason)
        for _ in range(rounds):
            for name, found in times.items():
                found.append(_timed(block, name, u, backward))
    finally:
        block.backend = chosen
    return BackendReport({name: statistics.median(found) for name, found in times.items()}, refused)


def _timed(block: Mamba3, name: Backend, u: Tensor, backward: bool) -> float:
    """Seconds of one run of the block by the backend ``name``."""
    block.backend = name
    inputs = [u, *block.parameters()]
    _wait(u)
    begun = time.perf_counter()
    with torch.set_grad_enabled(backward):
        y = block(u)
    if backward:
        torch.autograd.grad(y.sum(), inputs)  # leaves every .grad as it is
    _wait(u)
    return time.perf_counter() - begun


def _wait(u: Tensor) -> None:
    if u.is_cuda:
        torch.cuda.synchronize(u.device)


def official_scan(
    block: Mamba3, u: Tensor, state: Mamba3State | None, reset: Tensor | None, lengths: Tensor | None
) -> tuple[Tensor, Mamba3State]:
    """:meth:`Mamba3.scan` by the official package: [B, L, D] to [B, L, D] and the last state; refuses what it cannot do."""
    if (reason := why_not_official(block, u, reset, lengths)) is not None:
        raise InvalidValue(f"mamba-ssm cannot run this sequence: {reason}; the backend torch can")
    y, state = official_core(block, block.in_proj(u), state)
    out: Tensor = block.out_proj(y)
    return out, state


def why_not_official(
    block: Mamba3, u: Tensor, reset: Tensor | None = None, lengths: Tensor | None = None
) -> str | None:
    """What keeps the official package from running ``u`` through ``block``; None where nothing does."""
    c = block.config
    powers = all(size & (size - 1) == 0 and size >= 16 for size in (c.d_state, c.head_dim))
    for reason, holds in (
        ("it is not installed", find_spec("mamba_ssm") is None),
        (f"the input lies on {u.device}, and it needs a CUDA device", not u.is_cuda),
        ("its function of whole sequences is taken for SISO only", c.mimo_rank is not None),
        ("a pre-gate norm is not taken", c.pre_gate_norm),
        (f"it computes in bfloat16, the weights are {block.in_proj.weight.dtype}", u.dtype != torch.bfloat16),
        (f"N = {c.d_state} and P = {c.head_dim} must be powers of two of at least 16", not powers),
        ("it has no resets within a sequence", reset is not None),
        ("it has no lengths within a batch", lengths is not None),
    ):
        if holds:
            return reason
    try:
        import_module(OFFICIAL)
    except ImportError as error:
        return f"importing {OFFICIAL} failed ({error})"
    return None


def official_core(block: Mamba3, proj: Tensor, state: Mamba3State | None) -> tuple[Tensor, Mamba3State]:
    """What lies between the two projections, by the official kernels: from ``proj`` [B, L, rows] to y [B, L, E].

    The activation of A is applied here, not in their kernels, so both run.
    """
    c = block.config
    z, x, b, q, dd_dt, dd_a, trap, angle = torch.split_with_sizes(proj, block.sizes, -1)
    heads, groups = (*proj.shape[:-1], c.heads, c.head_dim), (*proj.shape[:-1], c.groups, c.d_state)
    dt = F.softplus(dd_dt.float() + block.dt_bias)  # [B, L, H]
    decay = (F.softplus if c.a_activation == "softplus" else heavy_tail)(dd_a.float()).clamp(min=A_FLOOR)
    run: Any = import_module(OFFICIAL).mamba3_siso_combined
    y, angle, h, k, last = run(
        Q=_normalised(q.view(groups), block.C_norm.weight),
        K=_normalised(b.view(groups), block.B_norm.weight),
        V=x.view(heads),
        ADT=(-decay * dt).transpose(1, 2),
        DT=dt.transpose(1, 2),
        Trap=trap.transpose(1, 2),  # lambda's logit
        Q_bias=block.C_bias.squeeze(1),
        K_bias=block.B_bias.squeeze(1),
        Angles=angle.unsqueeze(-2).expand(-1, -1, c.heads, -1),
        D=block.D,
        Z=z.view(heads),
        Input_States=None if state is None else (state.angle, state.h, state.k.squeeze(2), state.x),
        return_final_states=True,
    )
    return y.flatten(-2).to(proj.dtype), Mamba3State(angle.float(), h.float(), k.float().unsqueeze(2), last.float())


def _normalised(x: Tensor, weight: Tensor) -> Tensor:
    return rms_norm(x.float(), weight).to(x.dtype)
