"""Operator costs from a table, such as the measured joules of each skill: the cheapest plan may not be the shortest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from math import isfinite

from nsctl.errors import DomainError, InvalidValue, UnknownName
from nsctl.symbolic import Number, Problem


def priced(problem: Problem, table: Mapping[str, float | Fraction]) -> Problem:
    """``problem`` with the cost of every operator taken from ``table`` (operator -> cost of one step, in any one unit).

    Costs are read as the decimal numbers that they look like, so that a proof of optimality is exact. Refuses a table
    that names an unknown operator, leaves one out, or gives a cost that is negative or not a number.
    """
    operators = {operator.name: operator for operator in problem.domain.operators}
    for name in table:
        if name not in operators:
            raise UnknownName("operator", name, operators)
    if missing := [name for name in operators if name not in table]:
        raise DomainError(f"the cost table leaves out {', '.join(missing)}; it must price every operator")
    priced_operators = tuple(
        replace(operator, cost=_exact(name, table[name]), cost_terms=()) for name, operator in operators.items()
    )
    return replace(problem, domain=replace(problem.domain, operators=priced_operators), unit_cost=False)


def _exact(name: str, cost: float | Fraction) -> Number:
    number = isinstance(cost, (int, float, Fraction)) and not isinstance(cost, bool)
    if not number or (isinstance(cost, float) and not isfinite(cost)) or cost < 0:
        raise InvalidValue(f"the cost of {name} must be a number >= 0, got {cost!r}")
    value = cost if isinstance(cost, Fraction) else Fraction(str(cost))
    return int(value) if value.denominator == 1 else value
