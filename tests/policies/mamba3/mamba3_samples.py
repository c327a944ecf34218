"""Blocks whose mistakes show: every parameter is random, and angles span full turns."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from policies.mamba3.block import Mamba3
from policies.mamba3.config import Mamba3Config
from policies.mamba3.recurrence import Mamba3State

VARIANTS = [
    {"mimo_rank": rank, "groups": groups, "rope_fraction": rope}
    for rank, groups, rope in product((None, 2, 4), (1, 2), (0.5, 1.0))
]
MORE = [
    {"a_activation": "heavy_tail", "mimo_rank": 2},
    {"pre_gate_norm": True},
    {"pre_gate_norm": True, "mimo_rank": 2},
]
DT_BIAS = 2.0
"""Step sizes of about 2: a moment turns a pair by up to 2 pi. At initial step sizes a wrong pairing would hide."""
FORGETTING = {"softplus": -4.0, "heavy_tail": -40.0}
"""What the constant input adds to dd_A: a head remembers for about 30 moments, so that chunks have something to hand on."""
FLOORED = {"softplus": -15.0, "heavy_tail": -2e4}
"""The same for the first head, whose -A would be below its floor."""


def block(**options: object) -> Mamba3:
    """A float64 block of D 16, N 8, P 8 (4 heads)."""
    torch.manual_seed(3)
    made = Mamba3(Mamba3Config(d_model=16, d_state=8, head_dim=8, **options)).double()  # type: ignore[arg-type]
    for name, parameter in made.named_parameters():
        if "proj" not in name:
            parameter.data += 0.3 * torch.randn_like(parameter)
    made.dt_bias.data = DT_BIAS + 0.5 * torch.randn_like(made.dt_bias)
    c = made.config
    start = 2 * c.d_inner + 2 * c.rank * c.groups * c.d_state + c.heads
    made.in_proj.weight.data[start : start + c.heads, 0] = FORGETTING[c.a_activation]
    made.in_proj.weight.data[start, 0] = FLOORED[c.a_activation]
    return made


def inputs(batch: int, length: int, seed: int = 0) -> Tensor:
    """[B, L, 16] in float64, the first channel constant."""
    u = torch.randn(batch, length, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    u[..., 0] = 1.0
    return u


def anywhere(mamba: Mamba3, batch: int) -> Mamba3State:
    """A state in the middle of ``batch`` episodes."""
    return mamba.sequential(inputs(batch, 3, seed=9))[1]


def off(got: Tensor, right: Tensor) -> float:
    """The relative error |got - right| / |right| (Euclidean)."""
    return float(((got - right).norm() / right.norm()).detach())


def state_off(got: Mamba3State, right: Mamba3State) -> float:
    """The largest relative error of a state's parts; angles are compared on the circle."""
    parts = [off(getattr(got, name), getattr(right, name)) for name in ("h", "k", "x")]
    return max(*parts, off(on_circle(got.angle), on_circle(right.angle)))


def on_circle(angle: Tensor) -> Tensor:
    """cos and sin of ``angle``."""
    return torch.stack((torch.cos(angle), torch.sin(angle)))
