"""What every task must be on every engine: the same again, judged rightly, and not solved by chance."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nsctl import registry, tasks
from nsctl.contracts import SuiteOptions, World
from nsctl.episode import Episode, play
from nsctl.phases import EpisodeClock
from nsctl.scene import ACTION_SIZE, Observation

ENGINES = sorted(registry.parts("engines"))
EVERY = list(product(tasks.names(), ENGINES))
PINNED = Path(__file__).with_name("initial_states.json")
LEAST = {"mujoco": 98, "pybullet": 95}
"""Episodes of a hundred that the scripted agent must solve."""
STEPS = 12
ODD = 4
"""Pinned states of twenty that may be missed: the last bit of a sine, which is the processor's, decides in some settled
scenes over more than the ten micrometres of a digest (measured: in up to 3 of 20). A changed task misses them all."""

over_all = pytest.mark.parametrize(("task", "engine"), EVERY, ids=[f"{task}-{engine}" for task, engine in EVERY])


def make(task: str, engine: str, **options: Any) -> World:
    return tasks.suite_of(task).world(tasks.find(task), SuiteOptions(engine=engine, **options))


@pytest.fixture
def world(task: str, engine: str) -> Iterator[World]:
    made = make(task, engine)
    yield made
    made.close()


def wave(step: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A motion that uses every number of an action."""
    return (0.6 * np.sin(0.7 * step + np.arange(ACTION_SIZE))).astype(np.float32)


def trace(task: str, engine: str) -> list[str]:
    """Hashes of a short play, from the settled start on."""
    made = make(task, engine)
    made.reset(3, 1)
    hashes = [made.initial_hash]
    for step in range(STEPS):
        made.step(wave(step))
        hashes.append(made.state_hash())
    made.close()
    return hashes


def digest(world: World) -> str:
    """A hash of the settled poses, to ten micrometres."""
    numbers = [[*pose.position, *pose.quaternion] for pose in world.truth().values()]
    return hashlib.sha256(np.round(1e5 * np.array(numbers)).astype(np.int64).tobytes()).hexdigest()[:12]


@over_all
def test_the_start_is_new_each_time_never_solved_and_breaks_no_rule(world: World, task: str) -> None:
    starts = set()
    for episode in range(20):
        world.reset(0, episode)
        starts.add(world.initial_hash)
        assert not world.task.achieved(world.truth()), f"episode {episode} is solved before it begins"
        assert not world.task.broken_rule(world.truth())
        assert world.task.instruction in world.task.phrasings
    assert len(starts) == 20


@over_all
def test_the_goal_is_not_seen_at_the_start_and_a_plan_leads_there(world: World, task: str) -> None:
    planner, perception = registry.load("planners", "clingo")(), registry.load("perceptions", "tracker")()
    observation = world.reset(0, 0)
    brief = world.task.brief()
    problem = brief.problem(planner.domain(brief.domain_pddl))
    perception.begin(brief)
    state = registry.load("grounders", "geometric")()(perception(observation), problem)
    assert not problem.reached(state)
    outcome = planner.session(problem).plan(state, optimal=False)
    assert outcome.plan.reaches(problem, state)


@over_all
def test_no_two_observations_share_memory(world: World) -> None:
    first, second = world.reset(0, 0), world.step(wave(0))
    before = [array.copy() for array in arrays(first)]
    world.step(wave(1))
    assert not any(np.shares_memory(a, b) for a in arrays(first) for b in arrays(second))
    assert all(np.array_equal(a, b) for a, b in zip(before, arrays(first), strict=True))


def arrays(observation: Observation) -> list[Any]:
    p = observation.proprio
    poses = [p.tcp, p.target, *(observation.objects or {}).values()]
    return [p.joints, *(part for pose in poses for part in (pose.position, pose.quaternion))]


@pytest.mark.parametrize("engine", ENGINES)
def test_two_processes_play_the_same(engine: str) -> None:
    names = ["hanoi-3", "stack-4", "sort-6", "drawer-2", "unpack", "move"]
    code = f"from tests.contracts.test_worlds import trace; print([trace(t, {engine!r}) for t in {names}])"
    root = Path(__file__).parents[2]
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert other.stdout.strip() == str([trace(task, engine) for task in names])


@over_all
def test_initial_states_are_those_that_are_pinned(world: World, task: str, engine: str) -> None:
    key = f"{engine} {version(engine)}"
    pinned = json.loads(PINNED.read_text())
    if key not in pinned:
        pytest.skip(f"no initial states are pinned for {key}: python -m tests.contracts.pin_initial_states")
    name, found = f"{task} v{world.task.version}", []
    assert name in pinned[key], f"{name} is not pinned for {key}: python -m tests.contracts.pin_initial_states"
    for episode in range(20):
        world.reset(0, episode)
        found.append(digest(world))
    others = sum(a != b for a, b in zip(found, pinned[key][name].split(), strict=True))
    assert others <= ODD, f"{others} of 20 initial states are others than those that are pinned"


def played(task: str, engine: str, agent: str, count: int) -> list[Episode]:
    world, player = make(task, engine), registry.load("agents", agent)()
    episodes = [play(world, player, EpisodeClock(), 8000, number) for number in range(count)]
    world.close()
    return episodes


QUICK = [*product(("hanoi-2", "hanoi-3-any", "stack-3", "sort-4", "drawer-1", "unpack", "move"), ENGINES)]


@pytest.mark.parametrize(("task", "engine"), QUICK)
def test_the_scripted_agent_solves_it(task: str, engine: str) -> None:
    (episode,) = played(task, engine, "scripted", 1)
    assert episode.outcome.status == "succeeded", episode.outcome


@pytest.mark.slow
@over_all
def test_the_scripted_agent_hardly_ever_fails(task: str, engine: str) -> None:
    solved = sum(episode.outcome.status == "succeeded" for episode in played(task, engine, "scripted", 100))
    assert solved >= LEAST[engine]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("task", ["move", "drawer-1"])
def test_a_random_agent_does_not_solve_it(task: str, engine: str) -> None:
    (episode,) = played(task, engine, "random", 1)
    assert episode.outcome.status != "succeeded"


@pytest.mark.slow
@over_all
def test_a_random_agent_never_solves_it(task: str, engine: str) -> None:
    assert not any(episode.outcome.status == "succeeded" for episode in played(task, engine, "random", 20))
