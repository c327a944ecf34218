"""The fused gradients are those of the plain form in float64, and the same every time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import pytest
import torch
from mamba3_samples import DT_BIAS, FORGETTING, off
from torch import Tensor

from policies.mamba3.block import Mamba3
from policies.mamba3.config import Mamba3Config
from policies.mamba3.kernels.available import COMPARED
from policies.mamba3.kernels.backward import Gradients, backward
from policies.mamba3.kernels.forward import Heads, forward
from policies.mamba3.kernels.front import Saved, front
from policies.mamba3.recurrence import Mamba3State, state_shapes

SINGLE, HALF = 5e-6, 2e-2
"""Relative errors allowed for each gradient, in float32 and, of so few numbers, in bfloat16."""
ALL: dict[str, object] = {"groups": 2, "rope_fraction": 1.0, "a_activation": "heavy_tail"}


@dataclass(frozen=True)
class Case:
    """A sequence, what the kernels keep of it and put out, and the right output and slopes by name."""

    dy: Tensor
    saved: Saved
    y: Tensor
    state: Mamba3State | None
    right: dict[str, Tensor]


@cache
def case(device: torch.device, dtype: torch.dtype = torch.float32, *, length: int = 40, cut: bool = False,
         d_state: int = 16, head_dim: int = 16, chunk: int = 16, **options: object) -> Case:  # fmt: skip
    """Two rows; with ``cut``, from the middle of an episode, with resets and ends."""
    block = made(device, d_state, head_dim, options)
    random = torch.Generator().manual_seed(1)
    u = torch.randn(2, length, head_dim, dtype=torch.float64, generator=random).to(device)
    u[..., 0] = 1.0
    reset = (torch.rand(2, length, generator=random) < 0.1).to(device) if cut else None
    lengths = torch.tensor([length, length - 9], device=device) if cut else None
    shapes = state_shapes(block.config, 2)
    state = Mamba3State(*(torch.randn(s, generator=random).to(device) for s in shapes)) if cut else None
    proj = block.in_proj(u).detach().to(dtype)
    dy = torch.randn(2, length, 2 * head_dim, generator=random).to(device, dtype)
    saved, y = kept(block, proj, state, reset, lengths, chunk)
    return Case(dy, saved, y, state, slopes(block, proj, dy, state, reset, lengths))


def made(device: torch.device, d_state: int, head_dim: int, options: dict[str, object]) -> Mamba3:
    """A float64 block of D = P (2 heads), its parameters random and exact in bfloat16, its angles full turns."""
    torch.manual_seed(3)
    c = Mamba3Config(head_dim, d_state=d_state, head_dim=head_dim, **options)  # type: ignore[arg-type]
    block = Mamba3(c).double()
    for name, parameter in block.named_parameters():
        if "proj" not in name:
            parameter.data = (parameter.data + 0.3 * torch.randn_like(parameter)).bfloat16().double()
    block.dt_bias.data = (DT_BIAS + 0.5 * torch.randn_like(block.dt_bias)).bfloat16().double()
    decay = 2 * c.d_inner + 2 * c.groups * c.d_state + c.heads
    block.in_proj.weight.data[decay : decay + c.heads, 0] = FORGETTING[c.a_activation]
    return block.to(device)


def kept(
    block: Mamba3, proj: Tensor, state: Mamba3State | None, reset: Tensor | None, lengths: Tensor | None, chunk: int
) -> tuple[Saved, Tensor]:
    """What the fused forward keeps of ``proj``, and what it puts out."""
    c = block.config
    dt_bias, B_bias, C_bias, D = (p.detach().float() for p in (block.dt_bias, block.B_bias, block.C_bias, block.D))
    B_norm, C_norm = (norm.weight.detach().to(proj.dtype) for norm in (block.B_norm, block.C_norm))
    given = front(proj, c, dt_bias, B_norm, C_norm, lengths)
    walked = forward(proj, given, Heads(B_bias, C_bias, D), c, state, reset=reset, lengths=lengths, chunk=chunk)
    saved = Saved(
        c, proj, given, walked.starts, walked.angles, dt_bias, B_norm, C_norm, B_bias, C_bias, D, reset, lengths, chunk
    )
    return saved, walked.y


def slopes(
    block: Mamba3, proj: Tensor, dy: Tensor, state: Mamba3State | None, reset: Tensor | None, lengths: Tensor | None
) -> dict[str, Tensor]:
    """The right ones and the output ``y``, from the plain form in float64 with ``proj`` as its projections."""
    wide, gated = proj.double().requires_grad_(), {}
    block.in_proj.register_forward_hook(lambda *_: wide)
    block.out_proj.register_forward_pre_hook(lambda _, inputs: gated.update(y=inputs[0]))
    start = None if state is None else Mamba3State(*(part.double() for part in vars(state).values()))
    u = torch.zeros(*proj.shape[:2], block.config.d_model, dtype=torch.float64, device=proj.device)
    block.scan(u, start, reset=reset, lengths=lengths)
    ends = torch.full((2,), proj.shape[1], device=proj.device) if lengths is None else lengths
    real = torch.arange(proj.shape[1], device=proj.device) < ends[:, None]
    wanted = {
        "dt_bias": block.dt_bias, "B_norm": block.B_norm.weight, "C_norm": block.C_norm.weight,
        "B_bias": block.B_bias, "C_bias": block.C_bias, "D": block.D,
    }  # fmt: skip
    y = gated["y"] * real[..., None]
    found = torch.autograd.grad((y * dy.double()).sum(), [wide, *wanted.values()])
    return by_part(found[0], block.config) | dict(zip(wanted, found[1:], strict=True)) | {"y": y.detach()}


def by_part(proj: Tensor, c: Mamba3Config) -> dict[str, Tensor]:
    """The columns of the projections by what they are for: each is judged by its own size."""
    block = c.groups * c.d_state
    parts = torch.split_with_sizes(proj, [c.d_inner, c.d_inner, block, block, c.heads, c.heads, c.heads, c.angles], -1)
    return dict(zip(("z", "x", "B", "C", "dd_dt", "dd_A", "trap", "angle"), parts, strict=True))


def errors(got: Gradients, right: dict[str, Tensor], config: Mamba3Config) -> dict[str, float]:
    """The relative error of every gradient; that of dt_bias, a sum whose parts may cancel, by the size of the parts."""
    found = by_part(got.proj, config) | {name: value for name, value in vars(got).items() if name != "proj"}
    wrong = {name: off(found[name].double(), value) for name, value in right.items() if name != "y"}
    bias, summed = right["dt_bias"].norm(), right["dd_dt"].norm()
    return wrong | {"dt_bias": wrong["dt_bias"] * float(bias / torch.maximum(bias, summed))}


CASES: list[dict[str, object]] = [
    {},
    {"cut": True, "length": 25, **ALL},
    {"cut": True, "d_state": 40, "length": 19},  # ten pairs: not a power of two, and more than one program takes
    {"length": 1},
]


@pytest.mark.parametrize("options", CASES, ids=str)
def test_gradients_are_those_of_the_plain_form(options: dict[str, object], device: torch.device) -> None:
    given = case(device, **options)  # type: ignore[arg-type]
    wrong = errors(backward(given.dy, given.saved, given.state), given.right, given.saved.config)
    if options == {"length": 1}:  # nothing has decayed and q.k does not turn
        del wrong["dd_A"], wrong["angle"]
    assert max(wrong.values()) < SINGLE, wrong


@pytest.mark.parametrize("options", [{"cut": True}, ALL], ids=str)
def test_heads_that_one_program_takes_in_turn(
    options: dict[str, object], device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU with chunks enough to be busy: their sums are the same."""
    monkeypatch.setattr("policies.mamba3.kernels.backward.BUSY", 1)
    given = case(device, length=20, **options)  # type: ignore[arg-type]
    wrong = errors(backward(given.dy, given.saved, given.state), given.right, given.saved.config)
    assert max(wrong.values()) < SINGLE, wrong


def test_gradients_in_half_precision(device: torch.device) -> None:
    given = case(device, torch.bfloat16)
    got = backward(given.dy, given.saved)
    assert (got.proj.dtype, got.B_bias.dtype) == (torch.bfloat16, torch.float32)
    wrong = errors(got, given.right, given.saved.config)
    assert max(wrong.values()) < HALF, wrong


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no compiler has a part in it without a GPU")
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
@pytest.mark.parametrize("busy", [1, 10**9], ids=["heads in turn", "heads apart"])
@pytest.mark.parametrize(("d_state", "head_dim"), sorted(COMPARED))
def test_half_precision_in_every_width_that_is_vouched_for(
    d_state: int, head_dim: int, busy: int, cut: bool, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compiler makes something else of every width: in one of them, gradients once came out wrong."""
    monkeypatch.setattr("policies.mamba3.kernels.backward.BUSY", busy)
    given = case(device, torch.bfloat16, length=150, cut=cut, d_state=d_state, head_dim=head_dim, chunk=64)
    wrong = errors(backward(given.dy, given.saved, given.state), given.right, given.saved.config)
    wrong["y"] = off(given.y.double(), given.right["y"])
    assert max(wrong.values()) < HALF, wrong


def test_gradients_are_the_same_to_the_bit(device: torch.device) -> None:
    given = case(device, length=20, cut=True)
    once, again = (vars(backward(given.dy, given.saved, given.state)) for _ in range(2))
    for name, value in once.items():
        torch.testing.assert_close(again[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("mistake", ["trapezoid", "angles", "starts", "reset", "bias", "keys"])
def test_planted_mistakes_show(mistake: str, device: torch.device) -> None:
    given = case(device, length=20, cut=True)
    saved = given.saved
    planted = {
        "trapezoid": lambda: replace(saved, front=replace(saved.front, lam=torch.ones_like(saved.front.lam))),
        "angles": lambda: replace(saved, angles=torch.zeros_like(saved.angles)),
        "starts": lambda: replace(saved, starts=torch.zeros_like(saved.starts)),
        "reset": lambda: replace(saved, reset=None),
        "bias": lambda: replace(saved, B_bias=torch.zeros_like(saved.B_bias)),
        "keys": lambda: replace(saved, front=replace(saved.front, keys=saved.front.keys.flip(-1))),
    }[mistake]()
    assert max(errors(backward(given.dy, planted, given.state), given.right, saved.config).values()) > 5 * HALF
