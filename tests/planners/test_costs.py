"""Costs from a table: exact, complete, and able to change which plan is the cheapest."""

from fractions import Fraction

import pytest

from nsctl.errors import DomainError, InvalidValue, UnknownName
from nsctl.symbolic import Atom, Literal, Problem, SymbolicState
from planners.clingo import ClingoPlanner
from planners.costs import priced
from planners.pddl import domain_from_pddl

TWO_WAYS = """(define (domain two-ways) (:predicates (a) (b))
(:action leap :effect (b)) (:action step-one :effect (a)) (:action step-two :precondition (a) :effect (b)))"""


@pytest.fixture
def ways():
    return Problem(domain_from_pddl(TWO_WAYS), (), SymbolicState(), (Literal(Atom("b")),))


def names(problem):
    outcome = ClingoPlanner().plan(problem)
    assert outcome.optimal
    return [step.operator for step in outcome.plan], outcome.plan.cost


def test_the_cheapest_plan_in_joules_is_not_the_shortest(ways):
    assert names(ways) == (["leap"], 1)
    assert names(priced(ways, {"leap": 9.5, "step-one": 4.1, "step-two": 4.1})) == (
        ["step-one", "step-two"],
        Fraction(82, 10),
    )
    assert names(priced(ways, {"leap": 8.1, "step-one": 4.1, "step-two": 4.1}))[0] == ["leap"]


def test_costs_are_the_decimals_that_they_look_like(ways):
    """0.1 + 0.2 costs as much as 0.3, so the shorter plan wins."""
    assert names(priced(ways, {"leap": 0.3, "step-one": 0.1, "step-two": 0.2})) == (["leap"], Fraction(3, 10))


def test_steps_may_be_free(ways):
    assert names(priced(ways, {"leap": 1, "step-one": 0, "step-two": 0})) == (["step-one", "step-two"], 0)


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ({"leap": 1, "stepone": 1}, UnknownName, "no operator is called 'stepone'. Did you mean 'step-one'"),
        ({"leap": 1}, DomainError, "the cost table leaves out step-one, step-two; it must price every operator"),
        ({"leap": -1, "step-one": 1, "step-two": 1}, InvalidValue, "the cost of leap must be a number >= 0, got -1"),
        ({"leap": float("nan"), "step-one": 1, "step-two": 1}, InvalidValue, "leap must be a number >= 0, got nan"),
        ({"leap": "dear", "step-one": 1, "step-two": 1}, InvalidValue, "leap must be a number >= 0, got 'dear'"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(ways, table, error, message):
    with pytest.raises(error, match=message):
        priced(ways, table)
