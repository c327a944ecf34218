"""The ground task means what the nouns mean, whatever the domain uses."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from time import monotonic
from unittest.mock import patch

import pytest
from adl_domains import problem as random_problem
from adl_domains import problems
from adl_reference import successors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsctl.symbolic import Atom, Problem, SymbolicState
from planners.grounding import ground, normal_form
from planners.grounding.program import OutOfTime
from planners.grounding.task import GroundTask
from planners.pddl import domain_from_pddl, problem_from_pddl

LAWFUL = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WALKS = st.lists(st.integers(0, 99), max_size=5)


def agree(problem: Problem, task: GroundTask, state: SymbolicState) -> list[SymbolicState]:
    """Assert that steps, successors, costs and the goal are the same on masks and on nouns; where the steps lead."""
    mask = task.state(state)
    assert task.reached(mask) == problem.reached(state)
    expected = {name: (cost, after) for name, cost, after in successors(problem, state)}
    found = {name for name, move in zip(task.names, task.moves, strict=True) if move.applicable(mask)}
    assert found <= set(expected)
    for name in set(expected) - found:
        assert expected[name][1] == state, f"only a step that changes nothing may be left out, not {name}"
    for name, move in zip(task.names, task.moves, strict=True):
        if move.applicable(mask):
            assert task.apply(move, mask) == task.state(expected[name][1])
            assert task.cost(move.cost) == expected[name][0]
    return [after for _, after in expected.values()]


def steps_agree(problem: Problem, task: GroundTask, state: SymbolicState) -> None:
    """Assert that the plan steps of all moves do on nouns what the moves do on masks."""
    mask = task.state(state)
    for number, move in enumerate(task.moves):
        step = task.step(number)
        assert step.applicable(state) == move.applicable(mask)
        assert step.cost == task.cost(move.cost)
        if move.applicable(mask):
            assert task.state(problem.derive(step.apply(state))) == task.apply(move, mask)


def walk(problem: Problem, task: GroundTask, choices: list[int], steps: bool) -> None:
    state = problem.derive(problem.init)
    for choice in [*choices, 0]:
        following = agree(problem, task, state)
        if steps:
            steps_agree(problem, task, state)
        if not following:
            return
        state = following[choice % len(following)]


@given(problems, WALKS)
@LAWFUL
def test_masks_and_plan_steps_agree_with_the_nouns(problem: Problem, choices: list[int]) -> None:
    walk(problem, ground(problem), choices, steps=True)


@given(problems, WALKS)
@LAWFUL
def test_masks_agree_where_disjunctions_get_names(problem: Problem, choices: list[int]) -> None:
    with patch.object(normal_form, "LIMIT", 1):
        walk(problem, ground(problem), choices, steps=False)


def test_plan_steps_keep_named_disjunctions() -> None:
    with patch.object(normal_form, "LIMIT", 1):
        for seed in range(300):
            problem = random_problem(seed)
            walk(problem, ground(problem), [], steps=True)


def test_the_random_problems_use_everything() -> None:
    tasks = [ground(random_problem(seed)) for seed in range(200)]
    assert sum(any(move.branches for move in task.moves) for task in tasks) > 20
    assert sum(bool(task.rules) for task in tasks) > 50
    assert sum(len(task.rules) > 1 for task in tasks) > 3
    assert sum(any(len(numbers) > 1 for numbers in task.numbers.values()) for task in tasks) > 5
    assert sum(task.scale > 1 for task in tasks) > 10
    assert sum(any(move.applicable(task.state(task.problem.init)) for move in task.moves) for task in tasks) > 80


@given(problems)
@LAWFUL
def test_the_reachable_task_has_all_that_can_be_reached(problem: Problem) -> None:
    general, narrow = ground(problem, reachable=False), ground(problem, reachable=True)
    assert general.complete
    assert not narrow.complete
    assert set(narrow.names) <= set(general.names)
    start = problem.derive(problem.init)
    seen, queue = {start}, deque([start])
    while queue and len(seen) < 30:
        for after in agree(problem, narrow, queue.popleft()):
            if after not in seen:
                seen.add(after)
                queue.append(after)


@given(problems)
@LAWFUL
def test_the_delete_relaxation_leaves_out_nothing_that_happens(problem: Problem) -> None:
    task = ground(problem)
    start = task.state(problem.init)
    can_hold, can_fail, happened = task.relaxed(start, range(len(task.moves)))
    seen, queue = {start}, deque([start])
    while queue and len(seen) < 60:
        state = queue.popleft()
        assert not state & ~can_hold
        assert not ~state & ~can_fail
        assert not (task.reached(state) and task.unreachable(can_hold, can_fail))
        for number, move in enumerate(task.moves):
            if move.applicable(state):
                assert number in happened
                if (after := task.apply(move, state)) not in seen:
                    seen.add(after)
                    queue.append(after)


def test_hanoi_has_a_pick_for_each_support_and_a_place_for_each_smaller(hanoi):
    names = [f"{name}({', '.join(arguments)})" for name, arguments in ground(hanoi(3)).names]
    assert len([n for n in names if n.startswith("pick")]) == 3 * 7
    assert sorted(n for n in names if n.startswith("place(disc2")) == [
        "place(disc2, disc3)",
        "place(disc2, left)",
        "place(disc2, middle)",
        "place(disc2, right)",
    ]


PAIRS = """(define (domain d) (:predicates (linked ?a ?b))
(:action link :parameters (?a ?b) :effect (linked ?a ?b))
(:action pass :parameters (?a ?b ?c) :precondition (linked ?a ?b) :effect (linked ?a ?c)))"""


def pairs(count: int) -> Problem:
    things = " ".join(f"o{i}" for i in range(count))
    text = f"(define (problem x) (:domain d) (:objects {things}) (:goal (linked o0 o1)))"
    return problem_from_pddl(text, domain_from_pddl(PAIRS))


def test_many_candidates_are_ground_from_the_initial_state_alone() -> None:
    assert ground(pairs(5)).complete
    many = ground(pairs(20))
    assert not many.complete
    assert len(many.names) == 20**2 + 20**3


def test_a_deadline_interrupts_a_grounding_that_is_too_large() -> None:
    begun = monotonic()
    with pytest.raises(OutOfTime):
        ground(pairs(200), deadline=begun + 0.2)
    assert monotonic() - begun < 5


def test_costs_are_whole_units_of_a_common_scale() -> None:
    text = """(define (domain d) (:predicates (p) (q)) (:functions (total-cost) - number (f ?x) - number)
    (:action dear :parameters (?x) :effect (and (p) (increase (total-cost) (+ (f ?x) 0.5))))
    (:action cheap :effect (and (q) (increase (total-cost) 0.25))))"""
    domain = domain_from_pddl(text)
    init = "(:init (= (f a) 1.1) (= (total-cost) 0))"
    rest = "(:metric minimize (total-cost)))"
    told = f"(define (problem x) (:domain d) (:objects a b) {init} (:goal (and (p) (q))) {rest}"
    task = ground(problem_from_pddl(told, domain))
    assert task.scale == 20
    costs = {name: task.cost(move.cost) for name, move in zip(task.names, task.moves, strict=True)}
    assert costs == {("dear", ("a",)): Fraction(8, 5), ("cheap", ()): Fraction(1, 4)}, "b has no value: no step"
    counted = ground(problem_from_pddl(told.replace(rest, ")"), domain))
    assert {move.cost for move in counted.moves} == {1}, "without a metric, steps are counted"
    assert all(counted.step(i).cost == 1 for i in range(len(counted.moves)))


def test_static_facts_and_contradictions_leave_dead_goals() -> None:
    domain = domain_from_pddl(
        "(define (domain d) (:predicates (p) (s)) (:action a :effect (p)) (:action b :effect (not (p))))"
    )

    def task(goal: str) -> GroundTask:
        return ground(problem_from_pddl(f"(define (problem x) (:domain d) (:goal {goal}))", domain))

    assert [str(c) for c in task("(and (p) (s))").dead_goals] == ["s"]
    assert task("(and (p) (not (p)))").dead_goals
    assert task("(or)").dead_goals
    assert not task("(or (s) (p))").dead_goals
    assert task("(and)").reached(0)
    assert not task("(s)").reached(0)


def test_two_alternatives_of_a_precondition_are_two_moves_of_one_step() -> None:
    domain = domain_from_pddl(
        "(define (domain d) (:predicates (p) (q) (r)) (:action a :precondition (or (p) (q)) :effect (r))"
        "(:action b :effect (and (p) (q))))"
    )
    problem = problem_from_pddl("(define (problem x) (:domain d) (:goal (r)))", domain)
    task = ground(problem)
    assert [len(numbers) for name, numbers in task.numbers.items() if name == ("a", ())] == [2]
    state = SymbolicState.of([Atom("q")])
    assert [task.step(i).applicable(state) for i in task.numbers["a", ()]] == [
        task.moves[i].applicable(task.state(state)) for i in task.numbers["a", ()]
    ]
