"""Our problems as UP's: the same steps, states and costs in UP's simulator, and steps that lead back."""

from __future__ import annotations

import random
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Any

import pytest

pytest.importorskip("unified_planning")

import adl_domains
from adl_reference import Named, least_cost, successors
from hypothesis import given, reject, settings
from unified_planning.engines.sequential_simulator import UPSequentialSimulator, evaluate_quality_metric
from unified_planning.exceptions import UPTypeError
from unified_planning.test.examples import get_example_problems

from nsctl.errors import UnsupportedFeature
from nsctl.symbolic import (
    OBJECT,
    Atom,
    Axiom,
    Domain,
    Literal,
    Object,
    Operator,
    Or,
    Predicate,
    Problem,
    SymbolicState,
    Type,
)
from planners.unified.inward import translate
from planners.unified.kinds import beyond
from planners.unified.outward import Statement, state

EXAMPLES = {name: case.problem for name, case in get_example_problems().items() if not beyond(case.problem.kind)}


def _expressible(noun: Any) -> Any:
    """The same without what UP cannot say: for a union of types the root, and no axioms."""
    if isinstance(noun, Type):
        return OBJECT if noun.members else noun
    if isinstance(noun, tuple):
        return tuple(map(_expressible, noun))
    if is_dataclass(noun) and not isinstance(noun, type):
        changes = {f.name: _expressible(getattr(noun, f.name)) for f in fields(noun) if f.init}
        return replace(noun, **({**changes, "axioms": ()} if isinstance(noun, Domain) else changes))
    return noun


def _simulator(statement: Statement) -> Any:
    """UP 1.3 itself stumbles over an existential variable that is to equal something of a wider type."""
    try:
        return UPSequentialSimulator(statement.problem)
    except UPTypeError:
        reject()


def _steps(statement: Statement, simulator: Any, at: Any) -> dict[Named, tuple[Any, Any]]:
    """Every step that UP can take, by our names. (Its own list of them breaks on some problems in version 1.3.)"""
    found, problem = {}, statement.problem
    for action in problem.actions:
        for things in product(*(problem.objects(parameter.type) for parameter in action.parameters)):
            arguments = tuple(map(problem.environment.expression_manager.ObjectExp, things))
            if simulator.is_applicable(at, action, arguments):
                (step,) = statement.steps([(action.name, tuple(thing.name for thing in things))])
                found[step] = action, arguments
    return found


def _agree(problem: Problem, seed: int, avoid: frozenset[Named] = frozenset(), steps: int = 6) -> None:
    """Walk here and there; steps, goals and costs must be the same all along."""
    statement, rng = state(problem, problem.init, avoid), random.Random(seed)
    simulator = _simulator(statement)
    (metric,) = statement.problem.quality_metrics
    here, there = problem.init, simulator.get_initial_state()
    spent, value = Fraction(0), 0
    for _ in range(steps):
        assert simulator.is_goal(there) == problem.reached(here)
        ours = {step: (cost, after) for step, cost, after in successors(problem, here) if step not in avoid}
        theirs = _steps(statement, simulator, there)
        assert set(ours) == set(theirs)
        if not ours:
            break
        step = rng.choice(sorted(ours))
        after = simulator.apply(there, *theirs[step])
        value = evaluate_quality_metric(simulator, metric, value, there, *theirs[step], after)
        spent, here, there = spent + ours[step][0], ours[step][1], after
        assert value == spent * statement.scale


@settings(max_examples=60, deadline=None)
@given(adl_domains.problems)
def test_random_problems_walk_alike_and_cost_the_same(original: Problem) -> None:
    problem = _expressible(original)
    _agree(problem, 0)
    statement = state(problem, problem.init)
    ours, theirs = least_cost(problem), least_cost(translate(statement.problem).problem)
    assert theirs == (None if ours is None else ours * statement.scale)


@settings(max_examples=30, deadline=None)
@given(adl_domains.problems)
def test_steps_to_avoid_are_impossible_and_all_others_are_not(original: Problem) -> None:
    problem = _expressible(original)
    steps = [step for step, _, _ in successors(problem, problem.init)]
    _agree(problem, 1, frozenset(steps[::2]))


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_come_back_with_the_same_cheapest_cost(name: str) -> None:
    problem = translate(EXAMPLES[name]).problem
    statement = state(problem, problem.init)
    again = translate(statement.problem).problem
    assert {thing.name for thing in again.things} == {thing.name for thing in statement.problem.all_objects}
    assert least_cost(again) == least_cost(problem) * statement.scale


def _walks(*operators: Operator, **others: Any) -> Problem:
    """Two places, a robot and the types above them."""
    place, robot = Type("place", OBJECT), Type("robot", OBJECT)
    predicates = (Predicate("at", (place,)), Predicate("off", ()))
    domain = Domain("d", (OBJECT, place, robot), predicates, operators, **others)
    objects = (Object("a", place), Object("b", place), Object("r", robot))
    return Problem(domain, objects, SymbolicState.of([Atom("at", ("a",))]), (Literal(Atom("at", ("b",))),))


def test_a_parameter_of_a_wider_type_is_bound_to_what_fits() -> None:
    go = Operator("go", (Object("?x"),), (Literal(Atom("at", ("?x",)), False),), (Literal(Atom("at", ("?x",))),))
    statement = state(_walks(go), _walks(go).init)
    simulator = UPSequentialSimulator(statement.problem)
    assert set(_steps(statement, simulator, simulator.get_initial_state())) == {("go", ("b",))}


def test_an_argument_that_would_be_too_wide_is_refused() -> None:
    maybe = Or((Literal(Atom("at", ("?x",))), Literal(Atom("off"))))
    problem = _walks(Operator("go", (Object("?x"),), (maybe,), (Literal(Atom("off")),)))
    with pytest.raises(UnsupportedFeature, match="takes no object for"):
        state(problem, problem.init)


def test_what_up_cannot_say_is_refused_by_name() -> None:
    axiom = Axiom(Atom("off"), (), (Literal(Atom("at", ("a",))),))
    place = Type("place", OBJECT)
    predicates = (Predicate("at", (place,)), Predicate("off"))
    domain = Domain("d", (OBJECT, place), predicates, (), (Object("a", place),), (axiom,))
    with pytest.raises(UnsupportedFeature) as refusal:
        state(Problem(domain, (), SymbolicState(), ()), SymbolicState())
    assert refusal.value.feature == "derived predicates"
    union = Type("either(place, robot)", OBJECT, (Type("place", OBJECT), Type("robot", OBJECT)))
    problem = _walks(Operator("go", (Object("?x", union),), (), (Literal(Atom("off")),)))
    with pytest.raises(UnsupportedFeature) as refusal:
        state(problem, problem.init)
    assert refusal.value.feature == "either"


def test_an_operator_without_parameters_that_is_avoided_is_gone() -> None:
    rest = Operator("rest", (), (), (Literal(Atom("off")),))
    problem = _walks(rest)
    assert [a.name for a in state(problem, problem.init).problem.actions] == ["rest"]
    assert state(problem, problem.init, {("rest", ())}).problem.actions == []


def test_names_that_clash_across_kinds_are_told_apart() -> None:
    thing = Type("at", OBJECT)
    at = Predicate("at", (thing,))
    go = Operator("at", (Object("?at", thing),), (), (Literal(Atom("at", ("?at",))),))
    problem = Problem(Domain("at", (OBJECT, thing), (at,), (go,)), (Object("at", thing),), SymbolicState(), ())
    statement = state(problem, problem.init)
    simulator = UPSequentialSimulator(statement.problem)
    assert set(_steps(statement, simulator, simulator.get_initial_state())) == {("at", ("at",))}


def test_the_root_type_is_left_out_where_nothing_is_of_it() -> None:
    go = Operator("go", (Object("?x", Type("place", OBJECT)),), (), (Literal(Atom("at", ("?x",))),))
    kind = state(_walks(go), _walks(go).init).problem.kind
    assert kind.has_flat_typing()
    assert not kind.has_hierarchical_typing()


def test_the_metric_can_be_left_out() -> None:
    assert len(state(_walks(), _walks().init).problem.quality_metrics) == 1
    assert state(_walks(), _walks().init, metric=False).problem.quality_metrics == []
