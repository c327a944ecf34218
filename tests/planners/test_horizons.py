"""The warm solver says yes at the right horizon, no below it, and forgets nothing."""

from math import inf

from nsctl.symbolic import Plan
from planners.asp import ground
from planners.horizons import Horizons
from planners.invariants import invariants


def test_only_the_right_horizon_has_a_plan_in_any_order(hanoi):
    problem = hanoi(2)
    task = ground(problem)
    horizons = Horizons(task, invariants(task))
    start = task.state(problem.init)
    assert (
        horizons.ask({0: start}, [], 20, inf) != []
    )  # a longer plan exists too, and unrolls further than needed below
    for steps in (5, 3, 1):
        assert horizons.ask({0: start}, [], steps, inf) == []
    found = horizons.ask({0: start}, [], 6, inf)
    plan = Plan(tuple(task.steps[i] for i in found))
    assert len(plan) == 6
    assert plan.reaches(problem.goal, problem.init)
    assert horizons.unrolled >= 20


def test_groups_change_no_answer(hanoi):
    problem = hanoi(2)
    task = ground(problem)
    bare = Horizons(task, ())
    start = task.state(problem.init)
    assert [bool(bare.ask({0: start}, [], n, inf)) for n in range(1, 8)] == [False] * 5 + [True, False]


def test_a_past_deadline_is_told(hanoi):
    task = ground(hanoi(1))
    assert Horizons(task, ()).ask({0: 0}, [], 1, -inf) is None
