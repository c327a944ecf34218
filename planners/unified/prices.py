"""Our costs as unified-planning states them: whole numbers, in fluents that nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import lcm, prod

from unified_planning.model import Fluent, FNode

from nsctl.symbolic import Atom, Number, Operator, Predicate, Type
from planners.unified.expressions import Expressions, Scope
from planners.unified.nouns import Nouns


class Prices:
    """Costs become whole numbers, which more engines take; what was cheapest stays so."""

    def __init__(self, nouns: Nouns) -> None:
        problem = nouns.problem
        self._unit = problem.unit_cost
        operators = problem.domain.operators
        constants = {operator.cost for operator in operators}
        used = {term.predicate for operator in operators for term in operator.cost_terms if not self._unit}
        self.equal = self._unit or (not used and len(constants) <= 1 and 0 not in constants)
        """Whether all steps cost the same, so that their number may stand for the cost."""
        self.scale: Number = lcm(*(Fraction(cost).denominator for cost in (*constants, *problem.values.values())))
        """What a cost of 1 is there."""
        if self.equal:
            self.scale = 1 if self._unit else Fraction(1) / next(iter(constants), 1)
        self._tables: dict[str, tuple[Predicate, Fluent, Fluent | None]] = {}
        for function in problem.domain.functions:
            if function.name in used:
                self._tables[function.name] = self._table(function, nouns)

    def of(self, operator: Operator, expressions: Expressions, scope: Scope) -> FNode:
        """What a step of ``operator`` costs."""
        manager = expressions.manager
        terms = () if self._unit else operator.cost_terms
        parts = [expressions.apply(self._tables[t.predicate][1], self._types(t), t, scope) for t in terms]
        constant = self._whole(1 if self._unit else operator.cost)
        if constant or not parts:
            parts.append(manager.Int(constant))
        return parts[0] if len(parts) == 1 else manager.Plus(parts)

    def known(self, operator: Operator, expressions: Expressions, scope: Scope) -> Iterator[FNode]:
        """That the costs of a step have values at all: without one, the step cannot be taken."""
        for term in () if self._unit else operator.cost_terms:
            known = self._tables[term.predicate][2]
            if known is not None:
                yield expressions.apply(known, self._types(term), term, scope)

    def _table(self, function: Predicate, nouns: Nouns) -> tuple[Predicate, Fluent, Fluent | None]:
        problem = nouns.problem
        stated = {atom: value for atom, value in problem.values.items() if atom.predicate == function.name}
        fluent, known = nouns.fluent(function, numeric=True), None
        for atom, value in stated.items():
            nouns.set(fluent, atom, self._whole(value))
        if len(stated) < prod(sum(thing.type.is_a(kind) for thing in problem.things) for kind in function.types):
            known = nouns.fluent(Predicate(f"known-{function.name}", function.types))
            for atom in stated:
                nouns.set(known, atom, True)
        return function, fluent, known

    def _types(self, term: Atom) -> tuple[Type, ...]:
        return self._tables[term.predicate][0].types

    def _whole(self, cost: Number) -> int:
        return int(cost * self.scale)
