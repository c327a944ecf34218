"""The kernels' walk against the reference in float64, from the same projections."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from mamba3_samples import block, inputs, off, state_off
from torch import Tensor

from policies.mamba3.block import Mamba3
from policies.mamba3.config import Mamba3Config
from policies.mamba3.kernels.forward import Heads, Walked, forward
from policies.mamba3.kernels.front import Front, channel_order, front
from policies.mamba3.recurrence import Mamba3State

SINGLE, HALF = 3e-6, 1e-2
"""Relative errors allowed in float32 and bfloat16."""
OPTIONS = [
    {},
    {"groups": 2},
    {"rope_fraction": 1.0},
    {"rope_fraction": 1.0, "groups": 2, "a_activation": "heavy_tail"},
    {"a_activation": "heavy_tail"},
]


class Case:
    """A block of float32 parameters, the projections of a sequence, and what the reference makes of them."""

    def __init__(self, options: dict[str, object], length: int, dtype: torch.dtype = torch.float32) -> None:
        self.exact, self.u = block(**options), inputs(2, length)
        self.exact.load_state_dict({name: value.float().double() for name, value in self.exact.state_dict().items()})
        self.proj = self.exact.in_proj(self.u).to(dtype)
        self.exact.in_proj.register_forward_hook(lambda *_: self.proj.double())
        self.exact._readout = ungrouped(self.exact)  # type: ignore[method-assign]
        generator = torch.Generator().manual_seed(1)
        self.reset = torch.rand(2, length, generator=generator) < 0.2
        self.lengths = torch.tensor([0, length // 2])
        self.start = Mamba3State(
            *(3 * torch.rand(part.shape, generator=generator) for part in vars(self.exact.rest(2)).values())
        )

    def reference(self, state: Mamba3State | None = None, **given: Tensor) -> tuple[Tensor, Mamba3State]:
        state = None if state is None else Mamba3State(*(part.double() for part in vars(state).values()))
        return self.exact.sequential(self.u, state, **given)

    def front(self, device: torch.device, lengths: Tensor | None = None) -> Front:
        parts = (self.exact.dt_bias, self.exact.B_norm.weight, self.exact.C_norm.weight)
        return front(self.proj.to(device), self.exact.config, *(p.data.float().to(device) for p in parts), lengths)

    def heads(self, device: torch.device) -> Heads:
        parts = (self.exact.B_bias, self.exact.C_bias, self.exact.D)
        return Heads(*(p.data.float().to(device) for p in parts))

    def walked(
        self, device: torch.device, state: Mamba3State | None = None, chunk: int = 16, **given: Tensor
    ) -> Walked:
        state = None if state is None else Mamba3State(*(part.to(device) for part in vars(state).values()))
        given = {name: value.to(device) for name, value in given.items()}
        drive = self.front(device, given.get("lengths"))
        walked = forward(
            self.proj.to(device), drive, self.heads(device), self.exact.config, state, chunk=chunk, **given
        )
        return replace(
            walked, y=walked.y.cpu().double(), state=Mamba3State(*(p.cpu() for p in vars(walked.state).values()))
        )


def ungrouped(mamba: Mamba3) -> object:
    """The readout without its last product: what enters the out-projection."""
    whole = type(mamba)._readout

    def readout(*given: object) -> Tensor:
        kept, mamba.out_proj = mamba.out_proj, torch.nn.Identity()  # type: ignore[assignment]
        mamba.out_proj.weight = kept.weight
        y = whole(mamba, *given)  # type: ignore[arg-type]
        mamba.out_proj = kept
        return y

    return readout


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_it_is_the_reference(options: dict[str, object], device: torch.device) -> None:
    case = Case(options, 27)
    cut = {"reset": case.reset, "lengths": case.lengths}
    for state, given in ((None, {}), (case.start, cut)):
        (right, right_after), got = case.reference(state, **given), case.walked(device, state, **given)
        assert off(got.y, right) < SINGLE
        assert state_off(got.state, right_after) < SINGLE


@pytest.mark.parametrize("options", [{}, {"rope_fraction": 1.0, "groups": 2}], ids=str)
def test_half_precision(options: dict[str, object], device: torch.device) -> None:
    case = Case(options, 20, torch.bfloat16)
    right, right_after = case.reference(case.start, reset=case.reset)
    got = case.walked(device, case.start, reset=case.reset)
    assert off(got.y, right) < HALF
    assert state_off(got.state, right_after) < HALF


@pytest.mark.parametrize(("length", "chunk"), [(1, 16), (15, 16), (16, 16), (17, 16), (40, 32)])
def test_any_length_and_chunk(length: int, chunk: int, device: torch.device) -> None:
    case = Case({}, length)
    (right, right_after), got = case.reference(case.start), case.walked(device, case.start, chunk)
    assert off(got.y, right) < SINGLE
    assert state_off(got.state, right_after) < SINGLE


@pytest.mark.parametrize("sizes", [(20, 8), (32, 16), (128, 4)], ids=str)
def test_other_sizes_of_state_and_head(sizes: tuple[int, int], device: torch.device) -> None:
    """Neither needs to be a power of two."""
    n, p = sizes
    torch.manual_seed(0)
    mamba = Mamba3(Mamba3Config(16, d_state=n, head_dim=p))
    mamba.dt_bias.data += 4.0
    u = torch.randn(1, 18, 16)
    mamba.backend = "triton"
    with torch.no_grad():
        right = mamba.double().sequential(u.double())[0]
        got = mamba.float().to(device).scan(u.to(device))[0]
    assert off(got.cpu().double(), right) < SINGLE


def test_a_moment_that_forgets_everything_costs_the_later_ones_few_digits(device: torch.device) -> None:
    """Decays are differences of sums over a chunk; with A dt of -800,000 among them, 14 % were lost."""
    case = Case({}, 20)
    case.proj[0, 4, -10:-6] = 1e5  # dd_A
    (right, _), got = case.reference(), case.walked(device, chunk=32)
    assert off(got.y[:1, 5:], right[:1, 5:]) < 10 * SINGLE
    assert off(got.y[1:], right[1:]) < SINGLE


def test_saved_states_are_those_at_the_chunks_starts(device: torch.device) -> None:
    """Of 40 moments in chunks of 16: the second chunk's start is the state after 16, with the next moment's past."""
    case = Case({}, 40)
    got, given = case.walked(device), case.front(device)
    first = Case({}, 40)
    first.proj = case.proj[:, :16].contiguous()
    after = first.walked(device).state
    past = ((1 - given.lam) * given.dt)[:, 16, :, None, None].cpu()
    right = after.h + past * after.x[..., None] * after.k
    assert off(got.starts[:, 1].cpu(), right[..., channel_order(case.exact.config)]) < SINGLE
    turned = torch.remainder(got.angles[:, 1].cpu(), 2 * torch.pi)
    torch.testing.assert_close(turned, after.angle, rtol=0, atol=1e-6)


def test_angles_keep_their_digits_over_long_sequences(device: torch.device) -> None:
    """Whole numbers lose nothing: what is left is that each product of rate and dt is rounded to 24 bits."""
    case = Case({}, 520)
    case.proj = case.proj[:1].contiguous()
    whole, drive = case.walked(device, chunk=64), case.front(device)
    turn = drive.rate[:, :, None, :].double() * drive.dt[..., None].double()
    right = torch.remainder(turn.sum(1), 2 * torch.pi).cpu()
    apart = torch.remainder(whole.state.angle.double() - right + torch.pi, 2 * torch.pi) - torch.pi
    assert float(apart.abs().max()) < 3e-5


@pytest.mark.parametrize("mistake", ["pairing", "trapezoid", "B_bias", "C_bias", "angle", "groups"])
def test_planted_mistakes_show(mistake: str, device: torch.device) -> None:
    """Each is five times what even bfloat16 is allowed."""
    case = Case({"groups": 2}, 20)
    drive, heads, c = case.front(device), case.heads(device), case.exact.config
    if mistake == "pairing":
        wrong = [0, 1, 2, 3, 4, 5, 6, 7]  # halves where neighbours are pairs
        order = torch.tensor([[0, 2, 1, 3, 4, 5, 6, 7].index(channel) for channel in wrong], device=device)
        drive = replace(drive, keys=drive.keys[..., order].contiguous(), queries=drive.queries[..., order].contiguous())
    elif mistake == "trapezoid":
        drive = replace(drive, lam=torch.ones_like(drive.lam))
    elif mistake == "angle":
        drive = replace(drive, rate=torch.zeros_like(drive.rate))
    elif mistake == "groups":
        drive = replace(drive, keys=drive.keys.flip(2).contiguous())
    else:
        heads = replace(heads, **{mistake: torch.zeros_like(heads.B_bias)})
    y = forward(case.proj.to(device), drive, heads, c, None, chunk=16).y.cpu().double()
    assert off(y, case.reference()[0]) > 5 * HALF
