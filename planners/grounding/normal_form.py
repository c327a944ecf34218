"""Ground conditions in disjunctive normal form: a list of alternatives, each a set of literals that must hold at once.

Static atoms and equalities are decided here, quantifiers are spelled out over the objects, negation is pushed inward.
Where alternatives would multiply beyond ``LIMIT``, a disjunction gets a name: an auxiliary derived atom with one axiom
for each of its alternatives, so that the text of a task stays about as long as its conditions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TypeAlias

from nsctl.symbolic import (
    EQUALITY,
    And,
    Atom,
    Condition,
    Exists,
    Forall,
    Literal,
    Not,
    Object,
    Or,
    Problem,
    Type,
)

LIMIT = 32
"""Alternatives of one condition."""
AUXILIARY = "#some-of"
"""The predicate of auxiliary atoms; no name in PDDL begins like this."""

Alternative: TypeAlias = dict[Atom, bool]
"""Atoms and whether each must be true; the empty one always holds."""


class NormalForms:
    """Turns conditions over one problem into alternatives; collects the axioms of auxiliary atoms on the way."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._fluents = problem.domain.fluents
        self._facts = problem.init.atoms
        self._named: dict[frozenset[frozenset[tuple[Atom, bool]]], Atom] = {}
        self.axioms: list[tuple[Atom, Alternative]] = []
        """Auxiliary atoms, each with one alternative that makes it true."""

    def alternatives(self, conditions: Iterable[Condition], binding: Mapping[str, str]) -> list[Alternative]:
        """How all ``conditions`` can hold at once; none if they never do."""
        return self._all([self._form(condition, binding, True) for condition in conditions])

    def one(self, conditions: Iterable[Condition], binding: Mapping[str, str]) -> Alternative | None:
        """The same as a single alternative, through an auxiliary atom if needed; ``None`` if they never hold."""
        found = self.alternatives(conditions, binding)
        if len(found) > 1:
            return {self._name(found): True}
        return found[0] if found else None

    def bindings(self, variables: Iterable[Object], binding: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
        """``binding`` extended by objects of the variables' types in every way."""
        first, *rest = tuple(variables) or (None,)
        if first is None:
            yield binding
            return
        for name in self._objects(first.type):
            yield from self.bindings(rest, {**binding, first.name: name})

    def _form(self, condition: Condition, binding: Mapping[str, str], positive: bool) -> list[Alternative]:
        match condition:
            case Literal(atom=atom, positive=sign):
                return self._literal(atom.substitute(binding), sign == positive)
            case And(parts=parts) | Or(parts=parts):
                forms = [self._form(part, binding, positive) for part in parts]
                return self._all(forms) if isinstance(condition, And) == positive else _any(forms)
            case Not(part=part):
                return self._form(part, binding, not positive)
            case Forall(variables=variables, body=body) | Exists(variables=variables, body=body):
                forms = [self._form(body, each, positive) for each in self.bindings(variables, binding)]
                return self._all(forms) if isinstance(condition, Forall) == positive else _any(forms)

    def _literal(self, atom: Atom, positive: bool) -> list[Alternative]:
        if atom.predicate == EQUALITY:
            return [{}] if (atom.arguments[0] == atom.arguments[1]) == positive else []
        if atom.predicate not in self._fluents:
            return [{}] if (atom in self._facts) == positive else []
        return [{atom: positive}]

    def _all(self, forms: Iterable[list[Alternative]]) -> list[Alternative]:
        whole: list[Alternative] = [{}]
        for form in sorted(forms, key=len):
            named = len(form) > 1 and len(whole) * len(form) > LIMIT
            added = [{self._name(form): True}] if named else form
            whole = [both for old in whole for new in added if (both := _joined(old, new)) is not None]
        return _distinct(whole)

    def _name(self, form: list[Alternative]) -> Atom:
        key = frozenset(frozenset(alternative.items()) for alternative in form)
        if key not in self._named:
            self._named[key] = Atom(AUXILIARY, (str(len(self._named)),))
            self.axioms += [(self._named[key], alternative) for alternative in form]
        return self._named[key]

    def _objects(self, kind: Type) -> list[str]:
        if kind not in self._by_type:
            self._by_type[kind] = [thing.name for thing in self._problem.things if thing.type.is_a(kind)]
        return self._by_type[kind]

    @cached_property
    def _by_type(self) -> dict[Type, list[str]]:
        return {}


def _joined(old: Alternative, new: Alternative) -> Alternative | None:
    """Both at once; ``None`` if they contradict each other."""
    if any(old.get(atom, sign) != sign for atom, sign in new.items()):
        return None
    return {**old, **new}


def _any(forms: Iterable[list[Alternative]]) -> list[Alternative]:
    return _distinct([alternative for form in forms for alternative in form])


def _distinct(form: list[Alternative]) -> list[Alternative]:
    """Without twins; one that always holds makes all others needless."""
    if len(form) < 2:
        return form
    if {} in form:
        return [{}]
    return list({frozenset(alternative.items()): alternative for alternative in form}.values())
