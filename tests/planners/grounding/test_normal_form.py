"""Alternatives are true exactly where their condition is, with and without auxiliary atoms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from random import Random
from unittest.mock import patch

import pytest
from adl_domains import problem as random_problem
from hypothesis import given, settings
from hypothesis import strategies as st

from nsctl.formulas import bindings
from nsctl.symbolic import And, Atom, Condition, Exists, Forall, Literal, Not, Or, Problem, When
from planners.grounding import normal_form
from planners.grounding.normal_form import AUXILIARY, Alternative, NormalForms
from planners.pddl import domain_from_pddl, problem_from_pddl


def questions(problem: Problem) -> Iterator[tuple[tuple[Condition, ...], dict[str, str]]]:
    """Every condition of the problem with every binding of its parameters."""
    yield problem.goal, {}
    for operator in problem.domain.operators:
        for binding in bindings(operator.parameters, problem.things, {}):
            yield operator.preconditions, binding
            for when in operator.effects:
                if isinstance(when, When):
                    yield from ((when.conditions, b) for b in bindings(when.variables, problem.things, binding))
    for axiom in problem.domain.axioms:
        yield from ((axiom.body, binding) for binding in bindings(axiom.parameters, problem.things, {}))


def atoms(condition: Condition, problem: Problem, binding: Mapping[str, str]) -> Iterator[Atom]:
    match condition:
        case Literal(atom=atom):
            yield atom.substitute(binding)
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from atoms(part, problem, binding)
        case Not(part=part):
            yield from atoms(part, problem, binding)
        case Forall(variables=variables, body=body) | Exists(variables=variables, body=body):
            for each in bindings(variables, problem.things, binding):
                yield from atoms(body, problem, each)


def valuations(free: list[Atom], draw: Random) -> Iterator[frozenset[Atom]]:
    """All sets of true atoms if there are few, otherwise some at random."""
    if len(free) <= 6:
        for chosen in product((False, True), repeat=len(free)):
            yield frozenset(atom for atom, there in zip(free, chosen, strict=True) if there)
    else:
        for _ in range(64):
            yield frozenset(atom for atom in free if draw.random() < 0.5)


def truth(forms: NormalForms, true: Callable[[Atom], bool]) -> Callable[[list[Alternative]], bool]:
    def one(atom: Atom) -> bool:
        if atom.predicate != AUXILIARY:
            return true(atom)
        return some([body for head, body in forms.axioms if head == atom])

    def some(alternatives: list[Alternative]) -> bool:
        return any(all(one(atom) == sign for atom, sign in each.items()) for each in alternatives)

    return some


def check(problem: Problem, limit: int, draw: Random) -> bool:
    """Assert the law for every condition of ``problem``; whether auxiliary atoms took part."""
    with patch.object(normal_form, "LIMIT", limit):
        forms = NormalForms(problem)
        for conditions, binding in questions(problem):
            found, single = forms.alternatives(conditions, binding), forms.one(conditions, binding)
            touched = {a for c in conditions for a in atoms(c, problem, binding)}
            fluents = sorted(a for a in touched if a.predicate in problem.domain.fluents)
            facts = {a for a in problem.init if a.predicate not in problem.domain.fluents}
            for valuation in valuations(fluents, draw):
                true = (valuation | facts).__contains__
                expected = all(normal_form_truth(c, true, problem, binding) for c in conditions)
                some = truth(forms, true)
                assert some(found) == expected
                assert some([] if single is None else [single]) == expected
        return bool(forms.axioms)


def normal_form_truth(
    condition: Condition, true: Callable[[Atom], bool], problem: Problem, binding: Mapping[str, str]
) -> bool:
    """The textbook's truth table, written anew."""
    if isinstance(condition, Literal):
        atom = condition.atom.substitute(binding)
        value = atom.arguments[0] == atom.arguments[1] if atom.predicate == "=" else true(atom)
        return value is condition.positive
    if isinstance(condition, Not):
        return not normal_form_truth(condition.part, true, problem, binding)
    if isinstance(condition, And | Or):
        values = [normal_form_truth(part, true, problem, binding) for part in condition.parts]
        return all(values) if isinstance(condition, And) else any(values)
    inner = bindings(condition.variables, problem.things, binding)
    values = [normal_form_truth(condition.body, true, problem, each) for each in inner]
    return all(values) if isinstance(condition, Forall) else any(values)


@given(st.integers(0, 10**9), st.sampled_from([1, 2, 3, 32]))
@settings(max_examples=150, deadline=None)
def test_alternatives_are_true_where_the_condition_is(seed: int, limit: int) -> None:
    check(random_problem(seed), limit, Random(seed))


def test_a_small_limit_gives_names_to_disjunctions() -> None:
    assert sum(check(random_problem(seed), 1, Random(seed)) for seed in range(60)) > 10


DOMAIN = (
    "(define (domain d) (:predicates (p ?x) (s ?x)) (:action a :parameters (?x) :effect (and (p ?x) (not (p ?x)))))"
)


def forms_of(goal: str) -> tuple[NormalForms, Problem]:
    text = f"(define (problem x) (:domain d) (:objects a b c) (:init (s a)) (:goal {goal}))"
    problem = problem_from_pddl(text, domain_from_pddl(DOMAIN))
    return NormalForms(problem), problem


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ("(and)", [{}]),
        ("(or)", []),
        ("(s a)", [{}]),
        ("(s b)", []),
        ("(or (s a) (p a))", [{}]),
        ("(and (p a) (not (p a)))", []),
        ("(forall (?x) (or (s ?x) (p ?x)))", [{"p(b)": True, "p(c)": True}]),
        ("(exists (?x) (and (s ?x) (not (p ?x))))", [{"p(a)": False}]),
        ("(not (exists (?x) (p ?x)))", [{"p(a)": False, "p(b)": False, "p(c)": False}]),
        ("(imply (p a) (p b))", [{"p(a)": False}, {"p(b)": True}]),
        ("(exists (?x ?y) (and (not (= ?x ?y)) (s ?x) (s ?y)))", []),
    ],
)
def test_what_conditions_become(goal: str, expected: list[dict[str, bool]]) -> None:
    forms, problem = forms_of(goal)
    found = forms.alternatives(problem.goal, {})
    assert [{str(atom): sign for atom, sign in each.items()} for each in found] == expected
    assert forms.axioms == []


def test_a_product_of_disjunctions_stays_as_long_as_its_text() -> None:
    forms, problem = forms_of("(and " + " ".join(f"(or (p a) (and (p b) (p {x})))" for x in "abc" * 8) + ")")
    assert len(forms.alternatives(problem.goal, {})) <= normal_form.LIMIT
    wide = "(and " + " ".join(
        "(or (and (p a) (not (p b))) (and (p b) (not (p c))) (and (p c) (not (p a))))" for _ in "abcd"
    )
    forms, problem = forms_of(wide + ")")
    assert len(forms.alternatives(problem.goal, {})) <= normal_form.LIMIT
