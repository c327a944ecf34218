"""From expressions of unified-planning to conditions and effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from unified_planning.model import Effect as UnifiedEffect
from unified_planning.model import FNode, Parameter, Variable

from nsctl.errors import UnsupportedFeature
from nsctl.symbolic import EQUALITY, And, Atom, Condition, Effect, Exists, Forall, Literal, Not, Object, Or, When
from planners.unified.names import Names
from planners.unified.vocabulary import Vocabulary

Scope: TypeAlias = Mapping[Parameter | Variable, str]
"""Our ``?name`` of each parameter and each quantified variable in sight.

In UP a variable never hides a parameter, even if both have the same name; so each gets a name of its own here.
"""


class Conditions:
    """Reads expressions over one vocabulary. ``mentioned`` collects the objects that occur in them by name."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.mentioned: set[str] = set()

    def parts(self, node: FNode, scope: Scope) -> tuple[Condition, ...]:
        """Conditions that hold together exactly where ``node`` does; a conjunction is taken apart."""
        if node.is_and():
            return tuple(part for argument in node.args for part in self.parts(argument, scope))
        return () if node.is_true() else (self.condition(node, scope),)

    def condition(self, node: FNode, scope: Scope) -> Condition:
        """The condition that ``node`` states; raises :class:`UnsupportedFeature` for numbers and the like."""
        if node.is_bool_constant():
            return And(()) if node.is_true() else Or(())
        if node.is_fluent_exp():
            return Literal(self.atom(node, scope))
        if node.is_not():
            part = self.condition(node.arg(0), scope)
            return Literal(part.atom, not part.positive) if isinstance(part, Literal) else Not(part)
        if node.is_and():
            return And(self.parts(node, scope))
        if node.is_exists() or node.is_forall():
            variables, inner = self.bind(node.variables(), scope)
            return (Exists if node.is_exists() else Forall)(variables, self.condition(node.arg(0), inner))
        if node.is_equals() and all(self._is_thing(argument) for argument in node.args):
            return Literal(Atom(EQUALITY, tuple(self._argument(argument, scope) for argument in node.args)))
        if node.is_or() or node.is_implies() or node.is_iff():
            return self._alternatives(node, [self.condition(argument, scope) for argument in node.args])
        return self._constant(node, scope)

    def effects(self, effect: UnifiedEffect, scope: Scope) -> Iterator[Effect]:
        """What ``effect`` does: one effect, or two if the value set is a condition itself."""
        if not (effect.is_assignment() and effect.fluent.type.is_bool_type()):
            raise UnsupportedFeature("effects on numbers and objects", f"the effect {effect} sets no boolean fluent")
        variables, inner = self.bind(effect.forall, scope)
        atom, when = self.atom(effect.fluent, inner), self.parts(effect.condition, inner)
        if effect.value.is_bool_constant():
            literal = Literal(atom, effect.value.is_true())
            yield When((literal,), when, variables) if when or variables else literal
            return
        value = self.condition(effect.value, inner)
        yield When((Literal(atom),), (*when, value), variables)
        yield When((Literal(atom, False),), (*when, Not(value)), variables)

    def bind(self, variables: tuple[Variable, ...], scope: Scope) -> tuple[tuple[Object, ...], Scope]:
        """``variables`` as ours, and the scope inside their quantifier."""
        names = Names(name.removeprefix("?") for name in scope.values())
        inner = dict(scope)
        bound = []
        for variable in variables:
            inner[variable] = f"?{names.new(variable.name)}"
            bound.append(Object(inner[variable], self.vocabulary.type(variable.type)))
        return tuple(bound), inner

    def atom(self, node: FNode, scope: Scope) -> Atom:
        """The atom of a boolean fluent's expression."""
        name = self.vocabulary.predicates.get(node.fluent())
        if name is None:
            raise UnsupportedFeature("fluents that are not boolean", f"{node} is not boolean")
        return Atom(name, tuple(self._argument(argument, scope) for argument in node.args))

    def _alternatives(self, node: FNode, parts: list[Condition]) -> Condition:
        if node.is_or():
            return Or(tuple(parts))
        left, right = parts
        if node.is_implies():
            return Or((Not(left), right))
        return Or((And((left, right)), And((Not(left), Not(right)))))

    def _is_thing(self, node: FNode) -> bool:
        known = node.is_object_exp() or node.is_parameter_exp() or node.is_variable_exp()
        return bool(known and node.type.is_user_type())

    def _argument(self, node: FNode, scope: Scope) -> str:
        if node.is_parameter_exp():
            return scope[node.parameter()]
        if node.is_variable_exp():
            return scope[node.variable()]
        if not node.is_object_exp():
            raise UnsupportedFeature("arguments that are no objects", f"the argument {node} is no object")
        name = self.vocabulary.name(node.object())
        self.mentioned.add(name)
        return name

    def _constant(self, node: FNode, scope: Scope) -> Condition:
        """What remains may compare two numbers, which is decided here and now."""
        value = node.simplify()
        if not value.is_bool_constant():
            raise UnsupportedFeature("conditions on numbers", f"the condition {node} is more than logic over objects")
        return self.condition(value, scope)
