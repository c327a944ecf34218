"""Wherever the monitor says to go on, going on works; and it never overlooks a place."""

from dataclasses import replace
from itertools import product
from random import Random

import pytest
from random_tasks import random_state, random_task

from nsctl.errors import DomainError
from nsctl.symbolic import Plan, PlanStep
from planners.grounding import ground
from planners.plans.monitor import PlanMonitor

MOVES = [("disc1", "disc2", "middle"), ("disc2", "left", "right"), ("disc1", "middle", "disc2")]


def works(task, state, moves):
    for number in moves:
        if not task.moves[number].applicable(state):
            return False
        state = task.apply(task.moves[number], state)
    return task.reached(state)


def by_trying(task, state, moves):
    return next((n for n in reversed(range(len(moves) + 1)) if works(task, state, moves[n:])), None)


@pytest.mark.parametrize("general", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_the_entry_is_the_one_found_by_trying(seed, general):
    task, draw = random_task(seed, general), Random(seed)
    entries = set()
    for length in (1, 3, 6):
        state, moves = random_state(draw, task), []
        for _ in range(length):  # a walk, so that some of the plan makes sense
            open_moves = [n for n, m in enumerate(task.moves) if m.applicable(state)]
            moves.append(draw.choice(open_moves or range(len(task.moves))))
            state = task.apply(task.moves[moves[-1]], state) if open_moves else state
        task = replace(task, goal=(state & draw.getrandbits(9), ~state & draw.getrandbits(9) & 0x7F))
        monitor = PlanMonitor(task, moves)
        for bits in range(128):
            start = task.close(bits)
            entries.add(monitor.check(start))
            assert monitor.check(start) == by_trying(task, start, moves)
    assert len(entries) > 1


def test_conditional_effects_are_regressed_and_not_only_simulated():
    regressed = 0
    for seed in range(40):
        task = random_task(seed, general=True)
        plain = replace(task, rules=())
        monitor = PlanMonitor(plain, [0, 1, 2])
        regressed += len(monitor.kernels) == 4
        for state in range(128):
            assert monitor.check(state) == by_trying(plain, state, [0, 1, 2])
    assert regressed > 30


@pytest.fixture
def worked(hanoi):
    problem = hanoi(2)
    steps = [
        problem.domain.operator(name).ground((disc, place))
        for disc, a, b in MOVES
        for name, place in (("pick", a), ("place", b))
    ]
    return problem, Plan(tuple(steps))


def test_luck_is_used_and_mishaps_are_taken_back(worked, hanoi_at):
    problem, plan = worked
    monitor = PlanMonitor.of(ground(problem), plan)
    assert monitor.entry(problem.init) == 0
    assert monitor.entry(hanoi_at(2, ("middle", "left"))) == 2
    assert monitor.entry(hanoi_at(2, ("middle", "right"))) == 4
    assert monitor.entry(hanoi_at(2, ("disc2", "right"))) == 6
    assert monitor.entry(hanoi_at(2, ("table", "right"))) is None


def test_an_undisturbed_run_is_never_left(worked):
    problem, plan = worked
    task = ground(problem)
    monitor, state = PlanMonitor.of(task, plan), problem.init
    for number, step in enumerate(plan):
        assert monitor.entry(state) == number
        state = step.apply(state)
    assert monitor.entry(state) == len(plan)


def test_what_is_missing_is_said(worked, hanoi_at):
    problem, plan = worked
    monitor = PlanMonitor.of(ground(problem), plan)
    missing = monitor.missing(hanoi_at(2, ("table", "right")), 4)
    assert [str(literal) for literal in missing] == ["on(disc1, middle)"]
    assert monitor.missing(problem.init, 0) == ()


def test_a_step_of_another_problem_is_refused(worked):
    problem, _ = worked
    with pytest.raises(DomainError, match=r"place\(disc2, disc1\) is no step of this problem"):
        PlanMonitor.of(ground(problem), Plan((PlanStep("place", ("disc2", "disc1")),)))


def test_every_state_of_hanoi_gets_a_suffix_that_works(worked, hanoi_at):
    problem, plan = worked
    monitor = PlanMonitor.of(ground(problem), plan)
    found = set()
    for places in product(("left", "middle", "right", "table", "disc2"), ("left", "middle", "right", "table")):
        state = hanoi_at(2, places)
        entry = monitor.entry(state)
        found.add(entry)
        suffixes = [n for n in range(7) if Plan(plan.steps[n:]).reaches(problem, state)]
        assert entry == max(suffixes, default=None)
    assert found >= {None, 0, 2, 4, 6}
