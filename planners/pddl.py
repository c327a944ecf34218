"""PDDL in: the STRIPS part of the language, with types, constants, negation, equality and constant action costs.

What is read is what PDDL says and nothing is dropped in silence: a feature outside this part is refused by its name and
line. Requirement flags are not believed either way; what counts is what the text uses. Every name is lower-cased.

Equality is a predicate called ``=``. It is static and no state ever lists it, so the planner decides its literals while
it grounds, and leaves them out of the ground steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nsctl.errors import DomainError, UnknownName
from nsctl.symbolic import OBJECT, Atom, Domain, Literal, Object, Operator, Predicate, Problem, SymbolicState, Type
from planners.pddl_lists import NUMERIC, as_form, as_word, mentions, read_objects, read_types, refuse, refuse_twins
from planners.pddl_writer import domain_to_pddl, problem_to_pddl
from planners.sexpressions import Form, Node, PddlError, Word, parse

__all__ = ["EQUALITY", "PddlError", "domain_from_pddl", "domain_to_pddl", "problem_from_pddl", "problem_to_pddl"]

EQUALITY = Predicate("=", (OBJECT, OBJECT))

_DOMAIN_SECTIONS = (":requirements", ":types", ":constants", ":predicates", ":functions", ":action")
_PROBLEM_SECTIONS = (":domain", ":requirements", ":objects", ":init", ":goal", ":metric")


def domain_from_pddl(text: str) -> Domain:
    """The domain that ``text`` states."""
    name, sections = _define(text, "domain", _DOMAIN_SECTIONS)
    types = read_types(_members(sections, ":types"))
    constants = tuple(read_objects(_members(sections, ":constants"), types))
    declared = [_predicate(as_form(node, "a predicate"), types) for node in _members(sections, ":predicates")]
    predicates = [predicate for predicate in declared if predicate.name != EQUALITY.name]
    for node in _members(sections, ":functions"):
        if isinstance(node, Form) and node.head != "total-cost":
            raise PddlError.found(node, f"plain STRIPS without {NUMERIC}")
    if any(mentions(form, "=") for form in sections):
        predicates.append(EQUALITY)
    vocabulary = Domain(name, tuple(types.values()), tuple(predicates), (), constants)
    actions = [_Action.read(form, vocabulary, types) for form in sections if form.head == ":action"]
    # Where any action states a cost, PDDL's total-cost is 0 for the others; where none does, length is what counts.
    default = 0 if any(action.cost is not None for action in actions) else 1
    refuse_twins([(action.name, action.line) for action in actions], "action")
    return Domain(name, vocabulary.types, vocabulary.predicates, tuple(a.operator(default) for a in actions), constants)


def problem_from_pddl(text: str, domain: Domain) -> Problem:
    """The problem over ``domain`` that ``text`` states."""
    name, sections = _define(text, "problem", _PROBLEM_SECTIONS)
    objects = tuple(read_objects(_members(sections, ":objects"), {t.name: t for t in domain.types}))
    scope = {o.name: o for o in (*domain.constants, *objects)}
    check = _checker(domain, scope, "initial state")
    for form in (form for form in sections if form.head == ":domain"):
        _same_domain(form, domain)
    facts = [as_form(node, "an atom") for node in _members(sections, ":init")]
    init = SymbolicState.of(check(fact) for fact in facts if not _no_cost_yet(fact))
    goals = [node for form in sections if form.head == ":goal" for node in form.rest]
    goal = tuple(literal for node in goals for literal in _literals(node, _checker(domain, scope, "goal")))
    for node in (node for node in goals if mentions(node, "=")):
        raise PddlError(node.line, "equality in a goal is not supported; it is true or false before planning starts")
    for form in (form for form in sections if form.head == ":metric"):
        if len(form.rest) != 2 or not mentions(form.rest[0], "minimize") or not mentions(form.rest[1], "total-cost"):
            raise PddlError.found(form, "(:metric minimize (total-cost))")
    return Problem(domain, objects, init, goal, name)


@dataclass(frozen=True)
class _Action:
    """An action as read; ``cost`` is ``None`` where the text states none."""

    name: str
    line: int
    parameters: tuple[Object, ...]
    preconditions: tuple[Literal, ...]
    effects: tuple[Literal, ...]
    cost: int | None

    @classmethod
    def read(cls, form: Form, vocabulary: Domain, types: Mapping[str, Type]) -> _Action:
        if len(form.items) < 2:
            raise PddlError.found(form, "(:action NAME ...)")
        name = as_word(form.items[1], "the name of an action").text
        parts = _keywords(form, (":parameters", ":precondition", ":effect"))
        parameters = tuple(read_objects(as_form(parts.get(":parameters", Form((), form.line)), "'('").items, types))
        for parameter in (p for p in parameters if not p.name.startswith("?")):
            raise PddlError(form.line, f"action {name}: found {parameter.name!r}, expected a parameter such as '?x'")
        scope = {o.name: o for o in (*vocabulary.constants, *parameters)}
        check = _checker(vocabulary, scope, f"action {name}")
        preconditions = tuple(_literals(parts.get(":precondition", Form((), form.line)), check))
        changes = list(_conjuncts(parts.get(":effect", Form((), form.line))))
        costs = [_cost(node) for node in changes if node.head == "increase"]
        effects = [lit for node in changes if node.head != "increase" for lit in _literals(node, check)]
        if any(literal.atom.predicate == EQUALITY.name for literal in effects):
            raise PddlError(form.line, f"action {name}: found '=' as an effect, expected a predicate that can change")
        return cls(name, form.line, parameters, preconditions, tuple(effects), sum(costs) if costs else None)

    def operator(self, default: int) -> Operator:
        cost = default if self.cost is None else self.cost
        return Operator(self.name, self.parameters, self.preconditions, self.effects, cost)


def _define(text: str, kind: str, known: Sequence[str]) -> tuple[str, list[Form]]:
    """Name and sections of ``(define (kind NAME) section...)``."""
    root = parse(text)
    title = root.rest[0] if root.rest else root
    if root.head != "define" or not isinstance(title, Form) or title.head != kind or len(title.items) != 2:
        raise PddlError.found(title, f"(define ({kind} NAME) ...)")
    sections = [as_form(node, "a section such as '(:init ...)'") for node in root.rest[1:]]
    for section in sections:
        refuse(section)
        if section.head not in known:
            raise PddlError.found(section, f"one of {', '.join(known)}")
    once = [s for s in sections if s.head != ":action"]
    refuse_twins([(s.head, s.line) for s in once], "section")
    return as_word(title.items[1], f"the name of the {kind}").text, sections


def _keywords(form: Form, known: Sequence[str]) -> dict[str, Node]:
    """The ``:keyword value`` pairs after the name of an action."""
    pairs: dict[str, Node] = {}
    rest = form.items[2:]
    for key, value in zip(rest[::2], (*rest[1::2], None), strict=False):
        word = as_word(key, f"one of {', '.join(known)}")
        if word.text not in known:
            raise PddlError.found(word, f"one of {', '.join(known)}")
        if value is None:
            raise PddlError(word.line, f"found nothing after {word}, expected a parenthesised list")
        if word.text in pairs:
            raise PddlError(word.line, f"found a second {word} in {form}, expected only one")
        pairs[word.text] = value
    return pairs


def _same_domain(form: Form, domain: Domain) -> None:
    """Refuse a problem of another domain than the one that it is read for."""
    named = as_word(form.rest[0], "the name of a domain").text if len(form.rest) == 1 else ""
    if named != domain.name.lower():
        raise PddlError.found(form, f"(:domain {domain.name.lower()})")


def _no_cost_yet(form: Form) -> bool:
    """Whether ``form`` is ``(= (total-cost) 0)``, which goes without saying; every other ``=`` of a start is refused."""
    if form.head != EQUALITY.name:
        return False
    match form.rest:
        case (Form(items=(Word(text="total-cost"),)), Word(text="0")):
            return True
    raise PddlError.found(form, f"an atom or (= (total-cost) 0), plain STRIPS without {NUMERIC}")


def _members(sections: Iterable[Form], head: str) -> list[Node]:
    return [node for form in sections if form.head == head for node in form.rest]


def _predicate(form: Form, types: Mapping[str, Type]) -> Predicate:
    if not form.head:
        raise PddlError.found(form, "a predicate such as '(on ?x ?y)'")
    return Predicate(form.head, tuple(o.type for o in read_objects(form.rest, types)))


def _conjuncts(node: Node) -> Iterator[Form]:
    """The parts of nested ``and``; ``()`` and ``(and)`` have none."""
    form = as_form(node, "a condition or effect in parentheses")
    if form.head == "and":
        for part in form.rest:
            yield from _conjuncts(part)
    elif form.items:
        yield form


def _literals(node: Node, check: Callable[[Form], Atom]) -> Iterator[Literal]:
    for form in _conjuncts(node):
        refuse(form)
        if form.head == "not":
            if len(form.rest) != 1:
                raise PddlError.found(form, "(not (ATOM))")
            yield Literal(check(as_form(form.rest[0], "an atom in parentheses")), positive=False)
        else:
            yield Literal(check(form))


def _checker(domain: Domain, scope: Mapping[str, Object], where: str) -> Callable[[Form], Atom]:
    """A function that reads one atom and refuses, with its line, one that does not fit the domain."""

    def read(form: Form) -> Atom:
        refuse(form)
        atom = Atom(form.head, tuple(as_word(node, "a name").text for node in form.rest))
        try:
            domain.check(atom, scope, where)
        except UnknownName as unknown:
            raise PddlError(form.line, f"{where}: {unknown}") from None
        except DomainError as misfit:
            raise PddlError(form.line, str(misfit)) from None
        return atom

    return read


def _cost(form: Form) -> int:
    amount = form.rest[1] if len(form.rest) == 2 else form
    if not mentions(form, "total-cost") or not isinstance(amount, Word) or not amount.text.isdecimal():
        raise PddlError.found(form, f"plain STRIPS without {NUMERIC}")
    return int(amount.text)
