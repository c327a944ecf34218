"""The ablation plans once, never looks at what came of a step, and does as well where nothing goes wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nsctl import registry
from nsctl.agents.neurosymbolic import NeuroSymbolicAgent, scripted
from nsctl.agents.open_loop import OpenLoopAgent, nesy_open_loop
from nsctl.contracts import RECOVERIES, World
from nsctl.episode import play
from nsctl.outcomes import TimedOut
from nsctl.phases import EpisodeClock
from nsctl.scene import Action, SceneEstimate, make_action
from nsctl.symbolic import PlanStep


class _Lazy:
    """An execution that ends at once, having done nothing."""

    def __init__(self, status: str) -> None:
        self.status, self.reason = status, "it did nothing" if status == "failed" else ""

    def act(self, scene: SceneEstimate) -> Action:
        return make_action(np.zeros(3), 0.0, scene.proprio.gripper_command)


class _FirstFails:
    """The teacher's skill, the first execution of which does nothing and ends with ``status``."""

    def __init__(self, name: str, status: str) -> None:
        self._skill, self._status, self._begun = registry.load("skills", name)(), status, 0
        self.operator = self._skill.operator

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Any:
        self._begun += 1
        return _Lazy(self._status) if self._begun == 1 else self._skill.begin(step, scene)

    def describe(self) -> dict[str, Any]:
        return {"kind": "test", "operator": self.operator}


def composed(kind: type[NeuroSymbolicAgent], status: str = "") -> NeuroSymbolicAgent:
    agent = kind(
        "test",
        registry.load("perceptions", "tracker")(),
        registry.load("grounders", "geometric")(),
        registry.load("planners", "clingo")(),
        {name: registry.load("skills", f"{name}-scripted")() for name in ("pick", "place")},
    )
    if status:
        agent.adopt(_FirstFails("pick-scripted", status))
    return agent


def test_undisturbed_it_does_the_same_steps_as_the_agent_that_checks(world: World) -> None:
    checked = play(world, scripted(), EpisodeClock(), 0, 0)
    open_loop = play(world, composed(OpenLoopAgent), EpisodeClock(), 0, 0)
    assert open_loop.outcome.status == "succeeded"
    assert [s["step"] for s in open_loop.report.steps] == [s["step"] for s in checked.report.steps]
    assert (open_loop.report.plans, open_loop.report.plan_length, open_loop.report.looks) == (1, 6, 0)


@pytest.mark.parametrize("status", ["failed", "succeeded"])
def test_a_step_that_came_to_nothing_is_not_noticed_and_costs_the_episode(world: World, status: str) -> None:
    """The agent that checks gets over it (the same spoilt skill), so what is missing is the checking."""
    assert play(world, composed(NeuroSymbolicAgent, status), EpisodeClock(), 0, 0).outcome.status == "succeeded"
    spoilt = play(world, composed(OpenLoopAgent, status), EpisodeClock(), 0, 0)
    tried = [s["step"] for s in spoilt.report.steps]
    assert tried[:2] == ["pick(disc1, disc2)", "place(disc1, middle)"]
    assert len(tried) == 6
    assert (spoilt.report.retries, spoilt.report.replans) == (0, 0)
    assert spoilt.outcome.status == "failed"


def test_without_a_plan_it_says_why_and_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = composed(OpenLoopAgent)
    monkeypatch.setattr(agent, "_plan", lambda state: TimedOut(None, 0, "none", 0.0))
    episode = play(world, agent, EpisodeClock(), 0, 0)
    assert episode.outcome.status == "failed"
    assert episode.outcome.reason.startswith("no plan found in time from")
    assert episode.report.steps == ()


def test_its_parts_are_those_of_nesy_minus_replanning() -> None:
    whole, part = registry.load("agents", "nesy")().describe(), nesy_open_loop().describe()
    assert whole == part
    assert RECOVERIES[0] in part["skills"]
