"""Who needs what of whom."""

from random import Random

import pytest
from adl_domains import problem as random_problem
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_samples import ERRAND, HOUSE
from test_deorder import walk

from nsctl.errors import DomainError
from nsctl.symbolic import Atom, Literal, Plan, Problem, SymbolicState
from planners.pddl import domain_from_pddl, problem_from_pddl
from planners.pddl.plan_files import plan_from_text
from planners.plans.causal import GOAL, START, Trace, causal_links, needed_by


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
    with pytest.raises(DomainError, match="does not lead from the initial state to the goal: step 1, place"):
        causal_links(problem, Plan(plan.steps[1:]))


@pytest.fixture
def errand():
    problem = problem_from_pddl(ERRAND, domain_from_pddl(HOUSE))
    return problem, plan_from_text("(take k a)\n(go a b)\n(light)\n(go b c)\n(drop k)", problem)


def test_conditional_effects_and_axioms_have_causes_too(errand):
    links = {(link.source, str(link.literal), link.user) for link in Trace(*errand).links()}
    assert (3, "in(k, c)", GOAL) in links  # brought along by the second go,
    assert (0, "carried(k)", 3) in links  # because it was carried,
    assert (0, "carried(k)", 1) not in links  # which did not matter to the first
    assert (2, "lit", 3) in links  # the alternative of the disjunction that held
    assert (4, "tidy", GOAL) in links
    assert (4, "not carried(k)", GOAL) in links  # on which tidy rests
    assert (START, "door(b, c)", GOAL) in links  # on which reach(a, c) rests


def test_links_may_start_elsewhere(errand):
    problem, plan = errand
    lit = SymbolicState(problem.init.atoms | {Atom("lit")})
    graph = causal_links(problem, Plan(plan.steps[:2] + plan.steps[3:]), lit)
    assert Literal(Atom("lit")) in graph.edges[START, 2]["literals"]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 10**9))
def test_a_literal_handed_over_holds_all_the_way(seed):
    problem, draw = random_problem(seed), Random(seed)
    steps, _ = walk(problem, draw, 5)
    anything = Problem(problem.domain, problem.objects, problem.init, (), "y", problem.values, problem.unit_cost)
    trace = Trace(anything, plan_from_text("\n".join(f"({' '.join((n, *a))})" for n, a in steps), anything))
    for link in trace.links():
        first = 0 if link.source == START else link.source + 1
        last = len(trace) if link.user == GOAL else link.user
        states = [trace.witnesses[n].state for n in range(first, last + 1)]
        assert states
        assert all(state.satisfies([link.literal]) for state in states)
        assert link.source == START or link.literal in trace.changes(link.source)
