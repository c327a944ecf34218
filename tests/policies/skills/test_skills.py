"""Skills as options: how they end, that batches equal singles, and that they do their work in the world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsctl import registry
from nsctl.contracts import Skill
from nsctl.errors import EpisodeError, InvalidValue, NsctlError
from policies.skills.collect import Stage
from policies.skills.config import SkillNetworkConfig
from policies.skills.execution import CONFIRMATIONS, PATIENCE, TIME_LIMIT, SkillExecution
from policies.skills.learner import Learner, Recipe
from policies.skills.neural import NeuralSkill

KINDS = ("", "-scripted")


def run(skill: Skill, stage: Stage, operator: str) -> str:
    execution = skill.begin(stage.steps[operator], stage.scene)
    while execution.status == "running" and not stage.over:
        stage.act(execution.act(stage.scene))
    return execution.status


@pytest.mark.parametrize("kind", KINDS)
def test_a_pick_and_a_place_make_a_move(kind: str) -> None:
    pick, place = (registry.load("skills", f"{operator}{kind}")() for operator in ("pick", "place"))
    for episode in range(8):
        stage = Stage(77, episode)
        assert run(pick, stage, "pick") == "succeeded"
        run(place, stage, "place")
        still = np.array([0, 0, 0, 0, 0, 0, -1], dtype=np.float32)
        for _ in range(12):
            if not stage.over:
                stage.act(still)
        assert stage.achieved, episode


def test_hidden_state_belongs_to_the_execution() -> None:
    """Two executions that take turns act as each would alone, one by one and as a batch: to the bit."""
    skill: NeuralSkill = registry.load("skills", "pick")()
    scenes = [Stage(5, episode) for episode in (0, 1)]
    seen = [[s.scene for s in scenes]]
    step = [s.steps["pick"] for s in scenes]
    alone = []
    for s, p in zip(seen[0], step, strict=True):
        execution = skill.begin(p, s)
        alone.append([execution.act(s) for _ in range(5)])
    together = [skill.begin(p, s) for p, s in zip(step, seen[0], strict=True)]
    for t in range(5):
        actions = skill.act_batch(together, seen[0])
        for i in (0, 1):
            np.testing.assert_array_equal(actions[i], alone[i][t])
    assert np.abs(alone[0][0] - alone[0][4]).max() > 1e-6  # the state does something


@pytest.fixture
def stage() -> Stage:
    return Stage(3, 0)


def ends_always(stage: Stage, operator: str = "pick") -> SkillExecution:
    still = np.zeros(7, dtype=np.float32)
    return SkillExecution(stage.steps[operator], stage.scene, lambda s: (still, True))


def test_a_policy_that_claims_an_effect_that_is_not_there_runs_out_of_time(stage: Stage) -> None:
    execution = ends_always(stage)
    for _ in range(TIME_LIMIT):
        assert execution.status == "running"
        execution.act(stage.scene)
    assert (execution.status, execution.reason) == ("failed", f"not done after {TIME_LIMIT} steps")
    with pytest.raises(EpisodeError, match="this execution has failed: begin a new one"):
        execution.act(stage.scene)


def test_an_effect_that_the_policy_does_not_claim_does_not_end_it(stage: Stage) -> None:
    still = np.array([0, 0, 0, 0, 0, 0, 1], dtype=np.float32)
    modest = SkillExecution(stage.steps["pick"], stage.scene, lambda s: (still, False))
    proud = SkillExecution(stage.steps["pick"], stage.scene, lambda s: (still, True))
    assert stage.pick()
    for _ in range(CONFIRMATIONS):
        modest.act(stage.scene)
        proud.act(stage.scene)
    assert (modest.status, proud.status) == ("running", "succeeded")


def test_a_place_without_its_disc_is_given_up(stage: Stage) -> None:
    execution = ends_always(stage, "place")  # nothing was picked
    for _ in range(PATIENCE):
        execution.act(stage.scene)
    assert (execution.status, execution.reason) == ("failed", "the object slipped away")


def test_weights_of_another_skill_are_refused(tmp_path: Path) -> None:
    Learner(SkillNetworkConfig(), Recipe(), 0).export(tmp_path, "pick")
    with pytest.raises(InvalidValue, match="holds weights for 'pick', not for 'place'"):
        _ = NeuralSkill("place", tmp_path).player


def test_missing_weights_say_how_to_train_them(tmp_path: Path) -> None:
    with pytest.raises(NsctlError, match="train them with `nsctl train skill pick`"):
        _ = NeuralSkill("pick", tmp_path).player


def test_the_shipped_skills_are_small() -> None:
    parameters = sum(int(registry.load("skills", name)().describe()["parameters"]) for name in ("pick", "place"))
    assert parameters < 1_000_000
