"""Conditions beyond literals (and, or, not, forall, exists) and effects beyond literals (when, for every).

A tuple of conditions is their conjunction everywhere, so a plain STRIPS operator needs none of these nouns.
Semantics: PDDL 2.2, levels ADL and derived predicates (Edelkamp and Hoffmann, 2004); the world is closed, and a
quantifier ranges over the objects of its variables' types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from nsctl.atoms import Atom, Literal, Object

EQUALITY = "="
"""The predicate that is true of an object and itself; it is decided, never stored in a state."""


@dataclass(frozen=True)
class And:
    """All parts hold."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return f"({' and '.join(map(str, self.parts))})" if self.parts else "true"


@dataclass(frozen=True)
class Or:
    """At least one part holds; an empty one never does."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return f"({' or '.join(map(str, self.parts))})" if self.parts else "false"


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Condition

    def __str__(self) -> str:
        return f"not {self.part}"


@dataclass(frozen=True)
class Forall:
    """The body holds for every binding of the variables."""

    variables: tuple[Object, ...]
    body: Condition

    def __str__(self) -> str:
        return f"(for all {', '.join(map(str, self.variables))}: {self.body})"


@dataclass(frozen=True)
class Exists:
    """The body holds for some binding of the variables."""

    variables: tuple[Object, ...]
    body: Condition

    def __str__(self) -> str:
        return f"(for some {', '.join(map(str, self.variables))}: {self.body})"


Condition: TypeAlias = Literal | And | Or | Not | Forall | Exists


@dataclass(frozen=True)
class When:
    """For every binding of ``variables`` under which the ``conditions`` held before: the ``effects``."""

    effects: tuple[Literal, ...]
    conditions: tuple[Condition, ...] = ()
    variables: tuple[Object, ...] = ()

    def __str__(self) -> str:
        said = ", ".join(map(str, self.effects))
        said = f"when {', '.join(map(str, self.conditions))}: {said}" if self.conditions else said
        return f"for all {', '.join(map(str, self.variables))}: {said}" if self.variables else said


Effect: TypeAlias = Literal | When


def bindings(
    variables: Iterable[Object], objects: Iterable[Object], binding: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """``binding`` extended in every way that gives each variable an object of its type."""
    wanted, objects = tuple(variables), tuple(objects)
    choices = [[thing.name for thing in objects if thing.type.is_a(v.type)] for v in wanted]
    for names in product(*choices):
        yield {**binding, **{v.name: name for v, name in zip(wanted, names, strict=True)}}


def holds(
    condition: Condition, true: Callable[[Atom], bool], objects: tuple[Object, ...], binding: Mapping[str, str]
) -> bool:
    """Whether ``condition``, with its free variables bound, holds where ``true`` tells which ground atoms do."""
    match condition:
        case Literal(atom=atom, positive=positive):
            ground = atom.substitute(binding)
            if ground.predicate == EQUALITY:
                return (ground.arguments[0] == ground.arguments[1]) == positive
            return true(ground) == positive
        case And(parts=parts):
            return all(holds(part, true, objects, binding) for part in parts)
        case Or(parts=parts):
            return any(holds(part, true, objects, binding) for part in parts)
        case Not(part=part):
            return not holds(part, true, objects, binding)
        case Forall(variables=variables, body=body):
            return all(holds(body, true, objects, each) for each in bindings(variables, objects, binding))
        case Exists(variables=variables, body=body):
            return any(holds(body, true, objects, each) for each in bindings(variables, objects, binding))


def plain_literals(parts: Iterable[Condition | Effect]) -> Iterator[Literal]:
    """The literals of a conjunction that count whatever its other parts say."""
    for part in parts:
        if isinstance(part, Literal):
            yield part
        elif isinstance(part, And):
            yield from plain_literals(part.parts)


def scoped_literals(
    condition: Condition, scope: Mapping[str, Object]
) -> Iterator[tuple[Literal, Mapping[str, Object]]]:
    """Every literal inside ``condition`` with the objects and variables that are visible at its place."""
    match condition:
        case Literal():
            yield condition, scope
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from scoped_literals(part, scope)
        case Not(part=part):
            yield from scoped_literals(part, scope)
        case Forall(variables=variables, body=body) | Exists(variables=variables, body=body):
            yield from scoped_literals(body, {**scope, **{v.name: v for v in variables}})


def signed_predicates(condition: Condition, positive: bool = True) -> Iterator[tuple[str, bool]]:
    """The predicates inside ``condition``, each with the sign under which the condition depends on it."""
    match condition:
        case Literal(atom=atom, positive=sign):
            yield atom.predicate, sign == positive
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from signed_predicates(part, positive)
        case Not(part=part):
            yield from signed_predicates(part, not positive)
        case Forall(body=body) | Exists(body=body):
            yield from signed_predicates(body, positive)
