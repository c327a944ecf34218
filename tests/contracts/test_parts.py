"""What every registered part must do, ours and a stranger's alike.

Each test is run over the registry: a part that is added tomorrow is tested tomorrow.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from nsctl import registry
from nsctl.conformance import examine
from nsctl.conformance.suite import repeats, whole
from nsctl.contracts import SuiteOptions, World
from nsctl.episode import play
from nsctl.errors import Untrained
from nsctl.metering import counters
from nsctl.phases import PHASES, EpisodeClock
from nsctl.registry import Part
from nsctl.symbolic import Domain, SymbolicState
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


@pytest.mark.parametrize("part", [p for parts in PARTS.values() for p in parts], ids=lambda p: f"{p.group}-{p.name}")
def test_a_part_does_all_that_is_asked_of_its_group(part: Part) -> None:
    """What ``nsctl parts check`` asks of anybody's part."""
    if part.name == "up":
        made(part)
    if part.group == "agents":
        require_trained(part)
    report = examine(part, trials=3, variant="nsctl-opt" if part.name == "up" else "")
    assert [(check.name, check.sentence) for check in report.checks if not check.ok] == []


def require_trained(part: Part) -> None:
    """Of an agent whose weights are still to be trained there is nothing to examine but that it says so."""
    agent = part.load()()
    if not (weights := getattr(agent, "weights", None)) or weights.exists():
        return
    with pytest.raises(Untrained, match="train them with `nsctl train"):
        agent.describe()
    pytest.skip(f"no weights in {weights}")


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


def seen(world: World, problem: Any) -> SymbolicState:
    perception = registry.load("perceptions", "tracker")()
    perception.begin(world.task.brief())
    state: SymbolicState = registry.load("grounders", "geometric")()(perception(world.reset(0, 0)), problem)
    return state


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


@over("agents")
def test_an_agent_charges_its_work_to_its_phases(part: Part, world: World) -> None:
    episode = play(world, part.load()(), EpisodeClock(counters()), 6, 0)
    assert set(episode.costs) == set(PHASES)
    assert episode.costs["policy"].wall > 0
    assert episode.costs["simulate"].wall > 0
    assert episode.costs["render"].wall == 0


@pytest.mark.parametrize(("part", "name"), TASKS, ids=[name for _, name in TASKS])
def test_a_task_is_whole_and_repeats_its_starts(part: Part, name: str) -> None:
    suite = part.load()()
    assert suite.task(name).name == name
    whole(suite.task(name))
    repeats(suite.task(name), suite.task(name))


def test_every_package_says_that_it_is_typed() -> None:
    for package in ("nsctl", "planners", "policies", "envs", "energy"):
        assert files(package).joinpath("py.typed").is_file()


@pytest.mark.parametrize("part", PARTS["agents"] + PARTS["executors"], ids=lambda part: part.name)
def test_a_part_goes_by_the_name_that_it_is_registered_under(part: Part) -> None:
    assert part.load()().name == part.name
