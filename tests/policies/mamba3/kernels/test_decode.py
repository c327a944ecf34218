"""The fused step is the step of the stack: whatever the variant, the batch and the cut, and planted mistakes show."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.kernels import decode, linear
from policies.mamba3.kernels.available import interpreted
from policies.mamba3.kernels.decode import FusedStack
from policies.mamba3.recurrence import Mamba3State
from policies.mamba3.stack import Layer, Mamba3Stack

SINGLE = 2e-6
"""The relative error allowed in float32, against float64."""
SCANNED = SINGLE if interpreted() else 3e-5
"""The same of a fused sequence: a GPU adds up a chunk's decays in another order, and these sums lose digits where a moment
forgets everything."""
VARIANTS = [
    {},
    {"groups": 2, "rope_fraction": 1.0},
    {"a_activation": "heavy_tail", "groups": 2},
    {"a_activation": "heavy_tail", "rope_fraction": 1.0},
]


@pytest.fixture(autouse=True)
def few_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter runs one program after the other; a head of 8 rows must come in parts as well."""
    monkeypatch.setattr(decode, "LEAST", 4)
    if interpreted():
        monkeypatch.setattr(linear, "PROGRAMS", 4)


def stack(device: torch.device, mlp: int = 0, **options: object) -> Mamba3Stack:
    """D 8, N 8, P 8 (2 heads), every parameter random; step sizes of about 2, so that angles span full turns.

    The first head forgets all at some moments and nothing, but for the floor of -A, at the others.
    """
    torch.manual_seed(3)
    made = Mamba3Stack(StackConfig(1, Mamba3Config(d_model=8, d_state=8, head_dim=8, **options), mlp=mlp))  # type: ignore[arg-type]
    for name, parameter in made.named_parameters():
        if "proj" not in name and "fc" not in name:
            parameter.data += 0.3 * torch.randn_like(parameter)
        if name.endswith("dt_bias"):
            parameter.data = 2.0 + 0.5 * torch.randn_like(parameter)
    block, c = next(iter(made.layers)).mixer, made.config.block
    block.in_proj.weight.data[2 * c.d_inner + 2 * c.rank * c.groups * c.d_state + c.heads] *= (
        1e6  # dd_A of the first head
    )
    return made.to(device)


def off(got: Tensor, right: Tensor) -> float:
    return float((got - right).norm() / right.norm())


def state_off(got: Mamba3State, right: Mamba3State) -> float:
    """The largest relative error of the parts; angles are compared on the circle."""
    turn = [torch.stack((state.angle.cos(), state.angle.sin())) for state in (got, right)]
    return max(off(*turn), *(off(getattr(got, name), getattr(right, name)) for name in ("h", "k", "x")))


def apart(fused: FusedStack, right: Mamba3Stack, moments: int) -> float:
    """The relative error of all that the steps add, with a tenth of the rows reset at each.

    That of the last state counts half: it holds 50 moments' rounding of an angle, as the plain float32 step's does.
    """
    batch, device, make = len(fused.x), fused.x.device, torch.Generator().manual_seed(1)
    states, added, wanted = right.rest(batch), [], []
    for _ in range(moments):
        x = torch.randn(batch, 8, generator=make).to(device)
        reset = (torch.rand(batch, generator=make) < 0.1).to(device)
        fused.x.copy_(x)
        fused.reset.copy_(reset)
        fused.run()
        with torch.no_grad():
            y, states = right.step(x.double(), states, reset=reset)
        added.append(fused.x - x)
        wanted.append(y - x)
    drift = max(map(state_off, fused.states, states))
    return max(off(torch.stack(added), torch.stack(wanted)), drift / 2)


@pytest.mark.parametrize(("options", "moments"), list(zip(VARIANTS, (15, 50, 15, 15), strict=True)), ids=str)
def test_single_rows_are_the_stacks(options: dict[str, object], moments: int, device: torch.device) -> None:
    made = stack(device, **options)
    assert apart(FusedStack(made, 1), copy.deepcopy(made).double(), moments) < SINGLE


@pytest.mark.parametrize("batch", [3, 17])
def test_batches_are_the_stacks(batch: int, device: torch.device) -> None:
    """By our product of matrices and by the vendor's; a head in parts and whole; and with a SwiGLU."""
    made = stack(device, mlp=12, groups=2)
    assert apart(FusedStack(made, batch), copy.deepcopy(made).double(), 20 // batch + 2) < SINGLE


def wrong_pairs(mistaken: Mamba3Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mamba3Config, "pairing", "halves")


def no_bias(mistaken: Mamba3Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for layer in mistaken.layers:
        assert isinstance(layer, Layer)
        layer.mixer.B_bias.data.zero_()


def no_past(mistaken: Mamba3Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(x: Tensor, states: list[Mamba3State], reset: Tensor) -> tuple[Tensor, list[Mamba3State]]:
        forgetful = [Mamba3State(s.angle, s.h, torch.zeros_like(s.k), s.x) for s in states]
        return type(mistaken).step(mistaken, x, forgetful, reset=reset)

    monkeypatch.setattr(mistaken, "step", step)


@pytest.mark.parametrize("mistake", [wrong_pairs, no_bias, no_past])
def test_a_mistake_would_show(
    mistake: Callable[[Mamba3Stack, pytest.MonkeyPatch], None], device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stack(device)
    mistaken = copy.deepcopy(made).double()
    mistake(mistaken, monkeypatch)
    assert apart(FusedStack(made, 1), mistaken, 5) > 1e3 * SINGLE


def test_states_come_from_a_scan_and_go_back(device: torch.device) -> None:
    made, fused = stack(device), FusedStack(stack(device), 2)
    x = torch.randn(2, 9, 8, device=device)
    with torch.no_grad():
        y, last = made.scan(x)
        fused.states = made.scan(x[:, :6])[1]
        before = fused.states
        for t in (6, 7):
            fused.x.copy_(x[:, t])
            fused.run()
        assert off(fused.x, y[:, 7]) < SCANNED
        y_after, after = made.scan(x[:, 8:], fused.states)
    assert off(y_after[:, 0], y[:, 8]) < SCANNED
    assert state_off(after[0], last[0]) < SCANNED
    fused.states = before
    assert all(torch.equal(a, b) for a, b in zip(vars(fused.states[0]).values(), vars(before[0]).values(), strict=True))


@pytest.mark.parametrize(("batch", "rows", "width"), [(1, 5, 12), (3, 37, 24), (8, 16, 260), (9, 37, 24)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_linear_maps(batch: int, rows: int, width: int, dtype: torch.dtype, device: torch.device) -> None:
    """In bfloat16, by tensor cores, the input is rounded to it."""
    if dtype == torch.bfloat16 and interpreted() and batch > linear.TILE // 2:
        pytest.skip("PyTorch has no product of bfloat16 matrices with a float32 result on a CPU")
    x, norm, weight = (torch.randn(*shape, device=device) for shape in ((batch, width), (width,), (rows, width)))
    norm, weight = norm.to(dtype), weight.to(dtype)
    right = torch.nn.functional.rms_norm(x.double(), (width,), norm.double(), 1e-5) @ weight.double().t()
    out = torch.empty(batch, rows, device=device)
    allowed = SINGLE if dtype == torch.float32 or batch == 1 else 3e-3
    linear.project(x, norm, weight, out)
    assert off(out, right) < allowed
    total = torch.randn(batch, rows, device=device)
    right = total + x.double() @ weight.double().t()
    linear.add_projected(x.to(linear.kind(weight, batch)), weight, total)
    assert off(total, right) < allowed


def test_what_it_cannot_step_is_refused(device: torch.device) -> None:
    for made, message in [
        (stack(device, mimo_rank=2), "its blocks are MIMO of rank 2; kind 'torch' can"),
        (stack(device, pre_gate_norm=True), "its blocks normalise before the gate"),
        (stack(device).double(), "its weights are torch.float64, not float32 or bfloat16"),
    ]:
        with pytest.raises(InvalidValue, match=re.escape(message)):
            FusedStack(made, 1)
    fused = FusedStack(stack(device), 2)
    with pytest.raises(InvalidValue, match="a stack of 1 layers needs as many states, got 0"):
        fused.states = []
    with pytest.raises(
        InvalidValue, match=re.escape("the state's angle must be [2, 2, 2] for this block, got [1, 2, 2]")
    ):
        fused.states = stack(device).rest(1)
