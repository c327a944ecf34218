"""Checks of suites of tasks, task by task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nsctl import registry
from nsctl.conformance.report import Checklist, Failed, require, require_members
from nsctl.conformance.stage import first_look
from nsctl.conformance.telling import listed
from nsctl.contracts import SuiteOptions
from nsctl.episode import play
from nsctl.outcomes import Solved
from nsctl.phases import EpisodeClock
from nsctl.scene import require_scene
from nsctl.task import Task

SHORTEST = 3
"""Tasks of a suite, the shortest first, that are played."""


def examine(suite: Any, checklist: Checklist, count: int, on: Sequence[str]) -> None:
    """Each task is whole and repeats its starts; the shortest are planned and played, ``count`` episodes in all."""
    if not checklist.check("contract", lambda: _contract(suite)):
        return
    names = [name for name in suite.tasks if not on or name in on]
    if not checklist.check("tasks", lambda: _all(suite, names, whole)):
        return
    checklist.check("repeats starts", lambda: _all(suite, names, repeats))
    shortest = sorted(names, key=lambda name: suite.task(name).horizon)[:SHORTEST]
    checklist.check("world", lambda: _world(suite, shortest))
    checklist.check("can be done", lambda: _solvable(suite, shortest, count))


def _contract(suite: Any) -> str:
    require_members(suite, ("tasks", "task", "world"), "Suite")
    require(len(suite.tasks) > 0, "tasks must list at least one name.")
    return f"It offers {len(suite.tasks)} tasks: {listed(suite.tasks)}."


def _all(suite: Any, names: Sequence[str], check: Any) -> str:
    for name in names:
        check(suite.task(name), suite.task(name))
    return f"{check.__doc__} ({len(names)} tasks)"


def whole(task: Task, other: Task | None = None) -> None:
    """Name, version, horizon, phrasings, goal and poses are there, and nothing is achieved at the start."""
    start = task.sample(np.random.default_rng(0))
    task.phrase(np.random.default_rng(0))
    require_scene(task.bodies)
    brief = task.brief()
    problem = brief.problem(registry.load("planners", "clingo")().domain(task.domain_pddl))
    right = {
        "version must be >= 1": task.version >= 1,
        "horizon must be > 0 control steps": task.horizon > 0,
        "phrasings must be three different ones or more": len(set(task.phrasings)) >= 3,
        "each phrasing must have four words or more": all(len(p.split()) >= 4 for p in task.phrasings),
        "sample() must give a pose to each body and to nothing else": set(start.poses) == {b.name for b in task.bodies},
        "the goal must not be empty": bool(problem.goal),
        "no start may be achieved": not task.achieved(start.poses),
    }
    if wrong := [sentence for sentence, holds in right.items() if not holds]:
        raise Failed(f"{task.name}: {'; '.join(wrong)}.")


def repeats(task: Task, other: Task) -> None:
    """The same seed gives the same start, another one another."""
    first, same, different = (t.sample(np.random.default_rng(s)).poses for t, s in ((task, 3), (other, 3), (other, 4)))
    equal = all(np.array_equal(first[n].position, same[n].position) for n in first)
    require(equal, f"{task.name}: sample() drew two starts from one seed; draw everything from its rng.")
    varied = any(not np.array_equal(first[n].position, different[n].position) for n in first)
    require(varied, f"{task.name}: sample() drew the same start from two seeds.")


def _world(suite: Any, names: Sequence[str]) -> str:
    for name in names:
        hashes = []
        for _ in range(2):
            place = suite.world(suite.task(name), SuiteOptions())
            place.reset(0, 0)
            hashes.append(place.initial_hash)
            place.close()
        require(hashes[0] == hashes[1], f"{name}: two worlds of one seed settled in different states.")
    return f"Worlds of {', '.join(names)} begin and repeat themselves."


def _solvable(suite: Any, names: Sequence[str], count: int) -> str:
    planner, agent = registry.load("planners", "clingo")(), registry.load("agents", "scripted")()
    won = tried = 0
    for name in names:
        place = suite.world(suite.task(name), SuiteOptions())
        for episode in range(max(1, count // len(names))):
            look = first_look(place, episode)
            outcome = planner.session(look.problem).plan(look.state, optimal=False, time_limit=20.0)
            require(isinstance(outcome, Solved), f"{name}: no plan in episode {episode} of seed 0: {outcome}.")
            won += play(place, agent, EpisodeClock(), 0, episode).outcome.status == "succeeded"
            tried += 1
        place.close()
    require(won > 0, f"Each start has a plan, but the agent 'scripted' succeeded in none of {tried} episodes.")
    return f"Each start has a plan; the agent 'scripted' succeeded in {won} of {tried} episodes."
