"""UP's problems in our nouns: the same states, the same steps and the same goals on random walks; refusals by name."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest

pytest.importorskip("unified_planning")

from unified_planning import shortcuts as up
from unified_planning.engines.sequential_simulator import UPSequentialSimulator
from unified_planning.test.examples import get_example_problems

from nsctl.errors import UnsupportedFeature
from nsctl.formulas import bindings
from nsctl.symbolic import OBJECT, Atom, Object
from planners.plans.validation import Named, Refused, Validator
from planners.unified.inward import Translation, translate
from planners.unified.kinds import beyond, supported_kind

EXAMPLES = {name: case.problem for name, case in get_example_problems().items() if not beyond(case.problem.kind)}


def _atoms(translation: Translation, state: Any) -> set[Atom]:
    """What is true in a state of UP's simulator."""
    words, true = translation.vocabulary, set()
    for fluent, predicate in zip(words.predicates, words.declared(), strict=True):
        variables = [Object(f"?{i}", kind) for i, kind in enumerate(predicate.types)]
        for binding in bindings(variables, words.objects, {}):
            names = [binding[v.name] for v in variables]
            if state.get_value(fluent(*(words.object(name) for name in names))).is_true():
                true.add(predicate(*names))
    return true


def _applicable(translation: Translation, validator: Validator) -> set[Named]:
    found = set()
    for operator in translation.problem.domain.operators:
        for binding in bindings(operator.parameters, translation.vocabulary.objects, {}):
            step = operator.name, tuple(binding[p.name] for p in operator.parameters)
            try:
                Validator(translation.problem, validator.witness.state).take(step)
            except Refused:
                continue
            found.add(step)
    return found


def _walk(problem: up.Problem, seed: int, steps: int = 8) -> int:
    """Walk in UP's simulator and in ours, side by side; how many steps that were."""
    translation, rng = translate(problem), random.Random(seed)
    simulator, validator = UPSequentialSimulator(problem), Validator(translation.problem)
    names = {action.name: name for name, action in translation.vocabulary.actions.items()}
    state = simulator.get_initial_state()
    for number in range(steps):
        assert _atoms(translation, state) == set(validator.witness.state.atoms)
        assert simulator.is_goal(state) == translation.problem.reached(validator.witness.state)
        theirs = {
            (names[action.name], tuple(translation.vocabulary.name(p.object()) for p in parameters)): (
                action,
                parameters,
            )
            for action, parameters in simulator.get_applicable_actions(state)
        }
        assert set(theirs) == _applicable(translation, validator)
        if not theirs:
            return number
        step = rng.choice(sorted(theirs))
        state = simulator.apply(state, *theirs[step])
        validator.take(step)
    return steps


def test_there_is_a_good_number_of_examples() -> None:
    assert len(EXAMPLES) >= 20


@pytest.mark.parametrize("name", EXAMPLES)
def test_walks_agree_with_the_simulator(name: str) -> None:
    assert sum(_walk(EXAMPLES[name], seed) for seed in range(2)) > 0


def _tricky() -> up.Problem:
    """Everything at once: names that clash, values that are conditions, implications, defaults, quantified effects."""
    kind = up.UserType("object")
    part = up.UserType("a part", kind)
    problem = up.Problem("it's tricky")
    hot = up.Fluent("hot!", up.BoolType(), x=kind)
    near = up.Fluent("hot?", up.BoolType(), x=kind, y=kind)
    on = up.Fluent("on", up.BoolType())
    problem.add_fluent(hot, default_initial_value=True)
    problem.add_fluent(near, default_initial_value=False)
    problem.add_fluent(on, default_initial_value=False)
    things = [up.Object(name, t) for name, t in (("?x", kind), ("X x", part), ("x-x", part), ("Ü", kind))]
    problem.add_objects(things)
    problem.set_initial_value(hot(things[0]), False)
    problem.set_initial_value(near(things[0], things[1]), True)
    x = up.Variable("x", kind)

    swap = up.InstantaneousAction("swap", x=kind, y=part)
    p, q = swap.parameter("x"), swap.parameter("y")
    swap.add_precondition(up.Exists(up.Or(near(p, x), up.Not(up.Equals(x, q))), x))
    swap.add_precondition(up.Implies(on, up.Iff(hot(p), hot(q))))
    swap.add_effect(near(p, q), up.Not(near(p, q)))
    swap.add_effect(near(x, q), up.And(hot(x), up.Not(on)), up.Not(up.Equals(x, p)), forall=[x])
    problem.add_action(swap)

    flip = up.InstantaneousAction("SWAP")
    flip.add_effect(on, up.Not(on))
    flip.add_effect(on, True, up.Forall(hot(x), x))
    problem.add_action(flip)

    cool = up.InstantaneousAction("cool", z=kind)
    cool.add_precondition(up.Not(up.Forall(up.Not(hot(x)), x)))
    cool.add_effect(hot(cool.parameter("z")), False)
    cool.add_effect(hot(things[1]), True, up.GT(3, 2))
    problem.add_action(cool)
    problem.add_goal(up.Forall(up.Iff(hot(x), up.Exists(near(x, up.Variable("y", part)), up.Variable("y", part))), x))
    return problem


def test_walks_agree_on_a_problem_made_to_confuse() -> None:
    assert all(_walk(_tricky(), seed, 12) == 12 for seed in range(6))


def test_names_are_words_that_differ() -> None:
    problem = translate(_tricky()).problem
    names = [thing.name for thing in problem.things]
    assert sorted(names) == sorted(["x", "X_x", "x-x", "Ü"])
    assert len({predicate.name for predicate in problem.domain.predicates}) == 3
    assert [operator.name for operator in problem.domain.operators] == ["swap", "SWAP-2", "cool"]
    assert problem.domain.types[0] is OBJECT
    assert len({kind.name for kind in problem.domain.types}) == 3


def _costly(cost: Any, **options: Any) -> up.Problem:
    """One action ``go(x, y)`` whose cost is ``cost(weight, x, y)``."""
    place = up.UserType("place")
    problem = up.Problem("costly")
    weight = problem.add_fluent("weight", up.RealType(), default_initial_value=Fraction(1, 3), x=place)
    there = problem.add_fluent("there", up.BoolType(), default_initial_value=False, x=place)
    places = [problem.add_object(name, place) for name in ("a", "b")]
    problem.set_initial_value(weight(places[1]), Fraction(7, 2))
    go = up.InstantaneousAction("go", x=place, y=place)
    go.add_effect(there(go.parameter("x")), True)
    problem.add_action(go)
    problem.add_goal(there(places[0]))
    costs = {go: cost(weight, go.parameter("x"), go.parameter("y"))} if cost else {}
    problem.add_quality_metric(up.MinimizeActionCosts(costs, **options))
    return problem


def test_costs_are_exact_and_hang_on_the_parameters_that_they_name() -> None:
    problem = translate(_costly(lambda w, x, y: up.Plus(up.Times(2, w(y)), Fraction(1, 6)))).problem
    (operator,) = problem.domain.operators
    (term,) = operator.cost_terms
    assert term.arguments == ("?y",)
    costs = {atom.arguments: value + operator.cost for atom, value in problem.values.items()}
    assert costs == {("a",): Fraction(5, 6), ("b",): Fraction(43, 6)}


def test_a_constant_cost_is_a_number_and_a_whole_one_an_int() -> None:
    (operator,) = translate(_costly(lambda w, x, y: up.Real(Fraction(4, 2)))).problem.domain.operators
    assert operator.cost == 2
    assert isinstance(operator.cost, int)
    (operator,) = translate(_costly(None, default=Fraction(5, 2))).problem.domain.operators
    assert (operator.cost, operator.cost_terms) == (Fraction(5, 2), ())


@pytest.mark.parametrize(
    ("problem", "feature"),
    [
        (_costly(lambda w, x, y: up.Minus(w(x), 1)), "negative costs"),
        (_costly(lambda w, x, y: up.Div(1, up.Minus(w(x), Fraction(1, 3)))), "costs of this form"),
        (_costly(None), "actions without a cost"),
    ],
)
def test_costs_that_make_no_sense_are_refused(problem: up.Problem, feature: str) -> None:
    with pytest.raises(UnsupportedFeature) as refusal:
        translate(problem)
    assert refusal.value.feature == feature


def test_two_metrics_are_refused() -> None:
    problem = _tricky()
    problem.add_quality_metric(up.MinimizeSequentialPlanLength())
    assert translate(problem).metric is not None
    problem.add_quality_metric(up.MinimizeSequentialPlanLength())
    with pytest.raises(UnsupportedFeature, match="2 quality metrics"):
        translate(problem)


def test_every_feature_that_is_not_listed_is_refused_by_name() -> None:
    refused = 0
    for case in get_example_problems().values():
        features = case.problem.kind.features - supported_kind().features
        assert set(beyond(case.problem.kind)) == features
        if features:
            with pytest.raises(UnsupportedFeature) as refusal:
                translate(case.problem)
            assert refusal.value.feature in features
            assert all(feature in str(refusal.value) for feature in features)
            refused += 1
    assert refused >= 30
