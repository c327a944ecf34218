"""Cheapest means cheapest: against a plain uniform-cost search, with bounds that never overstate."""

from dataclasses import replace
from math import inf
from random import Random

import pytest
from random_tasks import cheapest_cost, price, random_state, random_task

from planners.answersets.cheapest import LARGEST, Cheapest, applies
from planners.grounding import ground
from planners.grounding.invariants import invariants


@pytest.mark.parametrize("general", [False, True])
def test_costs_are_those_of_a_plain_search_and_bounds_never_overstate(general):
    costs, open_ends = [], 0
    for seed in range(80):
        task, draw = random_task(seed, general, most=5), Random(seed)
        start = random_state(draw, task)
        best = cheapest_cost(task, start)
        cheapest = Cheapest(task, start, range(len(task.moves)), invariants(task))
        for conflicts in (10, 20, 40, 80, 160, 320):
            cheapest.advance(conflicts, inf)
            assert best is None or cheapest.bound <= best
            if cheapest.plan is not None:
                assert cheapest.cost == price(task, start, cheapest.plan)
        if best is None:
            assert cheapest.plan is None
        elif cheapest.over:
            assert cheapest.bound == cheapest.cost == best
            costs.append(best)
        else:
            assert task.cheapest == 0  # where steps cost nothing, layers may fill up without end
            open_ends += 1
    assert len(costs) > 25
    assert max(costs) >= 7
    assert open_ends <= 3


def test_a_plan_of_the_caller_cuts_the_proof_short(hanoi):
    task = ground(hanoi(2))
    start = task.state(task.problem.init)
    alone, helped = (Cheapest(task, start, range(len(task.moves)), invariants(task)) for _ in range(2))
    alone.advance(10**6, inf)
    assert (alone.cost, alone.bound) == (6, 6)
    helped.advance(10**6, inf, upper=6)
    assert (helped.plan, helped.bound) == (None, 6)
    assert helped.layers <= alone.layers


def test_only_allowed_moves_are_used(hanoi):
    task = ground(hanoi(1))
    start = task.state(task.problem.init)
    barred = task.numbers["place", ("disc1", "right")]
    allowed = [i for i in range(len(task.moves)) if i not in barred]
    cheapest = Cheapest(task, start, allowed)
    assert (cheapest.unsolvable, cheapest.over) == (True, True)


def test_a_past_deadline_proves_nothing(hanoi):
    task = ground(hanoi(2))
    cheapest = Cheapest(task, task.state(task.problem.init), range(len(task.moves)))
    cheapest.advance(10**6, -inf)
    assert (cheapest.bound, cheapest.plan, cheapest.over) == (0, None, False)


def test_it_does_not_apply_to_costs_that_the_solver_cannot_add_up():
    task = random_task(1)
    assert applies(task)
    assert not applies(replace(task, moves=(replace(task.moves[0], cost=LARGEST), *task.moves[1:])))
