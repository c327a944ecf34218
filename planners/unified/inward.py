"""From a problem of unified-planning to our nouns, and plans back again.

Both sides mean the same: all effects of a step happen at once, a fluent both set and unset ends true, a quantifier
ranges over the objects of its variables' types, and what the initial state leaves open is the fluent's default.
"""

from __future__ import annotations

from dataclasses import dataclass

from unified_planning.model import Action, FNode
from unified_planning.model import Problem as UnifiedProblem
from unified_planning.model.metrics import PlanQualityMetric

from nsctl.errors import UnsupportedFeature
from nsctl.formulas import bindings
from nsctl.symbolic import Atom, Domain, Object, Operator, Problem, SymbolicState
from planners.unified.conditions import Conditions
from planners.unified.costs import CostTables, metric_of
from planners.unified.kinds import beyond
from planners.unified.names import Names
from planners.unified.vocabulary import Vocabulary


@dataclass(frozen=True)
class Translation:
    """A problem of UP (``source``) in our nouns (``problem``), and the ``vocabulary`` that leads back."""

    source: UnifiedProblem
    problem: Problem
    vocabulary: Vocabulary
    metric: PlanQualityMetric | None
    """What the plan is to minimise; ``None`` if any plan will do."""

    def is_fluent(self, expression: FNode) -> bool:
        """Whether this ground expression is a boolean that some action can change."""
        return self.vocabulary.predicates.get(expression.fluent()) in self.problem.domain.fluents

    def state(self) -> SymbolicState:
        """The initial state that ``source`` has now."""
        return _state(self.source, self.vocabulary)


def translate(source: UnifiedProblem) -> Translation:
    """``source`` in our nouns; raises :class:`UnsupportedFeature` for what they cannot say."""
    if missing := beyond(source.kind):
        raise UnsupportedFeature(missing[0], f"the problem has features that are not supported: {', '.join(missing)}")
    vocabulary, metric = Vocabulary(source), metric_of(source.quality_metrics)
    conditions, costs = Conditions(vocabulary), CostTables(vocabulary, metric)
    operators = tuple(_operator(name, action, conditions, costs) for name, action in vocabulary.actions.items())
    mentioned = frozenset(conditions.mentioned)
    goal = tuple(part for condition in source.goals for part in conditions.parts(condition, {}))
    domain = Domain(
        name=source.name or "domain",
        types=vocabulary.types,
        predicates=vocabulary.declared(),
        operators=operators,
        constants=tuple(thing for thing in vocabulary.objects if thing.name in mentioned),
        functions=tuple(costs.functions),
    )
    objects = tuple(thing for thing in vocabulary.objects if thing.name not in mentioned)
    init = _state(source, vocabulary)
    problem = Problem(domain, objects, init, goal, source.name or "problem", costs.values)
    return Translation(source, problem, vocabulary, metric)


def _operator(name: str, action: Action, conditions: Conditions, costs: CostTables) -> Operator:
    names = Names()
    scope = {parameter: f"?{names.new(parameter.name)}" for parameter in action.parameters}
    kinds = conditions.vocabulary
    cost, terms = costs.of(action, scope)
    return Operator(
        name,
        tuple(Object(scope[parameter], kinds.type(parameter.type)) for parameter in action.parameters),
        tuple(part for condition in action.preconditions for part in conditions.parts(condition, scope)),
        tuple(effect for each in action.effects for effect in conditions.effects(each, scope)),
        cost,
        terms,
    )


def _state(source: UnifiedProblem, vocabulary: Vocabulary) -> SymbolicState:
    stated: dict[Atom, bool] = {}
    for expression, value in source.explicit_initial_values.items():
        if (name := vocabulary.predicates.get(expression.fluent())) is not None:
            atom = Atom(name, tuple(vocabulary.name(argument.object()) for argument in expression.args))
            stated[atom] = value.is_true()
    true = {atom for atom, holds in stated.items() if holds}
    for fluent, predicate in zip(vocabulary.predicates, vocabulary.declared(), strict=True):
        default = source.fluents_defaults.get(fluent)
        if default is not None and default.is_true():
            variables = [Object(f"?{i}", kind) for i, kind in enumerate(predicate.types)]
            for binding in bindings(variables, vocabulary.objects, {}):
                atom = predicate(*(binding[v.name] for v in variables))
                if stated.get(atom, True):
                    true.add(atom)
    return SymbolicState.of(true)
