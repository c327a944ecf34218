"""Conditions and effects of PDDL: from parenthesised text to the nouns of ``nsctl.formulas``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from nsctl.errors import DomainError
from nsctl.symbolic import (
    EQUALITY,
    And,
    Atom,
    Condition,
    Domain,
    Effect,
    Exists,
    Forall,
    Literal,
    Not,
    Number,
    Object,
    Or,
    Type,
    When,
)
from planners.pddl.lists import CONNECTIVES, NUMERIC, as_form, as_word, read_variables, refuse, unsupported
from planners.pddl.sexpressions import Form, Node, PddlError, Word

COST = "total-cost"

_NUMBER = re.compile(r"-?(\d{1,100}(\.\d{0,100})?|\.\d{1,100})", re.ASCII)


@dataclass(frozen=True)
class Reader:
    """Reads conditions and effects at one place of a text: what may be named there, and how a complaint calls it."""

    domain: Domain
    types: Mapping[str, Type]
    scope: Mapping[str, Object]
    where: str

    def conditions(self, node: Node) -> tuple[Condition, ...]:
        """The parts of a condition; nested ``and`` are joined, ``()`` and ``(and)`` have none."""
        return tuple(self._parts(node))

    def effects(self, node: Node) -> tuple[tuple[Effect, ...], tuple[Number | Atom, ...]]:
        """Effects on atoms, and what the action adds to the total cost."""
        changes: list[Effect] = []
        costs: list[Number | Atom] = []
        for form in _conjuncts(node):
            if form.head == "increase" and form.rest and _is_cost(form.rest[0]):
                costs += self._summands(form)
            else:
                changes += self._effect(form)
        return tuple(changes), tuple(costs)

    def atom(self, form: Form) -> Atom:
        """One atom; refuses, with its line, one that does not fit the domain."""
        refuse(form, self.domain.predicates)
        if not form.head or form.head in CONNECTIVES:
            raise PddlError.found(form, "an atom such as '(on a b)'")
        if form.head == EQUALITY and any(isinstance(part, Form) for part in form.rest):
            raise unsupported(form, NUMERIC)
        atom = _atom(form)
        self._checked(form, Literal(atom))
        return atom

    def _parts(self, node: Node) -> Iterator[Condition]:
        for form in _conjuncts(node):
            yield self._condition(form)

    def _condition(self, form: Form) -> Condition:
        match form.head:
            case "and":
                return _joined(self.conditions(form))
            case "or":
                return Or(tuple(self._one(part) for part in form.rest))
            case "not":
                return _negated(self._one(self._only(form, "(not (CONDITION))")))
            case "imply":
                if len(form.rest) != 2:
                    raise PddlError.found(form, "(imply (CONDITION) (CONDITION))")
                premise, conclusion = (self._one(part) for part in form.rest)
                return Or((_negated(premise), conclusion))
            case "forall" | "exists":
                inner, body = self._quantified(form)
                parts = _joined(inner.conditions(body))
                variables = read_variables(form.rest[0], self.types)
                return Forall(variables, parts) if form.head == "forall" else Exists(variables, parts)
            case _:
                return Literal(self.atom(form))

    def _one(self, node: Node) -> Condition:
        return _joined(self.conditions(node))

    def _effect(self, form: Form) -> Iterator[Effect]:
        match form.head:
            case "forall":
                inner, body = self._quantified(form)
                variables = read_variables(form.rest[0], self.types)
                for part in _conjuncts(body):
                    for effect in inner._effect(part):
                        if not variables:
                            yield effect
                            continue
                        when = effect if isinstance(effect, When) else When((effect,))
                        yield replace(when, variables=(*variables, *when.variables))
            case "when":
                if len(form.rest) != 2:
                    raise PddlError.found(form, "(when (CONDITION) (EFFECT))")
                conditions = self.conditions(form.rest[0])
                changes = tuple(self._change(part) for part in _conjuncts(form.rest[1]))
                yield from [When(changes, conditions)] if conditions else changes
            case _:
                yield self._change(form)

    def _change(self, form: Form) -> Literal:
        if form.head in ("when", "forall"):
            raise PddlError.found(form, "only atoms inside (when ...)")
        if form.head == "increase" and form.rest and _is_cost(form.rest[0]):
            raise unsupported(form, "costs that depend on a condition")
        positive = form.head != "not"
        inner = form if positive else as_form(self._only(form, "(not (ATOM))"), "an atom in parentheses")
        if inner.head == EQUALITY:
            raise PddlError(form.line, f"{self.where}: found '=' as an effect, expected a predicate that can change")
        return Literal(self.atom(inner), positive)

    def _quantified(self, form: Form) -> tuple[Reader, Node]:
        """A reader that knows the variables too, and the body of ``(forall (VARIABLES) BODY)``."""
        if len(form.rest) != 2:
            raise PddlError.found(form, f"({form.head} (?x - TYPE ...) (BODY))")
        variables = read_variables(form.rest[0], self.types)
        return replace(self, scope={**self.scope, **{v.name: v for v in variables}}), form.rest[1]

    def _summands(self, form: Form) -> list[Number | Atom]:
        if len(form.rest) != 2:
            raise PddlError.found(form, "(increase (total-cost) AMOUNT)")
        return list(self._amount(form.rest[1]))

    def _amount(self, node: Node) -> Iterator[Number | Atom]:
        if isinstance(node, Word):
            yield number(node)
        elif node.head == "+":
            for part in node.rest:
                yield from self._amount(part)
        elif node.head in ("-", "*", "/"):
            raise unsupported(node, "costs other than sums")
        else:
            term = _atom(node)
            try:
                self.domain.check_function(term, self.scope, self.where)
            except DomainError as misfit:
                raise PddlError(node.line, str(misfit)) from None
            yield term

    def _only(self, form: Form, expected: str) -> Node:
        if len(form.rest) != 1:
            raise PddlError.found(form, expected)
        return form.rest[0]

    def _checked(self, form: Form, literal: Literal) -> None:
        try:
            self.domain.check_condition(literal, self.scope, self.where)
        except DomainError as misfit:
            raise PddlError(form.line, str(misfit)) from None


def number(word: Word) -> Number:
    """A number that is not negative, exactly; whole ones as ``int``."""
    if not _NUMBER.fullmatch(word.text):
        raise PddlError.found(word, "a number such as '3' or '0.25'")
    value = Fraction(word.text)
    if value < 0:
        raise PddlError.found(word, "a number >= 0 (plans of negative cost have no cheapest one)")
    return int(value) if value.denominator == 1 else value


def _atom(form: Form) -> Atom:
    return Atom(form.head, tuple(as_word(node, "a name").text for node in form.rest))


def _joined(parts: tuple[Condition, ...]) -> Condition:
    return parts[0] if len(parts) == 1 else And(parts)


def _negated(condition: Condition) -> Condition:
    return replace(condition, positive=not condition.positive) if isinstance(condition, Literal) else Not(condition)


def _is_cost(node: Node) -> bool:
    if isinstance(node, Form) and (node.head != COST or node.rest):
        raise unsupported(node, NUMERIC)
    return isinstance(node, Form)


def _conjuncts(node: Node) -> Iterator[Form]:
    """The parts of nested ``and``; ``()`` and ``(and)`` have none."""
    form = as_form(node, "a condition or effect in parentheses")
    if form.head == "and":
        for part in form.rest:
            yield from _conjuncts(part)
    elif form.items:
        yield form
