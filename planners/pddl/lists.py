"""Typed lists of PDDL (``a b - t``), and the refusals that every reader of its parts shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from nsctl.errors import UnknownName, UnsupportedFeature
from nsctl.symbolic import OBJECT, Object, Predicate, Type
from planners.pddl.sexpressions import Form, Node, PddlError, Word

NUMERIC = "numeric fluents (other than an action cost that never changes)"
_REFUSED = {
    ":durative-action": "durative actions",
    ":constraints": "trajectory constraints",
    ":process": "processes",
    ":event": "events",
    "preference": "preferences",
    **dict.fromkeys(
        ("always", "always-within", "at-most-once", "hold-after", "hold-during")
        + ("sometime", "sometime-after", "sometime-before", "within"),
        "trajectory constraints",
    ),
    **dict.fromkeys(("<", "<=", ">", ">=", "assign", "increase", "decrease", "scale-up", "scale-down"), NUMERIC),
}
CONNECTIVES = ("and", "or", "not", "imply", "forall", "exists", "when")
"""Words that join conditions and effects, and so name no predicate."""


def unsupported(node: Node, feature: str) -> UnsupportedFeature:
    """The error that ``node`` uses a feature that is not read."""
    return UnsupportedFeature(feature, f"line {node.line}: {feature} are not supported, found {node}")


def _typed(items: Sequence[Node]) -> Iterator[tuple[Word, Node | None]]:
    """Pairs of a name and its type, from ``a b - t c``; the type is ``None`` where none is given."""
    waiting: list[Word] = []
    rest = iter(items)
    for node in rest:
        word = as_word(node, "a name")
        if word.text != "-":
            waiting.append(word)
            continue
        if not waiting:
            raise PddlError.found(word, "a name before '-'")
        after = next(rest, None)
        if after is None:
            raise PddlError(word.line, "found nothing after '-', expected the name of a type")
        yield from ((name, after) for name in waiting)
        waiting = []
    yield from ((name, None) for name in waiting)


def read_types(items: Sequence[Node]) -> dict[str, Type]:
    """All types by name, the root ``object`` first, then in the order of the text."""
    declared = []
    for name, kind in _typed(items):
        if isinstance(kind, Form):
            raise unsupported(kind, "types with several parents")
        if name.text != OBJECT.name:
            declared.append((as_name(name, "the name of a type"), kind))
    lines = {name.text: name.line for name, _ in reversed(declared)}
    refuse_twins([(name.text, name.line) for name, _ in declared], "type")
    parents = {name.text: kind.text if kind else OBJECT.name for name, kind in declared}
    # A type that is named only as a parent is a type as well, directly below the root.
    parents |= {kind.text: OBJECT.name for _, kind in declared if kind and kind.text not in parents}
    built = {OBJECT.name: OBJECT}

    def build(name: str, below: tuple[str, ...] = ()) -> Type:
        if name in below:
            raise PddlError(lines[name], f"type {name!r} is its own ancestor: {' - '.join((*below, name))}")
        if name not in built:
            built[name] = Type(name, build(parents[name], (*below, name)))
        return built[name]

    return {name: build(name) for name in (OBJECT.name, *parents)}


def read_objects(items: Sequence[Node], types: Mapping[str, Type], kind: str = "object") -> Iterator[Object]:
    """Objects or parameters; a name without a type is an ``object``."""
    pairs = list(_typed(items))
    refuse_twins([(name.text, name.line) for name, _ in pairs], kind)
    for name, node in pairs:
        if kind != "parameter":
            as_name(name, f"the name of an {kind}" if kind == "object" else f"the name of a {kind}")
        elif not name.text.startswith("?"):
            raise PddlError.found(name, "a parameter such as '?x'")
        yield Object(name.text, _type(node, types) if node else OBJECT)


def read_variables(node: Node, types: Mapping[str, Type]) -> tuple[Object, ...]:
    """The parameters of an action, an axiom or a quantifier: names that start with ``?``."""
    form = as_form(node, "a list of parameters such as (?x - block)")
    return tuple(read_objects(form.items, types, "parameter"))


def read_predicate(node: Node, types: Mapping[str, Type]) -> Predicate:
    """A declaration such as ``(on ?x - block ?y)``."""
    form = as_form(node, "a predicate such as '(on ?x ?y)'")
    if not form.head or form.head in CONNECTIVES:
        raise PddlError.found(form, "a predicate such as '(on ?x ?y)'")
    as_name(form.items[0], "the name of a predicate")
    return Predicate(form.head, tuple(o.type for o in read_objects(form.rest, types, "parameter")))


def read_functions(items: Sequence[Node], types: Mapping[str, Type]) -> Iterator[tuple[Predicate, int]]:
    """Declarations such as ``(distance ?a ?b) - number``, each with its line."""
    rest = iter(items)
    for node in rest:
        if isinstance(node, Form):
            yield read_predicate(node, types), node.line
            continue
        kind = next(rest, None)
        if node.text != "-" or kind is None:
            raise PddlError.found(node, "a function such as '(distance ?a ?b) - number'")
        if not isinstance(kind, Word) or kind.text != "number":
            raise unsupported(kind, "object fluents")


def _type(node: Node, types: Mapping[str, Type]) -> Type:
    if isinstance(node, Word):
        if node.text not in types:
            raise PddlError(node.line, str(UnknownName("type", node.text, types)))
        return types[node.text]
    if node.head != "either" or not node.rest:
        raise PddlError.found(node, "the name of a type or (either TYPE TYPE ...)")
    members = tuple(_type(as_word(each, "the name of a type"), types) for each in node.rest)
    if len(members) == 1:
        return members[0]
    return Type(f"either({', '.join(sorted(m.name for m in members))})", OBJECT, members)


def refuse(form: Form, declared: Iterable[Predicate] = ()) -> None:
    """Refuse a form whose head names a feature that is not read, unless a predicate is ``declared`` under that name."""
    if form.head in _REFUSED and all(form.head != predicate.name for predicate in declared):
        raise unsupported(form, _REFUSED[form.head])


def refuse_twins(names: Iterable[tuple[str, int]], kind: str) -> None:
    """Refuse a name (with its line) that comes twice."""
    first: dict[str, int] = {}
    for name, line in names:
        if name in first:
            raise PddlError(line, f"found a second {kind} {name!r}, expected only the one of line {first[name]}")
        first[name] = line


def as_word(node: Node, expected: str) -> Word:
    """``node`` if it is a word; otherwise the error that ``expected`` was expected."""
    if isinstance(node, Form):
        refuse(node)
        raise PddlError.found(node, expected)
    return node


def as_name(node: Node, expected: str) -> Word:
    """``node`` if it is a word that may name something: neither a parameter nor a keyword."""
    word = as_word(node, expected)
    if word.text[0] in "?:":
        raise PddlError.found(word, expected)
    return word


def as_form(node: Node, expected: str) -> Form:
    """``node`` if it is a parenthesised list; otherwise the error that ``expected`` was expected."""
    if isinstance(node, Word):
        raise PddlError.found(node, expected)
    return node
