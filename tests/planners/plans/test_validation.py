"""The validator against the word-by-word reference, and in its own words."""

from random import Random

import pytest
from adl_domains import problem as random_problem
from adl_reference import successors
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_samples import ERRAND, GOOD, HOUSE

from nsctl.errors import DomainError
from nsctl.formulas import bindings
from nsctl.symbolic import Atom, SymbolicState
from planners.pddl import domain_from_pddl, problem_from_pddl
from planners.plans.validation import validate


@pytest.fixture
def errand():
    return problem_from_pddl(ERRAND, domain_from_pddl(HOUSE))


def test_a_plan_is_valid_and_its_trace_is_kept(errand):
    verdict = validate(errand, GOOD)
    assert verdict
    assert (verdict.cost, verdict.failed, verdict.why) == (1 + 3 + 2 + 1 + 1, None, "")
    assert len(verdict.states) == 6
    assert Atom("in", ("k", "c")) in verdict.states[4]
    assert Atom("tidy") in verdict.states[-1]
    assert Atom("tidy") not in verdict.states[1]


@pytest.mark.parametrize(
    ("steps", "failed", "why"),
    [
        (
            GOOD[:2] + GOOD[3:],
            2,
            "step 3, (go b c): needs (lit or not dark(c)), but lit does not hold and dark(c) holds",
        ),
        (GOOD[1:], 3, "step 4, (drop k): needs carried(k)"),
        (GOOD[:-1], 4, "at the end, the goal does not hold: needs tidy"),
        ((("go", ("a", "k")),), 0, "step 1, (go a k): ?b must be a room, but k is a thing"),
        ((("go", ("a",)),), 0, "step 1, (go a): go takes 2 arguments, got 1: ('a',)"),
        ((("lihgt", ()),), 0, "no operator is called 'lihgt'. Did you mean 'light'?"),
        ((("take", ("x", "a")),), 0, "no object is called 'x'"),
        ((*GOOD[:4], ("go", ("c", "b"))), 4, "needs door(c, b)"),
    ],
)
def test_what_failed_is_said_by_step_and_part(errand, steps, failed, why):
    verdict = validate(errand, steps)
    assert not verdict
    assert verdict.failed == failed
    assert why in verdict.why
    assert len(verdict.states) == failed + 1


def test_a_goal_with_quantifiers_names_the_culprit(errand):
    elsewhere = SymbolicState(errand.init.atoms - {Atom("in", ("m", "b"))} | {Atom("in", ("m", "a"))})
    why = validate(errand, GOOD, elsewhere).why
    assert "but in(m, c) does not hold and in(m, b) does not hold" in why


def test_a_cost_without_a_value_stops_the_step():
    unpriced = problem_from_pddl(ERRAND.replace("(= (far a b) 3)", ""), domain_from_pddl(HOUSE))
    assert validate(unpriced, GOOD).why == "step 2, (go a b): its cost far(a, b) has no value in the problem"


def test_static_facts_may_be_left_out_but_not_invented(errand):
    fluents = SymbolicState.of(a for a in errand.init if a.predicate not in ("door", "dark"))
    assert validate(errand, GOOD, fluents)
    with pytest.raises(DomainError, match=r"door\(a, c\) is static, and the problem denies it"):
        validate(errand, GOOD, SymbolicState(errand.init.atoms | {Atom("door", ("a", "c"))}))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 10**9))
def test_random_walks_agree_with_the_reference(seed):
    """States, costs, refusals and goals, step by step, on problems that use all of the language."""
    problem, draw = random_problem(seed), Random(seed)
    state, walk, cost = problem.derive(problem.init), [], 0
    for _ in range(5):
        possible = {name: (price, after) for name, price, after in successors(problem, state)}
        for operator in problem.domain.operators:
            for binding in bindings(operator.parameters, problem.things, {}):
                name = operator.name, tuple(binding[p.name] for p in operator.parameters)
                verdict = validate(problem, [*walk, name])
                assert (verdict.failed == len(walk)) == (name not in possible), verdict.why
                if name in possible:
                    assert verdict.states[-1] == possible[name][1]
        verdict = validate(problem, walk)
        assert (verdict.valid, verdict.cost) == (problem.reached(state), cost)
        if not possible:
            return
        name = draw.choice(sorted(possible))
        walk.append(name)
        cost, state = cost + possible[name][0], possible[name][1]
