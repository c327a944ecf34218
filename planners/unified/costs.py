"""The costs of actions: unified-planning's expressions become tables, with every number exact."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from unified_planning.model import Action, FNode, Parameter
from unified_planning.model.metrics import MinimizeActionCosts, PlanQualityMetric

from nsctl.errors import UnsupportedFeature
from nsctl.formulas import bindings
from nsctl.symbolic import Atom, Number, Object, Predicate
from planners.unified.conditions import Scope
from planners.unified.names import Names
from planners.unified.vocabulary import Vocabulary


def metric_of(metrics: list[PlanQualityMetric]) -> PlanQualityMetric | None:
    """The quality metric of a problem; raises :class:`UnsupportedFeature` if there is more than one."""
    if len(metrics) > 1:
        raise UnsupportedFeature(
            "several metrics", f"the problem has {len(metrics)} quality metrics, at most 1 is allowed"
        )
    return metrics[0] if metrics else None


class CostTables:
    """Costs under one metric. ``functions`` and ``values`` hold a table for each cost that depends on arguments."""

    def __init__(self, vocabulary: Vocabulary, metric: PlanQualityMetric | None) -> None:
        self._vocabulary = vocabulary
        self._metric = metric if isinstance(metric, MinimizeActionCosts) else None
        self._names = Names()
        self.functions: list[Predicate] = []
        self.values: dict[Atom, Number] = {}

    def of(self, action: Action, scope: Scope) -> tuple[Number, tuple[Atom, ...]]:
        """The constant part and the terms of the cost; without a metric on costs every action costs 1."""
        if self._metric is None:
            return 1, ()
        cost = self._metric.get_action_cost(action)
        if cost is None:
            raise UnsupportedFeature("actions without a cost", f"the metric gives {action.name} no cost")
        cost = cost.simplify()
        if cost.is_constant():
            return _number(self._value(cost, {}), action), ()
        return 0, (self._table(action, cost, scope),)

    def _table(self, action: Action, cost: FNode, scope: Scope) -> Atom:
        """A new function of those parameters that the cost depends on, with its value for all objects."""
        used = _parameters(cost)
        parameters = [parameter for parameter in action.parameters if parameter in used]
        variables = [Object(scope[p], self._vocabulary.type(p.type)) for p in parameters]
        function = Predicate(self._names.new(f"cost-{action.name}"), tuple(v.type for v in variables))
        self.functions.append(function)
        for binding in bindings(variables, self._vocabulary.objects, {}):
            names = [binding[v.name] for v in variables]
            things = {p: self._vocabulary.object(name) for p, name in zip(parameters, names, strict=True)}
            self.values[function(*names)] = _number(self._value(cost, things), action)
        return function(*(v.name for v in variables))

    def _value(self, node: FNode, binding: Mapping[Parameter, object]) -> Fraction:
        if node.is_int_constant() or node.is_real_constant():
            return Fraction(node.constant_value())
        if node.is_fluent_exp():
            arguments = [binding[a.parameter()] if a.is_parameter_exp() else a for a in node.args]
            value = self._vocabulary.source.initial_value(node.fluent()(*arguments))
            if value is not None and value.is_constant():
                return Fraction(value.constant_value())
        parts = [self._value(argument, binding) for argument in node.args]
        if node.is_plus():
            return sum(parts, Fraction(0))
        if node.is_minus():
            return parts[0] - parts[1]
        if node.is_times():
            return _product(parts)
        if node.is_div() and parts[1]:
            return parts[0] / parts[1]
        raise UnsupportedFeature("costs of this form", f"the cost {node} is no arithmetic over known numbers")


def _parameters(node: FNode) -> set[Parameter]:
    if node.is_parameter_exp():
        return {node.parameter()}
    return {parameter for argument in node.args for parameter in _parameters(argument)}


def _product(factors: list[Fraction]) -> Fraction:
    product = Fraction(1)
    for factor in factors:
        product *= factor
    return product


def _number(value: Fraction, action: Action) -> Number:
    if value < 0:
        raise UnsupportedFeature("negative costs", f"{action.name} may cost {value}, but costs must be >= 0")
    return int(value) if value.denominator == 1 else value
