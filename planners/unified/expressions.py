"""From our conditions and effects to expressions of unified-planning."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from unified_planning.model import Effect as UnifiedEffect
from unified_planning.model import Fluent, FNode, InstantaneousAction, Variable

from nsctl.errors import UnsupportedFeature
from nsctl.formulas import plain_literals
from nsctl.symbolic import (
    EQUALITY,
    And,
    Atom,
    Condition,
    Effect,
    Exists,
    Forall,
    Literal,
    Not,
    Object,
    Operator,
    Or,
    Type,
    When,
)
from planners.unified.names import Names
from planners.unified.nouns import Nouns

Scope: TypeAlias = Mapping[str, tuple[FNode, Type]]
"""The expression that stands for each of our parameters and variables in sight, and its type here."""


class Expressions:
    """Writes conditions and effects over one set of UP's nouns."""

    def __init__(self, nouns: Nouns) -> None:
        self._nouns = nouns
        self.manager = nouns.environment.expression_manager

    def action(self, name: str, operator: Operator) -> tuple[InstantaneousAction, Scope]:
        """An action with the parameters, conditions and effects of ``operator``, and the scope inside it."""
        names, environment = Names(), self._nouns.environment
        kinds = [_narrowed(parameter, operator, self._nouns) for parameter in operator.parameters]
        typed = zip(operator.parameters, kinds, strict=True)
        parameters = OrderedDict((names.new(parameter.name), self._nouns.type(kind)) for parameter, kind in typed)
        action = InstantaneousAction(name, parameters, environment)
        inside = zip(operator.parameters, action.parameters, kinds, strict=True)
        scope = {ours.name: (self.manager.ParameterExp(theirs), kind) for ours, theirs, kind in inside}
        for condition in operator.preconditions:
            action.add_precondition(self.condition(condition, scope))
        for effect in self.effects(operator.effects, scope):
            action._add_effect_instance(effect)
        return action, scope

    def condition(self, condition: Condition, scope: Scope) -> FNode:
        """The expression that holds exactly where ``condition`` does."""
        manager = self.manager
        match condition:
            case Literal(atom=atom, positive=positive):
                stated = self._atom(atom, scope)
                return stated if positive else manager.Not(stated)
            case And(parts=parts):
                return manager.And([self.condition(part, scope) for part in parts])
            case Or(parts=parts):
                return manager.Or([self.condition(part, scope) for part in parts])
            case Not(part=part):
                return manager.Not(self.condition(part, scope))
            case Forall(variables=variables, body=body) | Exists(variables=variables, body=body):
                if self._nobody(variables):
                    return manager.Bool(isinstance(condition, Forall))
                bound, inner = self._bind(variables, scope)
                quantify = manager.Forall if isinstance(condition, Forall) else manager.Exists
                said = self.condition(body, inner)
                return quantify(said, *bound) if bound else said

    def effects(self, effects: Iterable[Effect], scope: Scope) -> Iterator[UnifiedEffect]:
        """What ``effects`` do, fluent by fluent."""
        for effect in effects:
            when = When((effect,)) if isinstance(effect, Literal) else effect
            if self._nobody(when.variables):
                continue
            bound, inner = self._bind(when.variables, scope)
            condition = self.condition(And(when.conditions), inner)
            for literal in when.effects:
                value = self.manager.Bool(literal.positive)
                yield UnifiedEffect(self._atom(literal.atom, inner), value, condition, forall=bound)

    def apply(self, fluent: Fluent, types: Iterable[Type], atom: Atom, scope: Scope) -> FNode:
        """``fluent`` of the arguments of ``atom``, which it takes by these ``types``."""
        arguments = []
        for argument, wanted in zip(atom.arguments, types, strict=True):
            expression, kind = self._argument(argument, scope)
            if not kind.is_a(wanted):
                why = f"unified-planning takes no {kind} for {argument} in {atom}, where a {wanted} is due"
                raise UnsupportedFeature("arguments of a wider type", why)
            arguments.append(expression)
        return self.manager.FluentExp(fluent, arguments)

    def _atom(self, atom: Atom, scope: Scope) -> FNode:
        if atom.predicate == EQUALITY:
            (left, kind), (right, other) = (self._argument(argument, scope) for argument in atom.arguments)
            if not kind.overlaps(other):  # UP takes that for a mistake
                return self.manager.FALSE()
            return self.manager.Equals(left, right)
        return self.apply(self._nouns.fluents[atom.predicate], self._nouns.signature(atom.predicate), atom, scope)

    def _argument(self, name: str, scope: Scope) -> tuple[FNode, Type]:
        if name in scope:
            return scope[name]
        thing = self._nouns.things[name]
        return self.manager.ObjectExp(thing), self._nouns.problem.object(name).type

    def _nobody(self, variables: tuple[Object, ...]) -> bool:
        """Whether some variable has no object to stand for; UP simplifies quantifiers as if each had one."""
        return any(not any(t.type.is_a(v.type) for t in self._nouns.problem.things) for v in variables)

    def _bind(self, variables: tuple[Object, ...], scope: Scope) -> tuple[list[Variable], Scope]:
        """UP's variables, with names unlike all in sight, since some engines read them as PDDL does."""
        names = Names(str(expression) for expression, _ in scope.values())
        environment = self._nouns.environment
        bound = [Variable(names.new(v.name), self._nouns.type(v.type), environment) for v in variables]
        new = {
            ours.name: (self.manager.VariableExp(theirs), ours.type)
            for ours, theirs in zip(variables, bound, strict=True)
        }
        return bound, {**scope, **new}


def _narrowed(parameter: Object, operator: Operator, nouns: Nouns) -> Type:
    """The narrowest type that the operator's plain literals ask of ``parameter``; only its objects can ever bind it."""
    narrowest = parameter.type
    for literal in plain_literals((*operator.preconditions, *operator.effects)):
        if literal.atom.predicate != EQUALITY:
            for argument, wanted in zip(literal.atom.arguments, nouns.signature(literal.atom.predicate), strict=True):
                if argument == parameter.name and wanted.is_a(narrowest):
                    narrowest = wanted
    return narrowest
