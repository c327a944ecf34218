"""A stage offers a step that can begin, repeats itself, and judges by the truth."""

from __future__ import annotations

import numpy as np
import pytest

from nsctl.scene import hold_still
from nsctl.symbolic import Atom, Literal, PlanStep
from policies.skills.collect import CONDITIONS, Job, collect
from policies.skills.crafts import CRAFTS, LEARNT, craft_of
from policies.skills.initiation import in_hand
from policies.skills.scripted import ScriptedSkill
from policies.skills.stage import TASKS, WORK, Conditions, Stage


@pytest.mark.parametrize("operator", CRAFTS)
def test_the_step_can_begin(operator: str) -> None:
    for episode in range(3):
        stage = Stage(TASKS[operator][episode], Conditions(), operator, (1, episode))
        assert stage.step is not None
        assert stage.step.operator in WORK.get(operator, (operator,))
        assert craft_of(operator).refusal(stage.step, stage.scene) == ""
        assert bool(in_hand(stage.scene)) == (operator in ("place", "stack"))


def test_a_key_decides_all() -> None:
    one, same, other = (Stage("stack-4", Conditions(), "place", key) for key in ((3, 1), (3, 1), (3, 2)))
    assert one.step == same.step
    np.testing.assert_array_equal(one.scene.proprio.joints, same.scene.proprio.joints)
    assert np.abs(one.scene.proprio.joints - other.scene.proprio.joints).max() > 1e-3


def test_no_two_jobs_share_a_key() -> None:
    jobs = [
        Job(o, kind, seed, e) for o in LEARNT for kind in ("demo", "dagger", "check") for seed in (0, 1) for e in (0, 1)
    ]  # type: ignore[arg-type]
    assert len({job.key for job in jobs}) == len(jobs)


def test_every_task_meets_every_condition() -> None:
    among = len(TASKS["open"])
    met = {(Job("open", "demo", 0, e).task, e // among % len(CONDITIONS)) for e in range(among * len(CONDITIONS))}
    assert len(met) == among * len(CONDITIONS)


def test_a_bystander_that_was_moved_spoils_it() -> None:
    stage = Stage("stack-4", Conditions(), "pick", (9, 0))
    assert stage.step is not None
    execution = ScriptedSkill("pick").begin(stage.step, stage.scene)
    while execution.status == "running":
        stage.act(execution.act(stage.scene))
    assert stage.achieved()
    other = next(n for n, e in stage.scene.objects.items() if e.body.movable and n != stage.step.arguments[0])
    stage._before = {**stage._before, other: stage.scene[stage.step.arguments[0]].pose}
    assert not stage.achieved()


def test_a_slip_undoes_a_pick() -> None:
    stage = Stage("stack-4", Conditions(), "place", (9, 1))
    assert stage.step is not None
    held = stage.step.arguments[0]
    stage.step = PlanStep("pick", (held, "table"), effects=(Literal(Atom("holding", (held,))),))
    assert stage.achieved()
    for _ in range(20):
        stage.act(hold_still(-1.0))
    assert not stage.achieved()


@pytest.mark.parametrize("operator", LEARNT)
def test_demonstrations_repeat_and_often_succeed(operator: str) -> None:
    runs = [[collect(Job(operator, "demo", 2, e)) for e in range(4)] for _ in range(2)]
    for one, other in zip(*runs, strict=True):
        assert one is not None
        assert other is not None
        assert np.array_equal(one.features, other.features)
        assert one.features.shape == (len(one.ends), CRAFTS[operator].features)
        assert one.labels.shape == (len(one.ends), 5)
        assert np.abs(one.labels).max() <= 1.0
    assert sum(t.success for t in runs[0] if t is not None) >= 3
