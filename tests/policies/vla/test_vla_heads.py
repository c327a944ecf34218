"""Losses count what is real, and the flow goes where its velocity points."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from policies.vla.config import vla_size
from policies.vla.heads import HEADS, FlowHead, Head, noise_biased
from policies.vla.masks import mean_where


def case(head: str, steps: int = 5) -> tuple[Head, Tensor, Tensor]:
    """A head, features [2, 3, width] and actions [2, 3, chunk, 7]."""
    config = vla_size("tiny", head=head, flow_steps=steps)
    torch.manual_seed(0)
    return HEADS[head](config), torch.randn(2, 3, config.width), torch.rand(2, 3, config.chunk, config.action) * 2 - 1


@pytest.mark.parametrize("head", HEADS)
def test_what_is_not_real_does_not_count_whatever_it_is(head: str) -> None:
    net, features, actions = case(head)
    real = torch.ones(actions.shape[:-1], dtype=torch.bool)
    real[0, 2, 1:] = real[1, 1] = False
    spoilt = actions.masked_fill(~real[..., None], torch.nan)
    losses = [net.loss(features, a, real, torch.Generator().manual_seed(3)) for a in (actions, spoilt)]
    assert torch.isfinite(losses[1])
    assert losses[0] == losses[1]
    grown = net.loss(features, actions, None, torch.Generator().manual_seed(3))
    assert grown != losses[0]
    losses[1].backward()  # type: ignore[no-untyped-call]
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def test_the_l1_loss_is_the_mean_over_real_steps() -> None:
    net, features, actions = case("l1")
    real = torch.zeros(actions.shape[:-1], dtype=torch.bool)
    real[0, 1, 2] = real[1, 0, 0] = True
    error = (net.act(features) - actions).abs()
    torch.testing.assert_close(net.loss(features, actions, real), (error[0, 1, 2].mean() + error[1, 0, 0].mean()) / 2)


def test_a_mean_over_nothing_is_nothing() -> None:
    error = torch.ones(2, 3, requires_grad=True)
    mean = mean_where(error, torch.zeros(2, 1, dtype=torch.bool))
    mean.backward()  # type: ignore[no-untyped-call]
    assert mean == 0
    assert error.grad is not None
    assert (error.grad == 0).all()


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_euler_reaches_one_point_exactly(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all data are one point a, the field is (a - x) / (1 - t), and its paths are straight."""
    net, features, actions = case("flow", steps)
    assert isinstance(net, FlowHead)
    goal = actions.flatten(0, 1)
    monkeypatch.setattr(net, "velocity", lambda x, t, f: (goal - x) / (1 - t[:, None, None]))
    torch.testing.assert_close(net.act(features, torch.randn_like(actions)), actions, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 4])
def test_euler_takes_as_many_steps_as_it_is_told(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    net, features, actions = case("flow", steps)
    times: list[float] = []

    def decay(x: Tensor, t: Tensor, f: Tensor) -> Tensor:
        times.append(float(t[0]))
        return -x

    monkeypatch.setattr(net, "velocity", decay)
    noise = torch.rand_like(actions)
    torch.testing.assert_close(net.act(features, noise), noise * (1 - 1 / steps) ** steps)
    assert times == [i / steps for i in range(steps)]


def test_the_right_velocity_costs_nothing_and_another_its_square(monkeypatch: pytest.MonkeyPatch) -> None:
    net, features, actions = case("flow")
    goal = actions.flatten(0, 1)

    def field(x: Tensor, t: Tensor, f: Tensor) -> Tensor:
        return (goal - x) / (1 - t[:, None, None])  # on the path: goal - noise

    monkeypatch.setattr(net, "velocity", field)
    assert net.loss(features, actions, generator=torch.Generator().manual_seed(0)) < 1e-8
    monkeypatch.setattr(net, "velocity", lambda x, t, f: field(x, t, f) + 0.5)
    loss = net.loss(features, actions, generator=torch.Generator().manual_seed(0))
    assert loss.item() == pytest.approx(0.25, abs=1e-3)


def test_times_are_mostly_noise() -> None:
    """Density 1.5 sqrt(1 - t) on [0, 1]: mean 0.4, and P(t < s) = 1 - (1 - s)^1.5."""
    times = noise_biased(torch.rand(200_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    assert times.min() >= 0
    assert times.max() <= 1
    assert noise_biased(torch.tensor([0.0, 1.0])).tolist() == [1, 0]
    assert times.mean().item() == pytest.approx(0.4, abs=0.003)
    for s in (0.1, 0.5, 0.9):
        assert (times < s).double().mean().item() == pytest.approx(1 - (1 - s) ** 1.5, abs=0.005)


def test_the_velocity_depends_on_all_that_it_is_given() -> None:
    net, features, actions = case("flow")
    assert isinstance(net, FlowHead)
    x, flat, t = actions.flatten(0, 1), features.flatten(0, 1), torch.full((6,), 0.5)
    base = net.velocity(x, t, flat)
    for other in (net.velocity(x + 0.5, t, flat), net.velocity(x, t / 2, flat), net.velocity(x, t, flat + 1)):
        assert (other - base).abs().max() > 1e-3


def test_a_flow_learns_two_answers_where_regression_learns_their_mean() -> None:
    """Half of the experts go left, half right: chunks of the flow are one of the two, those of L1 need not be."""
    config = vla_size("tiny", head="flow", flow_steps=5, chunk=1)
    torch.manual_seed(0)
    net = FlowHead(config)
    features = torch.zeros(256, config.width)
    side = torch.where(torch.arange(256) % 2 == 0, 0.8, -0.8)[:, None, None].expand(256, 1, config.action)
    optimiser, draw = torch.optim.Adam(net.parameters(), 3e-3), torch.Generator().manual_seed(0)
    for _ in range(300):
        optimiser.zero_grad()
        net.loss(features, side, generator=draw).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.inference_mode():
        found = net.act(features, torch.randn(256, 1, config.action, generator=draw))[:, 0, 0]
    assert (found > 0.4).float().mean() > 0.25
    assert (found < -0.4).float().mean() > 0.25
    assert (found.abs() < 0.4).float().mean() < 0.25


@pytest.mark.parametrize("head", HEADS)
def test_actions_stay_in_their_bounds(head: str) -> None:
    net, features, actions = case(head)
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.Linear):
                layer.weight *= 10
    found = net.act(features, torch.randn_like(actions))
    assert found.abs().max() <= 1
    assert found.abs().max() > 0.9
