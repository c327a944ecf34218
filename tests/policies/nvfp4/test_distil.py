"""Distillation of any network: what its loss measures, where gradients go, and that what is trained is what is packed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat

import pytest
import torch
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.mamba3.config import Mamba3Config
from policies.nvfp4.distil import Answer, Batch, Recipe, Student, answer, loss, spread_of
from policies.nvfp4.policy import dense_weights, quantise_policy
from policies.skills.config import Backbone, SkillNetworkConfig
from policies.skills.network import SkillNetwork

RECIPE = Recipe(steps=6, batch=4, rate=1e-3)
SPREAD = torch.tensor([0.1, 0.2, 0.2, 0.1, 0.9])


def network(backbone: Backbone = "mamba3") -> SkillNetwork:
    torch.manual_seed(0)
    return SkillNetwork(SkillNetworkConfig(backbone=backbone, block=Mamba3Config(d_model=32, d_state=16))).eval()


def student_of(teacher: SkillNetwork, excluded: tuple[str, ...] = ()) -> Student:
    return Student(teacher, RECIPE, RECIPE.steps, "max", excluded)


@torch.no_grad()
def batch_of(teacher: SkillNetwork, length: int = 12) -> Batch:
    """What the teacher answers to noise; the last moments of one episode are not real."""
    inputs = torch.randn(4, length, teacher.config.features, generator=torch.Generator().manual_seed(1))
    mask = torch.ones(4, length)
    mask[0, length // 2 :] = 0
    got = answer(teacher, inputs, student_of(teacher).roles, dict(teacher.named_parameters()))
    return Batch(inputs, replace(got, ends=got.ends.sigmoid()), mask)


def batches(teacher: SkillNetwork) -> Iterator[Batch]:
    return repeat(batch_of(teacher))


@torch.no_grad()
def losses(student: Student, batch: Batch) -> dict[str, float]:
    got = answer(student.network, batch.inputs, student.roles, student.weights())
    return {name: float(value) for name, value in loss(got, batch, SPREAD, RECIPE).items()}


def test_gradients_pass_straight_through_the_rounding() -> None:
    student = student_of(network())
    pulls = {name: torch.randn_like(weight) for name, weight in student.weights().items()}
    total = sum((student.weights()[name] * pull).sum() for name, pull in pulls.items())
    assert isinstance(total, Tensor)
    total.backward()  # type: ignore[no-untyped-call]
    for name, parameter in student.network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.equal(parameter.grad, pulls[name]), name


def test_only_what_is_to_be_nvfp4_is_rounded_to_it() -> None:
    teacher = network()
    excluded = "backbone.layers.0.mixer.out_proj"
    student = student_of(teacher, (excluded,))
    weights = student.weights()
    for name, parameter in teacher.named_parameters():
        rows = student.roles.get(name.removesuffix(".weight"), 0)
        assert torch.equal(weights[name][rows:].bfloat16(), parameter[rows:].bfloat16()), name
        if rows:
            assert not torch.equal(weights[name][:rows].bfloat16(), parameter[:rows].bfloat16()), name
    assert excluded not in student.roles
    assert len(student.roles) == 3


def test_an_equal_student_has_no_loss_and_a_rounded_one_has() -> None:
    teacher = network()
    batch = batch_of(teacher)
    with torch.no_grad():
        same = answer(teacher, batch.inputs, student_of(teacher).roles, dict(teacher.named_parameters()))
    for name, value in loss(same, batch, SPREAD, RECIPE).items():
        assert float(value) == pytest.approx(0.0, abs=1e-6), name
    assert all(value > 1e-6 for value in losses(student_of(teacher), batch).values())


def test_the_action_loss_is_in_units_of_the_spread() -> None:
    batch = batch_of(network())
    batch = replace(batch, wanted=replace(batch.wanted, features=()))
    got = Answer(batch.wanted.actions + 0.5 * SPREAD, torch.logit(batch.wanted.ends))
    first = loss(got, batch, SPREAD, replace(RECIPE, later=0.0))
    assert float(first["action"]) == pytest.approx(0.25, rel=1e-4)
    assert float(first["feature"]) == 0.0
    assert float(loss(got, batch, 2 * SPREAD, replace(RECIPE, later=0.0))["action"]) == pytest.approx(0.0625, rel=1e-4)
    chunked = loss(got, batch, SPREAD, replace(RECIPE, later=0.1))
    assert float(chunked["action"]) == pytest.approx(0.25 * 1.3, rel=1e-4)
    still = SPREAD.clone()
    still[0] = 1e-6
    assert float(loss(got, batch, still, replace(RECIPE, later=0.0))["action"]) == pytest.approx(0.25, rel=1e-4)


def test_moments_that_are_not_real_do_not_count() -> None:
    teacher = network()
    batch, student = batch_of(teacher), student_of(teacher)
    before = losses(student, batch)
    wrong = replace(batch.wanted, actions=batch.wanted.actions.clone(), ends=batch.wanted.ends.clone())
    wrong.actions[0, 6:], wrong.ends[0, 6:] = 0.9, 0.01
    assert losses(student, replace(batch, wanted=wrong)) == before
    wrong.actions[0, :6] = 0.9
    assert losses(student, replace(batch, wanted=wrong))["action"] > 2 * before["action"]


@pytest.mark.parametrize("backbone", ["mamba3", "mlp"])
def test_what_is_trained_is_what_is_packed_bit_for_bit(backbone: Backbone) -> None:
    teacher = network(backbone)
    batch, student = batch_of(teacher), student_of(teacher)
    student.fit(batches(teacher), RECIPE.steps, SPREAD)
    packed, _ = quantise_policy(copy.deepcopy(student.network), "0" * 64, "max", scales=student.scales)
    assert set(packed.layers) == set(student.roles)
    dense, trained = dense_weights(packed), student.weights()
    assert all(torch.equal(dense[name], weight) for name, weight in trained.items())
    plays = network(backbone)
    plays.load_state_dict(dense)
    with torch.no_grad():
        fake = answer(student.network, batch.inputs, (), trained)
        actions, ends = plays(batch.inputs)
    assert torch.equal(actions, fake.actions)
    assert torch.equal(ends, fake.ends)


def test_gradients_flow_back_through_all_moments_of_the_recurrence() -> None:
    teacher = network()
    batch, student = batch_of(teacher, 40), student_of(teacher)
    last = torch.zeros_like(batch.mask)
    last[1:, -1] = 1
    inputs = batch.inputs.clone().requires_grad_()
    got = answer(student.network, inputs, student.roles, student.weights())
    loss(got, replace(batch, mask=last), SPREAD, RECIPE)["total"].backward()  # type: ignore[no-untyped-call]
    assert inputs.grad is not None
    assert bool((inputs.grad[1:].abs().amax(-1) > 0).all())
    assert not inputs.grad[0].any()


def test_it_learns() -> None:
    teacher = network()
    batch, student = batch_of(teacher), Student(teacher, RECIPE, 60, "max", ())
    before = losses(student, batch)
    told = student.fit(batches(teacher), 60, SPREAD)
    assert losses(student, batch)["total"] < before["total"] / 2
    assert [set(parts) for parts in told] == [set(before)] * 10


def test_scales_chosen_anew_would_be_other_weights() -> None:
    teacher = network()
    student = student_of(teacher)
    student.fit(batches(teacher), RECIPE.steps, SPREAD)
    packed, _ = quantise_policy(copy.deepcopy(student.network), "0" * 64, "max")
    trained = student.weights()
    assert not all(torch.equal(weight, trained[name]) for name, weight in dense_weights(packed).items())


def test_a_training_that_goes_on_ends_as_if_it_had_not_been_interrupted() -> None:
    teacher = network()
    whole, first, second = (student_of(teacher) for _ in range(3))
    whole.fit(batches(teacher), 6, SPREAD)
    first.fit(batches(teacher), 3, SPREAD)
    second.restore(first.state())
    assert second.steps == 3
    second.fit(batches(teacher), 3, SPREAD)
    ended = second.state()
    assert all(torch.equal(value, ended[name]) for name, value in whole.state().items())


def test_the_rate_falls_to_nothing() -> None:
    teacher = network()
    student = student_of(teacher)
    student.fit(batches(teacher), 6, SPREAD)
    before = student.state()
    student.fit(batches(teacher), 2, SPREAD)
    after = student.state()
    assert all(torch.equal(v, after[n]) for n, v in before.items() if n.startswith("network."))


def test_the_teacher_is_left_alone_and_so_are_its_hooks() -> None:
    teacher = network()
    before = copy.deepcopy(teacher.state_dict())
    student = student_of(teacher)
    student.fit(batches(teacher), 2, SPREAD)
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert not any(module._forward_hooks for module in [*teacher.modules(), *student.network.modules()])


def test_the_spread_is_over_all_moments() -> None:
    actions = torch.randn(50, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(spread_of([actions[:20], actions[20:]]), actions.std(0))


def test_refusals() -> None:
    with pytest.raises(InvalidValue, match="a distillation takes at least one step, got 0"):
        Student(network(), RECIPE, 0, "max", ())
    with pytest.raises(InvalidValue, match="needs two moments at least, got 1"):
        spread_of([torch.zeros(1, 5)])
