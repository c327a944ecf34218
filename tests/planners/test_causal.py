"""Who needs what of whom."""

import pytest

from nsctl.errors import DomainError
from nsctl.symbolic import Atom, Literal, Plan
from planners.causal import GOAL, START, causal_links, needed_by


def plan_of(problem, *steps):
    return Plan(tuple(problem.domain.operator(name).ground(arguments) for name, *arguments in map(tuple, steps)))


@pytest.fixture
def worked(hanoi):
    problem = hanoi(2)
    moves = [("disc1", "disc2", "middle"), ("disc2", "left", "right"), ("disc1", "middle", "disc2")]
    ground = problem.domain.operator
    steps = [s for d, a, b in moves for s in (ground("pick").ground((d, a)), ground("place").ground((d, b)))]
    return problem, Plan(tuple(steps))


def test_links_carry_the_literals_that_are_handed_over(worked):
    graph = causal_links(*worked)
    assert graph.edges[0, 2]["literals"] == (Literal(Atom("clear", ("disc2",))),)
    assert Literal(Atom("smaller", ("disc1", "middle"))) in graph.edges[START, 1]["literals"]
    assert graph.edges[5, GOAL]["literals"] == (Literal(Atom("on", ("disc1", "disc2"))),)


def test_each_step_lists_its_users_in_order(worked):
    assert needed_by(causal_links(*worked)) == [[1, 2], [2, 4], [3], [4, 5, GOAL], [5], [GOAL]]


def test_a_plan_that_fails_is_refused(worked):
    problem, plan = worked
    with pytest.raises(DomainError, match="does not lead from the problem's initial state to its goal"):
        causal_links(problem, Plan(plan.steps[1:]))
