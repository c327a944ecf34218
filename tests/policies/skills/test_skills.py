"""Skills as options: how they begin and end, that batches equal singles, and that they do their work in the world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsctl import registry
from nsctl.contracts import Skill
from nsctl.errors import EpisodeError, InvalidValue, NsctlError, UnknownName
from nsctl.scene import hold_still
from policies.skills.config import SkillNetworkConfig
from policies.skills.crafts import CRAFTS, LEARNT, TIME_LIMIT
from policies.skills.execution import CONFIRMATIONS, SkillExecution
from policies.skills.learner import Learner, Recipe
from policies.skills.neural import WEIGHTS, NeuralExecution, NeuralSkill
from policies.skills.scripted import ScriptedSkill
from policies.skills.stage import Conditions, Stage

SHIPPED = tuple(operator for operator in LEARNT if (WEIGHTS / operator / "model.safetensors").exists())
STILL = np.zeros(7, dtype=np.float32)


def stage_of(operator: str, task: str, episode: int) -> Stage:
    return Stage(task, Conditions(), operator, (77, episode))


def run(skill: Skill, stage: Stage) -> str:
    assert stage.step is not None
    execution = skill.begin(stage.step, stage.scene)
    while execution.status == "running" and not stage.over:
        stage.act(execution.act(stage.scene))
    stage.wait()
    return execution.status


WORK = [("pick", "move-135"), ("place", "sort-6"), ("stack", "stack-4"), ("open", "drawer-2"), ("close", "drawer-1")]


@pytest.mark.parametrize(("operator", "task"), [*WORK, ("push", "drawer-1")])
def test_a_teacher_does_its_work(operator: str, task: str) -> None:
    for episode in range(3):
        stage = stage_of(operator, task, episode)
        assert run(ScriptedSkill(operator), stage) == "succeeded"
        assert stage.achieved()


@pytest.mark.parametrize("operator", SHIPPED)
def test_a_shipped_network_does_its_work(operator: str) -> None:
    for episode in range(6):
        stage = stage_of(operator, {**dict(WORK), "push": "drawer-1"}[operator], episode)
        assert run(NeuralSkill(operator), stage) == "succeeded"
        assert stage.achieved()


def test_what_nobody_does_is_not_achieved() -> None:
    stage = stage_of("pick", "move-135", 0)
    stage.wait()
    assert not stage.achieved()


def test_hidden_state_belongs_to_the_execution() -> None:
    """Two executions that take turns act as each would alone, one by one and as a batch: to the bit."""
    skill: NeuralSkill = registry.load("skills", "pick")()
    stages = [stage_of("pick", "move-135", episode) for episode in (0, 1)]
    alone = []
    for s in stages:
        execution = begun(skill, s)
        alone.append([execution.act(s.scene) for _ in range(5)])
    together = [begun(skill, s) for s in stages]
    for t in range(5):
        actions = skill.act_batch(together, [s.scene for s in stages])
        for i in (0, 1):
            np.testing.assert_array_equal(actions[i], alone[i][t])
    assert np.abs(alone[0][0] - alone[0][4]).max() > 1e-6  # the state does something


def begun(skill: NeuralSkill, stage: Stage) -> NeuralExecution:
    assert stage.step is not None
    return skill.begin(stage.step, stage.scene)


def test_one_network_plays_several_operators_in_one_batch(tmp_path: Path) -> None:
    operators = ("pick", "place", "open")
    Learner(SkillNetworkConfig(operators), Recipe(), 0).export(tmp_path)
    skills = {operator: NeuralSkill(operator, tmp_path) for operator in ("pick", "stack", "open")}
    tasks = {"pick": "move-135", "stack": "stack-4", "open": "drawer-2"}
    stages = {operator: stage_of(operator, tasks[operator], 0) for operator in skills}
    alone = {o: begun(skills[o], stages[o]).act(stages[o].scene) for o in skills}
    together = [begun(skills[o], stages[o]) for o in skills]
    actions = skills["pick"].act_batch(together, [s.scene for s in stages.values()])
    for action, operator in zip(actions, skills, strict=True):
        np.testing.assert_array_equal(action, alone[operator])


@pytest.fixture
def stage() -> Stage:
    return stage_of("pick", "move-135", 3)


def test_a_policy_that_claims_an_effect_that_is_not_there_runs_out_of_time(stage: Stage) -> None:
    assert stage.step is not None
    execution = SkillExecution(stage.step, stage.scene, lambda s: (STILL, True))
    for _ in range(TIME_LIMIT):
        assert execution.status == "running"
        execution.act(stage.scene)
    assert (execution.status, execution.reason) == ("failed", f"not done after {TIME_LIMIT} steps")
    with pytest.raises(EpisodeError, match="this execution has failed: begin a new one"):
        execution.act(stage.scene)


def test_an_effect_that_the_policy_does_not_claim_does_not_end_it(stage: Stage) -> None:
    assert stage.step is not None
    still = hold_still(1.0)
    modest = SkillExecution(stage.step, stage.scene, lambda s: (still, False))
    proud = SkillExecution(stage.step, stage.scene, lambda s: (still, True))
    assert run(ScriptedSkill("pick"), stage) == "succeeded"
    for _ in range(CONFIRMATIONS):
        modest.act(stage.scene)
        proud.act(stage.scene)
    assert (modest.status, proud.status) == ("running", "succeeded")


def test_what_cannot_begin_fails_at_its_first_action(stage: Stage) -> None:
    """A place without its disc: alone and in a batch."""
    assert stage.step is not None
    disc = stage.step.arguments[0]
    step = type(stage.step)("place", (disc, "left"))
    skill: NeuralSkill = registry.load("skills", "place")()
    alone, one, other = skill.begin(step, stage.scene), skill.begin(step, stage.scene), skill.begin(step, stage.scene)
    first = alone.act(stage.scene)
    np.testing.assert_array_equal(first, hold_still(stage.scene.proprio.gripper_command))
    assert (alone.status, alone.reason) == ("failed", f"{disc} is not in the hand")
    for action in skill.act_batch([one, other], [stage.scene] * 2):
        np.testing.assert_array_equal(action, first)
    assert one.status == other.status == "failed"
    with pytest.raises(EpisodeError, match="this execution has failed: begin a new one"):
        alone.act(stage.scene)


def test_weights_of_another_skill_are_refused(tmp_path: Path) -> None:
    Learner(SkillNetworkConfig(), Recipe(), 0).export(tmp_path)
    with pytest.raises(InvalidValue, match="holds weights for 'pick', not for 'place'"):
        _ = NeuralSkill("place", tmp_path).player


def test_missing_weights_say_how_to_train_them(tmp_path: Path) -> None:
    with pytest.raises(NsctlError, match="train them with `nsctl train skill pick`"):
        _ = NeuralSkill("pick", tmp_path).player


@pytest.mark.parametrize("kind", [NeuralSkill, ScriptedSkill])
def test_an_unknown_operator_is_answered_with_the_nearest(kind: type) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'place'"):
        kind("plaice")


def test_the_shipped_skills_are_small() -> None:
    assert sum(int(NeuralSkill(operator).describe()["parameters"]) for operator in SHIPPED) < 1_000_000
    assert set(SHIPPED) <= set(CRAFTS)
