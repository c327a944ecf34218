"""Search against a plain one: cheapest plans, honest bounds, proofs that there is no plan, pauses and deadlines."""

from time import monotonic
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_tasks import cheapest, cheapest_cost, price, task_of, tasks

from nsctl.symbolic import Atom, Literal, Problem, SymbolicState
from planners.grounding import ground
from planners.grounding.task import Move
from planners.pddl import domain_from_pddl
from planners.search import successors
from planners.search.explicit import Search
from planners.search.patterns import best_heuristic
from planners.search.successors import Successors

NEVER = float("inf")
often = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def finished(search):
    while not search.over:
        search.advance(200_000, NEVER)
    return search


@often
@given(tasks(), st.data())
def test_a_blind_search_finds_the_cheapest_plan_of_fewest_steps(drawn, data):
    task, start = drawn
    allowed = sorted(data.draw(st.sets(st.sampled_from(range(len(task.moves))))))
    wanted, search = cheapest(task, start, allowed), finished(Search(task, start, allowed))
    assert search.exhausted == (wanted is None)
    if wanted is None:
        assert search.plan is None
    else:
        assert (price(task, start, search.plan), len(search.plan)) == wanted
        assert search.bound == wanted[0]
        assert set(search.plan) <= set(allowed)


@often
@given(tasks(costs=(2,)))
def test_so_do_layers(drawn):
    task, start = drawn
    allowed = range(len(task.moves))
    wanted, search = cheapest_cost(task, start, allowed), finished(Search(task, start, allowed))
    assert search.exhausted == (wanted is None)
    if wanted is not None:
        assert price(task, start, search.plan) == search.bound == wanted == 2 * len(search.plan)


@often
@given(tasks())
def test_an_informed_search_finds_a_cheapest_plan(drawn):
    task, start = drawn
    allowed = range(len(task.moves))
    wanted = cheapest_cost(task, start, allowed)
    search = finished(Search(task, start, allowed, best_heuristic(task, start, allowed)))
    assert search.exhausted == (wanted is None)
    if wanted is not None:
        assert price(task, start, search.plan) == search.bound == wanted


@often
@given(tasks(), st.randoms(use_true_random=False))
def test_an_inconsistent_heuristic_does_no_harm(drawn, random):
    """Any lower bounds at all, with dead ends where there is no plan."""
    task, start = drawn
    allowed = range(len(task.moves))
    known = {}

    def erratic(state):
        if state not in known:
            true = cheapest_cost(task, state, allowed)
            known[state] = None if true is None else random.randint(0, true)
        return known[state]

    search, wanted = finished(Search(task, start, allowed, erratic)), cheapest_cost(task, start, allowed)
    assert search.exhausted == (wanted is None)
    if wanted is not None:
        assert price(task, start, search.plan) == wanted


@often
@given(tasks(), st.integers(0, 2**6 - 1), st.sampled_from([0.5, 3.0, 14.0]))
def test_successors_are_those_of_the_moves_whatever_the_size_of_the_tables(drawn, state, lines):
    task, start = drawn
    with patch.object(successors, "LINES", lines):
        found = Successors(list(enumerate(task.moves)), start, ())
    wanted = {(m.apply(state), m.cost, i) for i, m in enumerate(task.moves) if m.applicable(state)}
    assert {each for each in found.of(state) if each[0] != state} == {each for each in wanted if each[0] != state}


@pytest.mark.parametrize("informed", [False, True])
def test_bounds_only_rise_and_never_pass_the_optimum(hanoi, informed):
    ground_task = ground(hanoi(4))
    start, allowed = ground_task.state(ground_task.problem.init), range(len(ground_task.moves))
    search = Search(ground_task, start, allowed, best_heuristic(ground_task, start, allowed) if informed else None)
    bounds = [0]
    while not search.over:
        search.advance(100, NEVER)
        bounds.append(search.bound)
    assert bounds == sorted(bounds)
    assert bounds[-1] == price(ground_task, start, search.plan) == 30
    assert len(set(bounds)) > 5


def test_pauses_change_nothing(hanoi):
    ground_task = ground(hanoi(4))
    start, allowed = ground_task.state(ground_task.problem.init), range(len(ground_task.moves))
    whole, slices = finished(Search(ground_task, start, allowed)), Search(ground_task, start, allowed)
    while not slices.over:
        slices.advance(1, NEVER)
    assert (whole.plan, whole.states) == (slices.plan, slices.states)


def test_the_deadline_and_the_number_of_states_hold(hanoi):
    ground_task = ground(hanoi(8))
    start, allowed = ground_task.state(ground_task.problem.init), range(len(ground_task.moves))
    search, begun = Search(ground_task, start, allowed, max_states=3_000), monotonic()
    search.advance(10**9, begun)
    assert search.states == 1
    assert not search.over
    search.advance(10**9, begun + 30)
    assert search.over
    assert 3_000 <= search.states < 9_000
    assert search.plan is None
    assert not search.exhausted


def test_growth_tells_a_narrow_space_from_a_wide_one(hanoi):
    ground_task = ground(hanoi(6))
    start, allowed = ground_task.state(ground_task.problem.init), range(len(ground_task.moves))
    narrow = Search(ground_task, start, allowed)
    assert narrow.growth == float("inf")
    narrow.advance(60_000, NEVER)
    assert 0.5 < narrow.growth < 1.5
    switches = [Move(0, 1 << i, 1 << i, 0) for i in range(6)]
    wide = Search(task_of(switches, (63, 63)), 0, range(6))
    wide.advance(200, NEVER)
    assert wide.growth > 1.5


def test_zero_costs_are_searched_and_cost_nothing():
    free, dear = Move(0, 0, 1, 0, 0), Move(1, 0, 2, 0, 5)
    plan = finished(Search(task_of([free, dear, Move(0, 0, 2, 0, 6)], (2, 0)), 0, [0, 1, 2])).plan
    assert plan == (0, 1)


def test_conditional_effects_and_axioms_are_followed():
    domain = domain_from_pddl(
        """(define (domain lamps) (:requirements :adl :derived-predicates) (:predicates (on ?x) (all-on) (done))
        (:derived (all-on) (forall (?x) (on ?x)))
        (:action flip :parameters (?x) :effect (and (when (on ?x) (not (on ?x))) (when (not (on ?x)) (on ?x))))
        (:action finish :precondition (all-on) :effect (done)))"""
    )
    from nsctl.symbolic import Object

    lamps = tuple(Object(name) for name in ("a", "b", "c"))
    problem = Problem(domain, lamps, SymbolicState.of([Atom("on", ("b",))]), (Literal(Atom("done")),))
    ground_task = ground(problem)
    start = ground_task.state(problem.init)
    search = finished(Search(ground_task, start, range(len(ground_task.moves))))
    assert len(search.plan) == search.bound == 3
    assert price(ground_task, start, search.plan) == 3
