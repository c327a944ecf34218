"""Cores up to a horizon against a plain breadth-first search."""

from itertools import product
from random import Random

import pytest
from random_tasks import random_state, random_task, simulate

from planners.unsolvability.bounded import bounded_core, smallest_change
from planners.unsolvability.explanations import Question
from planners.unsolvability.unsolvable import EFFORT

STEPS = 3


def within(task, start, allowed, goals):
    """Whether some state at most ``STEPS`` steps away has all the goals."""
    states = {start}
    for _ in range(STEPS):
        moves = [task.moves[n] for n in allowed]
        states |= {task.apply(m, s) for s, m in product(states, moves) if m.applicable(s)}
    return any(all((literal.atom in named(task, s)) == literal.positive for literal in goals) for s in states)


def named(task, state):
    return {task.atoms[i] for i in range(len(task.atoms)) if state >> i & 1}


@pytest.mark.parametrize("general", [False, True])
def test_cores_are_right_and_minimal(general):
    found = 0
    for seed in range(50):
        task, draw = random_task(seed, general), Random(seed)
        start, avoided = random_state(draw, task), frozenset(draw.sample(range(9), 4))
        rung = bounded_core(Question(task, start, avoided, EFFORT, float("inf")), STEPS)
        goals = task.literals(*task.goal)
        if rung is None:
            assert within(task, start, [n for n in range(9) if n not in avoided], goals)
            continue
        found += 1
        core, barred = rung.blame.goals, set(rung.blame.avoided)
        left = [n for n in range(9) if task.names[n] not in barred]
        assert not within(task, start, left, core)
        assert rung.strength == "bounded to 3 steps"
        assert not rung.proof
        for goal in core:
            assert within(task, start, left, [g for g in core if g != goal])
        for name in barred:
            assert within(task, start, [*left, *task.numbers[name]], core)
    assert found > 10


@pytest.mark.parametrize("general", [False, True])
def test_a_change_helps(general):
    helped = 0
    for seed in range(25):
        task = random_task(seed, general)
        change = smallest_change(Question(task, 0, frozenset(), EFFORT, float("inf")), STEPS, goals_too=True)
        if change:
            helped += 1
            assert task.reached(simulate(task, change.start, change.plan))
            assert len(change.plan) <= STEPS
            assert change.optimal
    assert helped > 15
