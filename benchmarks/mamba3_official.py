"""The official Mamba-3 beside ours, from the same weights: what it computes and how to time it.

Any installed ``mamba_ssm`` will do whose ``modules.mamba3`` can be imported: its Triton kernels need no compiled extension.
Inputs here pick single columns of in_proj, scaled by a power of two: every implementation then starts from the very same
bfloat16 projections, and what differs is what it makes of them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from mamba3_timing import off
from torch import Tensor, nn
from torch.nn import functional as F

from policies.mamba3.block import Mamba3, cast
from policies.mamba3.config import Mamba3Config

SCALE = 32.0
"""What a chosen column of in_proj is multiplied by; a power of two, so that nothing is rounded."""
DT_BIAS = 2.0
"""Steps of about 2: angles span 2 pi. At initial step sizes a wrong pairing of channels hides under 3 %."""


def why_not() -> str | None:
    """Why there is no official package to compare with; None if there is one."""
    if find_spec("mamba_ssm") is None:
        return "mamba_ssm is not importable: its figures are those measured earlier on the same kind of card"
    try:
        import_module("mamba_ssm.modules.mamba3")
    except ImportError as reason:
        return f"mamba_ssm.modules.mamba3 cannot be imported: {reason}"
    return None


def activation() -> str:
    """The activation of A that the official package applies: heavy_tail since June 2026, softplus before."""
    later = hasattr(import_module("mamba_ssm.modules.mamba3"), "heavy_tail_activation")
    return "heavy_tail" if later else "softplus"


def official_block(block: Mamba3) -> Any:
    """The official module with the weights of ``block``."""
    c, weight = block.config, block.in_proj.weight
    made = import_module("mamba_ssm.modules.mamba3").Mamba3(
        c.d_model, d_state=c.d_state, expand=c.expand, headdim=c.head_dim, ngroups=c.groups,
        rope_fraction=c.rope_fraction, device=weight.device, dtype=weight.dtype,
    )  # fmt: skip
    made.load_state_dict(block.state_dict())
    return made


def official_core(block: Any, u: Tensor) -> tuple[Callable[..., Any], dict[str, Tensor]]:
    """The official function of a whole sequence and what it is called with when the module sees ``u`` [B, L, D]."""
    home, kept = import_module("mamba_ssm.modules.mamba3"), {}
    run = home.mamba3_siso_combined

    def keep(**given: Tensor) -> Any:
        kept.update(given)
        return run(**given)

    home.mamba3_siso_combined = keep
    try:
        with torch.no_grad():
            block(u)
    finally:
        home.mamba3_siso_combined = run
    return run, kept


class OfficialStep:
    """A step of an official block by its Triton step kernel; the state it leaves is not handed on: this is for timing.

    The step that the module itself takes is written in CuTe and needs nvidia-cutlass-dsl and quack-kernels.
    """

    def __init__(self, block: Any, batch: int) -> None:
        self._block, self._run = block, import_module("mamba_ssm.ops.triton.mamba3.mamba3_siso_step").mamba3_siso_step
        angle, h, k, x = block.allocate_inference_cache(batch, 1)
        self._states = (angle, h, k.squeeze(1), x)

    @torch.no_grad()
    def __call__(self, u: Tensor) -> Tensor:
        """[B, D] to [B, D]."""
        m = self._block
        groups, heads = (-1, m.num_bc_heads, m.d_state), (-1, m.nheads, m.headdim)
        sizes = [m.d_inner] * 2 + [m.d_state * m.num_bc_heads] * 2 + [m.nheads] * 3 + [m.num_rope_angles]
        z, x, b, q, dd_dt, dd_a, trap, angle = torch.split(m.in_proj(u), sizes, dim=-1)
        home = import_module("mamba_ssm.modules.mamba3")
        activate = home.heavy_tail_activation if activation() == "heavy_tail" else F.softplus
        decay, dt = -activate(dd_a.float()).clamp(min=m.A_floor), F.softplus(dd_dt + m.dt_bias)
        y, _ = self._run(
            Q=m.C_norm(q.view(groups)), K=m.B_norm(b.view(groups)), V=x.view(heads), ADT=decay * dt, DT=dt, Trap=trap,
            Q_bias=m.C_bias.squeeze(1), K_bias=m.B_bias.squeeze(1),
            Angles=angle.unsqueeze(-2).expand(-1, m.nheads, -1), D=m.D, Z=z.view(heads), Input_States=self._states,
        )  # fmt: skip
        out: Tensor = m.out_proj(y.flatten(-2))
        return out


@dataclass(frozen=True)
class Beside:
    """How far one tensor is off: relative errors |a - b| / |b| (Euclidean)."""

    tensor: str
    ours_theirs: float | None
    ours_float64: float
    theirs_float64: float | None


def telling_block(d_model: int = 1024, d_state: int = 128, head_dim: int = 64) -> Mamba3:
    """A bfloat16 block on the GPU whose mistakes show: large steps, heads that remember, random biases and norms."""
    torch.manual_seed(3)
    a_activation: Any = activation() if why_not() is None else "heavy_tail"
    block = Mamba3(Mamba3Config(d_model, d_state, head_dim, a_activation=a_activation))
    for name, parameter in block.named_parameters():
        if "proj" not in name:
            parameter.data += 0.3 * torch.randn_like(parameter)
    block.dt_bias.data = DT_BIAS + 0.5 * torch.randn_like(block.dt_bias)
    start = sum(block.sizes[:5])
    remember = -60.0 if a_activation == "heavy_tail" else -5.0  # heads forget over some 15 to 60 moments
    spread = torch.empty(block.config.heads, d_model).uniform_(remember, remember / 3)
    block.in_proj.weight.data[start : start + block.config.heads] = spread / SCALE
    cast(block, torch.bfloat16)
    return block.cuda()


def single_columns(block: Mamba3, batch: int, length: int) -> Tensor:
    """[B, L, D]: every moment picks a column of in_proj at random."""
    D, weight = block.config.d_model, block.in_proj.weight
    chosen = torch.randint(D, (batch, length), generator=torch.Generator().manual_seed(1)).to(weight.device)
    return (SCALE * F.one_hot(chosen, D)).to(weight.dtype)


def compare(batch: int = 2, length: int = 1024) -> list[Beside]:
    """Output and every gradient of ours, of theirs and in float64, from the same weights."""
    block = telling_block()
    u = single_columns(block, batch, length)
    exact = copy.deepcopy(block).double()
    exact.backend = "torch"
    ours, right = all_gradients(block, u), all_gradients(exact, u.double())
    theirs = all_gradients(official_block(block), u) if why_not() is None else None
    return [
        Beside(
            name,
            off(got, theirs[name]) if theirs else None,
            off(got, right[name]),
            off(theirs[name], right[name]) if theirs else None,
        )
        for name, got in ours.items()
    ]


def all_gradients(module: nn.Module, u: Tensor) -> dict[str, Tensor]:
    """The output and the gradients of sum(output * fixed numbers), by name."""
    u = u.clone().requires_grad_()
    wanted = {"the input": u, **dict(module.named_parameters())}
    y = module(u)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(2)).to(torch.bfloat16).to(y)
    found = torch.autograd.grad((y * weights).sum(), list(wanted.values()))
    return {"output": y.detach()} | {f"gradient of {name}": g for name, g in zip(wanted, found, strict=True)}
