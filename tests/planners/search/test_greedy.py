"""Greedy search finds plans that work, and says nothing where it found none."""

from math import inf

from hypothesis import HealthCheck, given, settings
from random_tasks import cheapest, simulate, tasks

from planners.grounding import ground
from planners.search.explicit import Search
from planners.search.greedy import FAR, Estimates, Greedy


def searched(task, start):
    allowed = range(len(task.moves))
    successors = Search(task, start, allowed).successors
    greedy = Greedy(task, start, allowed, successors)
    greedy.advance(10**9, inf)
    return greedy


def test_it_solves_hanoi(hanoi):
    problem = hanoi(4)
    task = ground(problem)
    start = task.state(problem.init)
    assert task.reached(simulate(task, start, searched(task, start).plan))


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(tasks())
def test_it_finds_a_plan_wherever_there_is_one(drawn):
    task, start = drawn
    greedy = searched(task, start)
    assert greedy.over
    assert (greedy.plan is None) == (cheapest(task, start, range(len(task.moves))) is None)
    if greedy.plan is not None:
        assert task.reached(simulate(task, start, greedy.plan))


def test_estimates_count_the_steps_of_a_relaxed_plan(hanoi):
    task = ground(hanoi(1))
    estimates = Estimates(task, range(len(task.moves)))
    value, plan = estimates(task.state(task.problem.init))
    begun = {task.names[n][0] for n in range(len(task.moves)) if estimates.operator(n) in plan}
    assert (value, begun) == (2, {"pick", "place"})
    assert estimates(0)[0] == FAR
    assert estimates.exact
