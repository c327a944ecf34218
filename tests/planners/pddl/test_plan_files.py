"""Plans as text: there, back again, and what is refused."""

import pytest
from adl_domains import problem as random_problem
from adl_reference import successors
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_samples import ERRAND, GOOD, HOUSE

from nsctl.symbolic import Atom, Plan, SymbolicState
from planners.pddl import domain_from_pddl, problem_from_pddl
from planners.pddl.plan_files import plan_from_text, plan_to_text, steps_from_text
from planners.pddl.sexpressions import PddlError

TEXT = "(take k a)\n(go a b)\n(light)\n(go b c)\n(drop k)\n; cost = 8\n"


@pytest.fixture
def errand():
    return problem_from_pddl(ERRAND, domain_from_pddl(HOUSE))


def test_a_plan_reads_back_as_it_was_written(errand):
    plan = plan_from_text(TEXT, errand)
    assert plan_to_text(plan) == TEXT
    assert plan.reaches(errand, errand.init)
    assert steps_from_text(TEXT, errand) == GOOD


def test_case_times_and_comments_are_read_over(errand):
    text = "; found by hand\n0.000: (TAKE K a) [1.000]\n\n  (go A b) ; on the way\n"
    assert steps_from_text(text, errand) == GOOD[:2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(take k a)\nhello", "plan.txt, line 2: found 'hello', expected a step such as .pick a b."),
        ("()", "line 1: found '..', expected a step"),
        ("(take k a)\n(go a d)", "line 2: no object is called 'd'"),
        ("(tkae k a)", "line 1: no operator is called 'tkae'. Did you mean 'take'"),
        ("(take k)", "line 1: take takes 2 arguments, got 1"),
        ("; first\n(go b a)", r"line 2: \(go b a\) cannot be taken: needs at\(b\)"),
    ],
)
def test_errors_name_the_line(errand, text, message):
    with pytest.raises(PddlError, match=message):
        plan_from_text(text, errand, source="plan.txt")


def test_the_empty_plan(errand):
    assert plan_from_text("; nothing to do\n", errand) == Plan()
    assert plan_to_text(Plan()) == "; cost = 0\n"


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(0, 10**9))
def test_a_step_that_was_read_does_what_it_should_wherever_it_can_be_taken(seed):
    problem = random_problem(seed)
    start = problem.derive(problem.init)
    first = list(successors(problem, start))[:6]
    for name, cost, after in first:
        (step,) = plan_from_text(f"({' '.join((name[0], *name[1]))})", problem)
        assert step.cost == cost
        assert problem.derive(step.apply(start)) == after
        for _, _, elsewhere in first:
            expected = {named: then for named, _, then in successors(problem, elsewhere)}
            if step.applicable(elsewhere):
                assert problem.derive(step.apply(elsewhere)) == expected[name]


def test_a_condition_with_very_many_alternatives_is_kept_whole():
    """Six disjunctions of two would be 64 alternatives, more than are spelled out one by one."""
    letters = "abcdef"
    either = " ".join(f"(or ({x}1) ({x}2))" for x in letters)
    domain = domain_from_pddl(
        f"""(define (domain many) (:predicates (done) {" ".join(f"({x}1) ({x}2)" for x in letters)})
        (:action clear :effect (and {" ".join(f"(not ({x}1)) (not ({x}2))" for x in letters)}))
        (:action try :effect (when (and {either}) (done))))"""
    )
    inside = " ".join(f"({x}1)" for x in letters)
    problem = problem_from_pddl(f"(define (problem p) (:domain many) (:init {inside}) (:goal (done)))", domain)
    plan = plan_from_text("(try)", problem)
    assert plan.reaches(problem, problem.init)
    assert not plan.reaches(problem, SymbolicState(problem.init.atoms - {Atom("a1")}))
