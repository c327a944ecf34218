"""Anybody's policy at work as a skill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nsctl.conformance.report import Checklist
from nsctl.conformance.skill import examine
from nsctl.custom_skills import made
from nsctl.errors import EpisodeError, InvalidValue
from nsctl.scene import SceneEstimate
from nsctl.symbolic import PlanStep
from nsctl.trials import Trial, trials
from policies import adapters
from policies.adapters import STALL, PolicySkill


class Teacher:
    """The scripted skill as an object with ``reset`` and ``act``: it remembers, so it must be copied."""

    def __init__(self, operator: str) -> None:
        self.operator, self.execution = operator, None

    def reset(self) -> None:
        self.execution = None

    def act(self, seen: tuple[PlanStep, SceneEstimate]) -> list[float]:
        step, scene = seen
        self.execution = self.execution or made(f"{self.operator}-scripted").begin(step, scene)
        if self.execution.status != "running":
            return [0.0] * 6 + [scene.proprio.gripper_command]
        return self.execution.act(scene).tolist()


def whole(step: PlanStep, scene: SceneEstimate) -> tuple[PlanStep, SceneEstimate]:
    return step, scene


def first(skill: Any, task: str = "hanoi-1") -> Trial:
    return next(iter(trials(skill, 1, on=[task])))


@pytest.mark.parametrize("operator", ["pick", "place", "open"])
def test_an_adapted_teacher_does_the_teacher_s_work(operator: str) -> None:
    for trial in trials(PolicySkill(operator, Teacher(operator), whole), 4):
        assert (trial.status, trial.missing) == ("succeeded", ())


@pytest.mark.parametrize("operator", ["pick", "place"])
def test_without_rules_of_ours_the_declared_effects_end_it(operator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "CRAFTS", {})
    for trial in trials(PolicySkill(operator, Teacher(operator), whole), 4):
        assert (trial.status, trial.missing) == ("succeeded", ())


def test_it_passes_every_check_of_a_skill() -> None:
    checklist = Checklist()
    examine(PolicySkill("pick", Teacher("pick"), whole), checklist, 2, ["hanoi-1", "move"])
    assert [check.sentence for check in checklist.checks if not check.ok] == []


def answering(answer: Any) -> PolicySkill:
    return PolicySkill("pick", lambda features: answer)


@pytest.mark.parametrize(
    "answer",
    [
        np.full(7, 0.5),
        np.full((1, 7), 0.5, np.float32),
        torch.full((7,), 0.5, requires_grad=True),
        [0.5] * 7,
        (np.full(7, 0.5), None),
        (torch.full((1, 7), 0.5), {"hidden": 1}),
    ],
    ids=["float64", "batch of one", "tensor with gradient", "list", "pair", "pair of tensors"],
)
def test_an_action_may_come_in_many_forms(answer: Any) -> None:
    action = first(answering(answer)).actions[0]
    assert action.dtype == np.float32
    assert action.tolist() == [0.5] * 7


def test_an_action_is_clipped() -> None:
    assert first(answering([3.0, -3.0, 0, 0, 0, 0, 1])).actions[0].tolist() == [1, -1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("answer", [np.zeros(6), [np.nan] * 7, np.zeros((2, 7))])
def test_what_is_no_action_is_refused(answer: Any) -> None:
    with pytest.raises(InvalidValue, match="a policy must answer with 7 finite numbers"):
        first(answering(answer))


def test_a_policy_that_does_nothing_has_stalled() -> None:
    trial = first(answering(np.array([0, 0, 0, 0, 0, 0, -1.0])))
    assert trial.status == "failed"
    assert trial.execution.reason == f"stalled: nothing moved for {STALL} steps"
    assert len(trial.actions) < STALL + 30
    with pytest.raises(EpisodeError, match="this execution has failed: begin a new one"):
        trial.execution.act(trial.scenes[-1])


def test_a_policy_that_gets_nowhere_runs_out_of_time() -> None:
    swing = iter(range(10_000))
    trial = first(PolicySkill("pick", lambda x: [0, 0.5 * (-1) ** (next(swing) // 5), 0, 0, 0, 0, -1], time_limit=40))
    assert trial.execution.reason == "not done after 40 steps"
    assert len(trial.actions) == 40


def test_a_torch_module_sees_what_our_networks_see() -> None:
    class Policy(nn.Module):
        def forward(self, features: Any) -> torch.Tensor:
            shapes.append((features.shape, features.dtype))
            return torch.zeros(7)

    shapes: list[Any] = []
    first(PolicySkill("pick", Policy(), time_limit=3))
    assert set(shapes) == {((45,), np.dtype(np.float32))}


class Predicts:
    """As Stable-Baselines3's recurrent models predict."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, bool, bool]] = []

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[Any, int]:
        self.calls.append((state, bool(episode_start[0]), deterministic))
        return np.zeros(7), (state or 0) + 1


def test_predict_is_given_its_state_and_asked_to_be_deterministic() -> None:
    model = Predicts()
    first(PolicySkill("pick", model, time_limit=4))
    assert model.calls == [(None, True, True), (1, False, True), (2, False, True)]


def test_a_simple_predict_is_given_the_observation_alone() -> None:
    class Simple:
        def predict(self, observation: Any) -> Any:
            return np.zeros(7)

    assert first(PolicySkill("pick", Simple(), time_limit=2)).execution.reason == "not done after 2 steps"


def test_a_description_tells_other_weights_apart() -> None:
    torch.manual_seed(0)
    one, two = (PolicySkill("pick", nn.Linear(45, 7)).describe() for _ in range(2))
    assert (one["kind"], one["operator"], one["parameters"]) == ("adapted", "pick", 45 * 7 + 7)
    assert one["policy"] == "torch.nn.modules.linear:Linear"
    assert one["sha256"] != two["sha256"]
    assert PolicySkill("pick", Predicts(), about={"trained_by": "PPO"}).describe()["trained_by"] == "PPO"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: PolicySkill("pick", 3),
            r"a policy has act\(observation\) or predict\(observation\), or can be called; got 3",
        ),
        (lambda: PolicySkill("wipe", len), "say what the policy observes: we have no skill for 'wipe'"),
        (lambda: PolicySkill("pick", len, time_limit=0), "time_limit must be >= 1 control step, got 0"),
    ],
)
def test_what_cannot_work_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        make()


def test_a_step_whose_end_nobody_can_see_is_refused() -> None:
    scene = first(made("pick-scripted")).start
    with pytest.raises(InvalidValue, match=r"nobody can see when wipe\(disc1\) is done"):
        PolicySkill("wipe", len, whole).begin(PlanStep("wipe", ("disc1",)), scene)
