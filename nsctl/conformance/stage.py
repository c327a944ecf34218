"""Where parts other than skills are tried: a small task, and what a first look at it shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from nsctl import registry, tasks
from nsctl.contracts import SuiteOptions, World
from nsctl.scene import SceneEstimate
from nsctl.symbolic import Problem, SymbolicState

TASK = "hanoi-2"
"""Small, and every registered agent and planner can be asked to play it."""


@contextmanager
def world(on: Sequence[str] = (), options: SuiteOptions | None = None) -> Iterator[World]:
    """A world of the first of these tasks, or else of :data:`TASK`; closed at the end."""
    task = on[0] if on else TASK
    made = tasks.suite_of(task).world(tasks.find(task), options or SuiteOptions())
    try:
        yield made
    finally:
        made.close()


@dataclass(frozen=True)
class FirstLook:
    """The problem that a task poses, a scene, and the state that it shows."""

    problem: Problem
    scene: SceneEstimate
    state: SymbolicState


def first_look(place: World, episode: int = 0) -> FirstLook:
    """What the parts that our agents are made of see of the beginning of an episode of seed 0."""
    observation = place.reset(0, episode)
    brief = place.task.brief()
    problem = brief.problem(registry.load("planners", "clingo")().domain(brief.domain_pddl))
    perception = registry.load("perceptions", "tracker")()
    perception.begin(brief)
    scene = perception(observation)
    return FirstLook(problem, scene, registry.load("grounders", "geometric")()(scene, problem))
