"""Typed lists of PDDL (``a b - t``), and the refusals that every reader of its parts shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from nsctl.errors import UnknownName
from nsctl.symbolic import OBJECT, Object, Type
from planners.sexpressions import Form, Node, PddlError, Word

NUMERIC = "numeric fluents (other than (increase (total-cost) N) with a whole number N)"
_REFUSED = {
    ":durative-action": "durative actions",
    ":derived": "derived predicates",
    ":constraints": "trajectory constraints",
    ":process": "processes",
    ":event": "events",
    "or": "disjunction (or)",
    "imply": "implication (imply)",
    "forall": "quantifiers (forall)",
    "exists": "quantifiers (exists)",
    "when": "conditional effects (when)",
    "preference": "preferences",
    "either": "union types (either)",
    **dict.fromkeys(("<", "<=", ">", ">=", "assign", "increase", "decrease", "scale-up", "scale-down"), NUMERIC),
}


def _typed(items: Sequence[Node]) -> Iterator[tuple[Word, Word | None]]:
    """Pairs of a name and its type, from ``a b - t c``; the type is ``None`` where none is given."""
    waiting: list[Word] = []
    rest = iter(items)
    for node in rest:
        word = as_word(node, "a name")
        if word.text != "-":
            waiting.append(word)
            continue
        after = next(rest, None)
        if after is None:
            raise PddlError(word.line, "found nothing after '-', expected the name of a type")
        kind = as_word(after, "the name of a type")
        yield from ((name, kind) for name in waiting)
        waiting = []
    yield from ((name, None) for name in waiting)


def read_types(items: Sequence[Node]) -> dict[str, Type]:
    """All types by name, the root ``object`` first, then in the order of the text."""
    declared = [(name, kind) for name, kind in _typed(items) if name.text != OBJECT.name]
    refuse_twins([(name.text, name.line) for name, _ in declared], "type")
    parents = {name.text: kind.text if kind else OBJECT.name for name, kind in declared}
    # A type that is named only as a parent is a type as well, directly below the root.
    parents |= {kind.text: OBJECT.name for _, kind in declared if kind and kind.text not in parents}
    types = {OBJECT.name: OBJECT}

    def build(name: str, below: tuple[str, ...] = ()) -> Type:
        if name in below:
            raise PddlError(declared[0][0].line, f"type {name!r} is its own ancestor: {' - '.join((*below, name))}")
        return OBJECT if name == OBJECT.name else Type(name, build(parents[name], (*below, name)))

    return types | {name: build(name) for name in parents if name != OBJECT.name}


def read_objects(items: Sequence[Node], types: Mapping[str, Type]) -> Iterator[Object]:
    """Objects or parameters; a name without a type is an ``object``."""
    pairs = list(_typed(items))
    refuse_twins([(name.text, name.line) for name, _ in pairs], "object")
    for name, kind in pairs:
        if kind is not None and kind.text not in types:
            raise PddlError(kind.line, str(UnknownName("type", kind.text, types)))
        yield Object(name.text, types[kind.text] if kind else OBJECT)


def refuse(form: Form) -> None:
    """Refuse a form whose head names a feature that is not read."""
    if form.head in _REFUSED:
        raise PddlError.found(form, f"plain STRIPS without {_REFUSED[form.head]}")


def refuse_twins(names: Iterable[tuple[str, int]], kind: str) -> None:
    """Refuse a name (with its line) that comes twice."""
    first: dict[str, int] = {}
    for name, line in names:
        if name in first:
            raise PddlError(line, f"found a second {kind} {name!r}, expected only the one of line {first[name]}")
        first[name] = line


def mentions(node: Node, text: str) -> bool:
    """Whether the word ``text`` stands anywhere in ``node``."""
    return node.text == text if isinstance(node, Word) else any(mentions(item, text) for item in node.items)


def as_word(node: Node, expected: str) -> Word:
    """``node`` if it is a word; otherwise the error that ``expected`` was expected."""
    if isinstance(node, Form):
        refuse(node)
        raise PddlError.found(node, expected)
    return node


def as_form(node: Node, expected: str) -> Form:
    """``node`` if it is a parenthesised list; otherwise the error that ``expected`` was expected."""
    if isinstance(node, Word):
        raise PddlError.found(node, expected)
    return node
