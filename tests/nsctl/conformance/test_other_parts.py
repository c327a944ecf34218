"""Checks of parts other than skills find faults, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nsctl import registry
from nsctl.conformance import agent, meter, sight, suite
from nsctl.conformance.examination import EXAMINERS, licence
from nsctl.conformance.report import Checklist, Failed
from nsctl.contracts import AgentReport, Availability
from nsctl.task import InitialState


def failed(examine: Any, made: Any, *on: str) -> dict[str, str]:
    checklist = Checklist()
    examine(made, checklist, 2, on)
    return {check.name: check.sentence for check in checklist.checks if not check.ok}


def test_every_group_has_its_checks() -> None:
    assert set(EXAMINERS) == set(registry.GROUPS)


def test_a_licence_is_what_the_distribution_states() -> None:
    assert licence("nsctl") == "Apache-2.0"
    assert licence("no-such-distribution") == "not stated"


def test_a_checklist_keeps_whatever_is_raised() -> None:
    def refuse() -> str:
        raise Failed("It is wrong.")

    checklist = Checklist()
    assert not checklist.check("a", refuse)
    assert not checklist.check("b", lambda: str(1 / 0))
    assert checklist.check("c", lambda: "All is well.")
    told = [check.sentence for check in checklist.checks]
    assert told == ["It is wrong.", "It raised ZeroDivisionError: division by zero", "All is well."]


class Falling:
    """A meter whose counter falls."""

    name, label, granularity, scope, update_seconds = "falling", "measured", "phase", "process", 0.001

    def __init__(self) -> None:
        self.joules = 100.0

    def availability(self) -> Availability:
        return Availability(ok=True)

    def start(self) -> None: ...

    def read(self) -> float:
        self.joules -= 1.0
        return self.joules

    def stop(self) -> dict[str, Any]:
        return {}

    def describe(self) -> dict[str, Any]:
        return {"source": "thin air"}


class Shrugging(Falling):
    def availability(self) -> Availability:
        return Availability(ok=False)


class Mislabelled(Falling):
    label = "exact"


@pytest.mark.parametrize(
    ("made", "check", "sentence"),
    [
        (Falling(), "counts", "read() must never fall: it counts joules since some fixed moment."),
        (Shrugging(), "availability", "A meter that cannot work must say why, and what would help."),
        (object(), "contract", "It lacks name, label, granularity"),
        (
            Mislabelled(),
            "contract",
            "label must be one of measured, attributed, modelled, simulated, unavailable, got 'exact'.",
        ),
    ],
)
def test_a_meter_s_fault_is_told(made: Any, check: str, sentence: str) -> None:
    found = failed(meter.examine, made)
    assert list(found) == [check]
    assert found[check].startswith(sentence)


class Forgetful:
    """An agent that goes on counting through the episodes."""

    name, subgoal = "forgetful", "count"

    def __init__(self) -> None:
        self.count = 0

    def reset(self, task: Any, seed: int, clock: Any) -> None: ...

    def act(self, observation: Any) -> Any:
        self.count += 1
        return np.full(7, 0.001 * self.count, np.float32) if self.count % 10 else None

    def report(self) -> AgentReport:
        return AgentReport(reason=f"it counted to {self.count}")

    def describe(self) -> dict[str, Any]:
        return {"reads": []}


def test_an_agent_that_remembers_the_last_episode_is_found_out() -> None:
    found = failed(agent.examine, Forgetful())
    assert found == {
        "repeats itself": "Two episodes of the same seed went differently: reset() must forget the last episode."
    }


def test_an_agent_that_does_not_fit_the_task_says_how_to_go_on() -> None:
    nobody = registry.load("agents", "nesy")()
    nobody._skills = {}
    assert failed(agent.examine, nobody)["plays"].endswith("name another task with --task.")


class Chance(registry.load("envs", "stack")().task("stack-3").__class__):  # type: ignore[misc]
    """A task that draws from where it should not."""

    def sample(self, rng: np.random.Generator) -> InitialState:
        return super().sample(np.random.default_rng())  # type: ignore[no-any-return]


class Gambling:
    tasks = ("stack-3",)

    def task(self, name: str) -> Any:
        made = registry.load("envs", "stack")().task(name)
        made.__class__ = Chance
        return made

    world = registry.load("envs", "stack").world


def test_a_task_that_draws_behind_its_generator_s_back_is_found_out() -> None:
    found = failed(suite.examine, Gambling())
    assert found["repeats starts"] == "stack-3: sample() drew two starts from one seed; draw everything from its rng."


class Blind:
    reads = ("objects",)

    def begin(self, task: Any) -> None: ...

    def __call__(self, observation: Any) -> Any:
        scene = registry.load("perceptions", "tracker")()
        scene.begin(registry.load("envs", "hanoi")().task("hanoi-2").brief())
        seen = scene(observation)
        del seen.objects["disc2"]
        return seen


def test_a_perception_that_overlooks_a_body_is_found_out() -> None:
    assert failed(sight.examine_perception, Blind()) == {"finds bodies": "It did not find disc2."}


def test_a_grounder_that_forgets_what_never_changes_is_found_out() -> None:
    def forgets(scene: Any, problem: Any) -> Any:
        state = registry.load("grounders", "geometric")()(scene, problem)
        return type(state).of(atom for atom in state.atoms if atom.predicate != "smaller")

    assert "static atoms are missing" in failed(sight.examine_grounder, forgets)["grounds"]
