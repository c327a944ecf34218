"""PDDL in: domains and problems of PDDL 2.2 without time and numbers (ADL, derived predicates, action costs).

What is read is what PDDL says and nothing is dropped in silence: a feature outside this part is refused by its name and
line. Requirement flags are not believed either way; what counts is what the text uses. Every name is lower-cased.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from nsctl.errors import DomainError, UnsupportedFeature
from nsctl.symbolic import (
    EQUALITY,
    Atom,
    Axiom,
    Condition,
    Domain,
    Effect,
    Number,
    Object,
    Operator,
    Problem,
    SymbolicState,
    Type,
)
from planners.pddl.conditions import COST, Reader, number
from planners.pddl.lists import (
    NUMERIC,
    as_form,
    as_name,
    as_word,
    read_functions,
    read_objects,
    read_predicate,
    read_types,
    read_variables,
    refuse,
    refuse_twins,
    unsupported,
)
from planners.pddl.sexpressions import Form, Node, PddlError, Word, parse

_DOMAIN_SECTIONS = (":requirements", ":types", ":constants", ":predicates", ":functions", ":derived", ":action")
_PROBLEM_SECTIONS = (":domain", ":requirements", ":objects", ":init", ":goal", ":metric")
_REPEATED = (":action", ":derived")

T = TypeVar("T")


def domain_from_pddl(text: str, source: str = "") -> Domain:
    """The domain that ``text`` states; ``source`` is the name of its file, for messages."""
    return _read(lambda: _domain(text), source)


def problem_from_pddl(text: str, domain: Domain, source: str = "") -> Problem:
    """The problem over ``domain`` that ``text`` states; without a ``:metric`` the number of steps is what counts."""
    return _read(lambda: _problem(text, domain), source)


def _read(read: Callable[[], T], source: str) -> T:
    try:
        return read()
    except PddlError as refusal:
        raise PddlError(refusal.line, refusal.message, source) from None
    except UnsupportedFeature as refusal:
        message = f"{source}, {refusal}" if source else str(refusal)
        raise UnsupportedFeature(refusal.feature, message) from None
    except DomainError as misfit:
        raise DomainError(f"{source}: {misfit}" if source else str(misfit)) from None
    except RecursionError:
        where = f"{source}: " if source else ""
        raise DomainError(f"{where}conditions or types are nested too deeply to be meant") from None


def _domain(text: str) -> Domain:
    name, sections = _define(text, "domain", _DOMAIN_SECTIONS)
    types = read_types(_members(sections, ":types"))
    constants = tuple(read_objects(_members(sections, ":constants"), types, "constant"))
    declared = [(read_predicate(node, types), node.line) for node in _members(sections, ":predicates")]
    refuse_twins([(predicate.name, line) for predicate, line in declared], "predicate")
    predicates = tuple(predicate for predicate, _ in declared if predicate.name != EQUALITY)
    functions = list(read_functions(_members(sections, ":functions"), types))
    refuse_twins([(function.name, line) for function, line in functions], "function")
    kept = tuple(function for function, _ in functions if function.name != COST)
    vocabulary = Domain(name, tuple(types.values()), predicates, (), constants, (), kept)
    actions = [_Action.read(form, vocabulary, types) for form in sections if form.head == ":action"]
    refuse_twins([(action.name, action.line) for action in actions], "action")
    # Where any action states a cost, PDDL's total-cost is 0 for the others; where none does, length is what counts.
    default = 0 if any(action.costs for action in actions) else 1
    operators = tuple(action.operator(default) for action in actions)
    axioms = tuple(_axiom(form, vocabulary, types) for form in sections if form.head == ":derived")
    try:
        return Domain(name, vocabulary.types, predicates, operators, constants, axioms, kept)
    except DomainError as misfit:  # each part was checked at its line; what is left is what axioms are together
        raise PddlError(next((f.line for f in sections if f.head == ":derived"), 1), str(misfit)) from None


def _problem(text: str, domain: Domain) -> Problem:
    name, sections = _define(text, "problem", _PROBLEM_SECTIONS)
    types = {t.name: t for t in domain.types}
    things = _members(sections, ":objects")
    objects = tuple(read_objects(things, types))
    constants = {constant.name for constant in domain.constants}
    for word in (node for node in things if isinstance(node, Word) and node.text in constants):
        raise PddlError.found(word, "a name that is not a constant's of the domain")
    scope = {o.name: o for o in (*domain.constants, *objects)}
    for form in (form for form in sections if form.head == ":domain"):
        _same_domain(form, domain)
    init, values = _init(_members(sections, ":init"), Reader(domain, types, scope, "initial state"))
    if all(form.head != ":goal" for form in sections):
        raise PddlError(1, "found no goal, expected a section (:goal (CONDITION)); (:goal (and)) always holds")
    goals = _members(sections, ":goal")
    if len(goals) > 1:
        raise PddlError.found(goals[1], "one condition as the goal; join several with (and ...)")
    goal = Reader(domain, types, scope, "goal").conditions(goals[0]) if goals else ()
    metrics = [form for form in sections if form.head == ":metric"]
    for form in metrics:
        _check_metric(form)
    costly = any(operator.cost != 1 or operator.cost_terms for operator in domain.operators)
    return Problem(domain, objects, init, goal, name, values, unit_cost=costly and not metrics)


@dataclass(frozen=True)
class _Action:
    """An action as read; ``costs`` is empty where the text states none."""

    name: str
    line: int
    parameters: tuple[Object, ...]
    preconditions: tuple[Condition, ...]
    effects: tuple[Effect, ...]
    costs: tuple[Number | Atom, ...]

    @classmethod
    def read(cls, form: Form, vocabulary: Domain, types: Mapping[str, Type]) -> _Action:
        if len(form.items) < 2:
            raise PddlError.found(form, "(:action NAME ...)")
        name = as_name(form.items[1], "the name of an action").text
        parts = _keywords(form, (":parameters", ":precondition", ":effect"))
        nothing = Form((), form.line)
        parameters = read_variables(parts.get(":parameters", nothing), types)
        scope = {o.name: o for o in (*vocabulary.constants, *parameters)}
        reader = Reader(vocabulary, types, scope, f"action {name}")
        preconditions = reader.conditions(parts.get(":precondition", nothing))
        effects, costs = reader.effects(parts.get(":effect", nothing))
        return cls(name, form.line, parameters, preconditions, effects, costs)

    def operator(self, default: int) -> Operator:
        fixed = [cost for cost in self.costs if not isinstance(cost, Atom)]
        terms = tuple(cost for cost in self.costs if isinstance(cost, Atom))
        cost = sum(fixed) if self.costs else default
        return Operator(self.name, self.parameters, self.preconditions, self.effects, cost, terms)


def _axiom(form: Form, vocabulary: Domain, types: Mapping[str, Type]) -> Axiom:
    """``(:derived (PREDICATE ?x - TYPE ...) CONDITION)``."""
    if len(form.rest) != 2:
        raise PddlError.found(form, "(:derived (PREDICATE ?x ...) (CONDITION))")
    head = as_form(form.rest[0], "a predicate such as '(above ?x ?y)'")
    if not head.head:
        raise PddlError.found(head, "a predicate such as '(above ?x ?y)'")
    where = f"derived predicate {head.head}"
    parameters = read_variables(Form(head.items[1:], head.line), types)
    reader = Reader(vocabulary, types, {o.name: o for o in (*vocabulary.constants, *parameters)}, where)
    plain = Form((head.items[0], *(Word(p.name, head.line) for p in parameters)), head.line)
    return Axiom(reader.atom(plain), parameters, reader.conditions(form.rest[1]))


def _init(nodes: Iterable[Node], reader: Reader) -> tuple[SymbolicState, dict[Atom, Number]]:
    """The atoms that hold at first, and the values of cost functions."""
    atoms: set[Atom] = set()
    values: dict[Atom, Number] = {}
    for node in nodes:
        form = as_form(node, "an atom")
        if form.head == EQUALITY:
            for term, value in _values(form, reader):
                if term in values:
                    raise PddlError(form.line, f"found a second value of {term}, expected only one")
                values[term] = value
            continue
        if form.head == "at" and len(form.rest) == 2 and isinstance(form.rest[1], Form):
            raise unsupported(form, "timed initial literals")
        if form.head == "not" and len(form.rest) == 1:
            reader.atom(as_form(form.rest[0], "an atom"))  # false anyway: what is not stated is not so
            continue
        atom = reader.atom(form)
        if atom.predicate in reader.domain.derived:
            raise PddlError.found(form, f"no fact about {atom.predicate}, which is derived by an axiom")
        atoms.add(atom)
    return SymbolicState.of(atoms), values


def _values(form: Form, reader: Reader) -> Iterator[tuple[Atom, Number]]:
    """What ``(= (FUNCTION ...) NUMBER)`` states; a total cost that starts at 0 goes without saying."""
    match form.rest:
        case (Form(head="total-cost", rest=()) as term, Word() as value):
            if number(value) != 0:
                raise unsupported(form, NUMERIC)
        case (Form() as term, Word() as value):
            yield _term(term, reader), number(value)
        case _:
            raise PddlError.found(form, "an atom or the value of a function such as '(= (distance a b) 5)'")


def _term(form: Form, reader: Reader) -> Atom:
    term = Atom(form.head, tuple(as_word(node, "a name").text for node in form.rest))
    try:
        reader.domain.check_function(term, reader.scope, reader.where)
    except DomainError as misfit:
        raise PddlError(form.line, str(misfit)) from None
    return term


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
    refuse_twins([(s.head, s.line) for s in sections if s.head not in _REPEATED], "section")
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


def _check_metric(form: Form) -> None:
    match form.rest:
        case (Word(text="minimize"), Form(head="total-cost", rest=())):
            return
        case (Word(text="minimize"), (Word(text="total-time") | Form(head="total-time"))):
            raise unsupported(form, "metrics of time")
        case (Word(text="minimize" | "maximize"), _):
            raise unsupported(form, "metrics other than (minimize (total-cost))")
    raise PddlError.found(form, "(:metric minimize (total-cost))")


def _members(sections: Iterable[Form], head: str) -> list[Node]:
    return [node for form in sections if form.head == head for node in form.rest]
