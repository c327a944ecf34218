"""Recoveries: the hand is cleared whatever it holds, and a held thing is taken anew."""

from __future__ import annotations

import numpy as np
import pytest

from nsctl.contracts import Execution
from nsctl.errors import EpisodeError
from nsctl.scene import make_action
from nsctl.symbolic import PlanStep
from policies.skills.initiation import in_hand
from policies.skills.recovery import ClearSkill, RegraspSkill
from policies.skills.slide import travel_height
from policies.skills.stage import Conditions, Stage


def played(execution: Execution, stage: Stage) -> str:
    while execution.status == "running":
        stage.act(execution.act(stage.scene))
    return execution.status


@pytest.mark.parametrize("operator", ["pick", "place"])
def test_clear_leaves_an_open_hand_above_everything(operator: str) -> None:
    stage = Stage("stack-4", Conditions(), operator, (4, 0))
    before = {n: e.pose for n, e in stage.scene.objects.items()}
    held = in_hand(stage.scene)
    execution = ClearSkill().begin(PlanStep("clear", ("red",)), stage.scene)
    assert played(execution, stage) == "succeeded"
    assert in_hand(stage.scene) == ""
    assert stage.scene.proprio.gripper > 0.07
    assert stage.scene.proprio.tcp.position[2] > travel_height(stage.scene) - 0.02
    for name, estimate in stage.scene.objects.items():
        assert name == held or np.linalg.norm(estimate.pose.position - before[name].position) < 0.01
    with pytest.raises(EpisodeError, match="this execution has succeeded: begin a new one"):
        execution.act(stage.scene)


def test_a_hand_that_is_high_and_shut_is_opened_before_clear_is_done() -> None:
    stage = Stage("stack-4", Conditions(), "pick", (4, 3))
    for _ in range(40):
        tcp = stage.scene.proprio.target.position
        stage.act(make_action([0.0, 0.0, 0.4 * (travel_height(stage.scene) - tcp[2])], 0.0, 1.0))
    assert stage.scene.proprio.gripper < 0.01
    assert played(ClearSkill().begin(PlanStep("clear", ("red",)), stage.scene), stage) == "succeeded"
    assert stage.scene.proprio.gripper > 0.07


def test_regrasp_holds_the_same_thing_again() -> None:
    stage = Stage("stack-4", Conditions(), "place", (4, 1))
    held = in_hand(stage.scene)
    lowest = []
    execution = RegraspSkill().begin(PlanStep("regrasp", (held,)), stage.scene)
    while execution.status == "running":
        stage.act(execution.act(stage.scene))
        lowest.append(stage.scene[held].pose.position[2])
    assert execution.status == "succeeded"
    assert min(lowest) < 0.03  # it lay on the table in between
    assert in_hand(stage.scene) == held


def test_what_is_not_held_cannot_be_regrasped() -> None:
    stage = Stage("stack-4", Conditions(), "pick", (4, 2))
    execution = RegraspSkill().begin(PlanStep("regrasp", ("red",)), stage.scene)
    execution.act(stage.scene)
    assert (execution.status, execution.reason) == ("failed", "red is not in the hand")
