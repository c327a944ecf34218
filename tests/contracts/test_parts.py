"""What every registered part must do, ours and a stranger's alike.

Each test is run over the registry: a part that is added tomorrow is tested tomorrow.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from functools import cache, partial
from importlib.resources import files
from itertools import product
from operator import mul
from typing import Any

import numpy as np
import pytest

from nsctl import registry, tasks
from nsctl.contracts import Agent, Execution, Executor, Skill, SuiteOptions, World
from nsctl.episode import play
from nsctl.metering import counters
from nsctl.phases import PHASES, EpisodeClock
from nsctl.registry import Part
from nsctl.scene import ACTION_SIZE, Array, Observation
from nsctl.symbolic import Domain, PlanStep, SymbolicState
from nsctl.task import Task

PARTS = {group: list(registry.parts(group).values()) for group in registry.GROUPS}
TASKS = [(part, task) for part in PARTS["envs"] for task in part.load()().tasks]


def over(group: str) -> Any:
    return pytest.mark.parametrize("part", PARTS[group], ids=lambda part: part.name)


def small_task() -> Task:
    task: Task = registry.load("envs", "hanoi")().task("hanoi-2")
    return task


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = registry.load("envs", "hanoi")().world(small_task(), SuiteOptions())
    yield made
    made.close()


@pytest.mark.parametrize("group", registry.GROUPS)
def test_no_group_is_empty(group: str) -> None:
    assert PARTS[group]


@pytest.mark.parametrize("part", [p for parts in PARTS.values() for p in parts], ids=lambda p: f"{p.group}-{p.name}")
def test_a_part_loads_and_can_be_made(part: Part) -> None:
    made = part.load()
    assert callable(made)
    assert inspect.getdoc(made), "a part tells in its docstring what it is"


def made(part: Part) -> Any:
    """The planner; of unified-planning's engines, ours is there wherever that library is."""
    if part.name != "up":
        return part.load()()
    unified = pytest.importorskip("planners.unified")
    pytest.importorskip("unified_planning")
    unified.register()
    return part.load()("nsctl-opt")


@over("planners")
def test_a_planner_reads_a_domain_and_solves_it(part: Part, world: World) -> None:
    planner = made(part)
    domain: Domain = planner.domain(small_task().domain_pddl)
    problem = small_task().brief().problem(domain)
    start = seen(world, problem)
    outcome = planner.session(problem).plan(start)
    assert outcome.plan.reaches(problem, start)
    assert (len(outcome.plan), outcome.optimal) == (6, True)
    assert planner.name.partition(":")[0] == part.name


@over("planners")
def test_a_planner_gives_the_same_plan_again(part: Part, world: World) -> None:
    problem = small_task().brief().problem(made(part).domain(small_task().domain_pddl))
    start = seen(world, problem)
    plans = [made(part).session(problem).plan(start).plan for _ in range(2)]
    assert plans[0] == plans[1]


def seen(world: World, problem: Any) -> SymbolicState:
    perception = registry.load("perceptions", "tracker")()
    perception.begin(world.task.brief())
    state: SymbolicState = registry.load("grounders", "geometric")()(perception(world.reset(0, 0)), problem)
    return state


@over("perceptions")
def test_a_perception_finds_every_body_without_changing_what_it_saw(part: Part, world: World) -> None:
    perception, observation = part.load()(), world.reset(0, 1)
    before = fingerprint(observation)
    perception.begin(world.task.brief())
    scene = perception(observation)
    assert set(scene.objects) == {body.name for body in world.task.bodies}
    assert all(estimate.source == observation.channels["objects"] for estimate in scene.objects.values())
    assert fingerprint(observation) == before
    truth = world.truth()
    assert all(np.linalg.norm(scene[n].pose.position - truth[n].position) < 0.01 for n in truth)


@over("grounders")
def test_a_grounder_sees_the_task_as_it_is(part: Part, world: World) -> None:
    task = small_task()
    problem = task.brief().problem(registry.load("planners", "clingo")().domain(task.domain_pddl))
    perception = registry.load("perceptions", "tracker")()
    perception.begin(task.brief())
    state = part.load()()(perception(world.reset(0, 0)), problem)
    fluents = sorted(str(atom) for atom in state if atom.predicate in problem.domain.fluents)
    assert fluents == [
        "clear(disc1)", "clear(middle)", "clear(right)", "clear(table)", "handempty", "on(disc1, disc2)",
        "on(disc2, left)",
    ]  # fmt: skip


@over("skills")
def test_a_skill_is_an_operator_of_some_task(part: Part) -> None:
    assert part.load()().operator in {operator for _, name in TASKS for operator in operators(tasks.find(name))}


def operators(task: Task) -> set[str]:
    return {o.name for o in registry.load("planners", "clingo")().domain(task.domain_pddl).operators}


@over("skills")
def test_a_skill_acts_in_range_and_the_same_way_again(part: Part) -> None:
    skill: Skill = part.load()()
    runs = [trace(skill) for _ in range(2)]
    assert np.array_equal(runs[0], runs[1])
    assert runs[0].shape[1] == ACTION_SIZE
    assert np.abs(runs[0]).max() <= 1.0


@over("skills")
def test_a_skill_describes_itself(part: Part) -> None:
    described = part.load()().describe()
    assert described["operator"] == part.load()().operator
    assert described["kind"]


def trace(skill: Skill, steps: int = 8) -> Array:
    """The first actions of a skill at a step of the first plan that has one, from that task's start."""
    name, number, step = first_use(skill.operator)
    world, perception = make(name), registry.load("perceptions", "tracker")()
    observation = world.reset(0, number)
    perception.begin(world.task.brief())
    scene = perception(observation)
    execution: Execution = skill.begin(step, scene)
    actions = []
    for _ in range(steps):
        if execution.status != "running":
            break
        actions.append(execution.act(scene))
        scene = perception(world.step(actions[-1]))
    world.close()
    return np.array(actions, dtype=np.float64)


@cache
def first_use(operator: str) -> tuple[str, int, PlanStep]:
    """A task, an episode of seed 0 and a step of its plan that needs the operator."""
    names = [name for _, name in TASKS if operator in operators(tasks.find(name))]
    for name, number in product(names, range(20)):
        for step in first_plan(name, number):
            if step.operator == operator:
                return name, number, step
    raise AssertionError(f"no plan needs {operator}")


def first_plan(name: str, number: int) -> Sequence[PlanStep]:
    world, planner, perception = (
        make(name),
        registry.load("planners", "clingo")(),
        registry.load("perceptions", "tracker")(),
    )
    observation = world.reset(0, number)
    brief = world.task.brief()
    problem = brief.problem(planner.domain(brief.domain_pddl))
    perception.begin(brief)
    state = registry.load("grounders", "geometric")()(perception(observation), problem)
    world.close()
    steps: Sequence[PlanStep] = planner.session(problem).plan(state, optimal=False).plan.steps
    return steps


def make(name: str) -> World:
    return tasks.suite_of(name).world(tasks.find(name), SuiteOptions())


@over("agents")
def test_an_agent_plays_an_episode_and_repeats_it(part: Part, world: World) -> None:
    agent: Agent = part.load()()
    assert agent.name == part.name
    ends = []
    for _ in range(2):
        episode = play(world, agent, EpisodeClock(counters()), 5, 0)
        ends.append((episode.outcome, episode.steps, episode.report, world.state_hash()))
    assert ends[0] == ends[1]
    assert ends[0][0].status != "errored", ends[0][0].reason
    assert agent.describe()["reads"] is not None


@over("agents")
def test_an_agent_charges_its_work_to_its_phases(part: Part, world: World) -> None:
    episode = play(world, part.load()(), EpisodeClock(counters()), 6, 0)
    assert set(episode.costs) == set(PHASES)
    assert episode.costs["policy"].wall > 0
    assert episode.costs["simulate"].wall > 0
    assert episode.costs["render"].wall == 0


@pytest.mark.parametrize(("part", "name"), TASKS, ids=[name for _, name in TASKS])
def test_a_task_is_whole(part: Part, name: str) -> None:
    task: Task = part.load()().task(name)
    start = task.sample(np.random.default_rng(0))
    problem = task.brief().problem(registry.load("planners", "clingo")().domain(task.domain_pddl))
    assert task.name == name
    assert task.version >= 1
    assert task.horizon > 0
    assert len(set(task.phrasings)) >= 3
    assert all(len(phrasing.split()) >= 4 for phrasing in task.phrasings)
    assert set(start.poses) == {body.name for body in task.bodies}
    assert problem.goal
    assert not task.achieved(start.poses)


@pytest.mark.parametrize(("part", "name"), TASKS, ids=[name for _, name in TASKS])
def test_a_task_draws_the_same_start_from_the_same_seed(part: Part, name: str) -> None:
    starts = [part.load()().task(name).sample(np.random.default_rng(3)).poses for _ in range(2)]
    assert all(np.array_equal(starts[0][n].position, starts[1][n].position) for n in starts[0])


@over("engines")
def test_an_engine_carries_a_world_that_repeats_itself(part: Part) -> None:
    hashes = []
    for _ in range(2):
        made = registry.load("envs", "hanoi")().world(small_task(), SuiteOptions(engine=part.name))
        made.reset(1, 0)
        for i in range(10):
            made.step(np.full(ACTION_SIZE, 0.1 * (i % 3), dtype=np.float32))
        hashes.append(made.state_hash())
        made.close()
    assert hashes[0] == hashes[1]


@over("executors")
def test_an_executor_plays_every_episode_once(part: Part) -> None:
    executor: Executor = part.load()()
    assert executor.name == part.name
    episodes = [3, 0, 5, 1]
    make = partial(partial, mul, 7)  # a player's factory that any process can import: it plays 3 and gives 21
    assert sorted(executor.map(make, episodes)) == sorted(7 * episode for episode in episodes)
    assert list(executor.map(make, [])) == []


def test_every_package_says_that_it_is_typed() -> None:
    for package in ("nsctl", "planners", "policies", "envs", "energy"):
        assert files(package).joinpath("py.typed").is_file()


def fingerprint(observation: Observation) -> bytes:
    arrays = [observation.proprio.joints, observation.proprio.tcp.position, observation.proprio.target.position]
    arrays += [part for pose in (observation.objects or {}).values() for part in (pose.position, pose.quaternion)]
    return b"".join(array.tobytes() for array in arrays)
