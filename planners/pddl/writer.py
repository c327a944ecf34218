"""PDDL out: the text of a domain or a problem, which reads back as the same nouns if its names are in lower case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

from nsctl.errors import UnsupportedFeature
from nsctl.symbolic import (
    EQUALITY,
    OBJECT,
    And,
    Atom,
    Axiom,
    Condition,
    Domain,
    Effect,
    Exists,
    Forall,
    Literal,
    Not,
    Number,
    Object,
    Operator,
    Or,
    Predicate,
    Problem,
    Type,
    When,
    scoped_literals,
)


def domain_to_pddl(domain: Domain) -> str:
    """The PDDL text of ``domain``. Action costs appear only where they are not all 1."""
    costs = _costly(domain)
    functions = ["(total-cost) - number"] * costs + [f"{_predicate(f)} - number" for f in domain.functions]
    types = [f"{t.name} - {(t.parent or OBJECT).name}" for t in domain.types if t.name != OBJECT.name]
    sections = [
        f"(:requirements {' '.join(_requirements(domain))})",
        _section(":types", types),
        _section(":constants", map(_typed, domain.constants)),
        _section(":predicates", map(_predicate, domain.predicates)),
        _section(":functions", functions),
        *(_axiom(axiom) for axiom in domain.axioms),
        *(_action(operator, costs) for operator in domain.operators),
    ]
    return _define(f"domain {domain.name}", sections)


def problem_to_pddl(problem: Problem) -> str:
    """The PDDL text of ``problem``."""
    values = [f"(= {_atom(term)} {_number(value)})" for term, value in problem.values.items()]
    counted = _costly(problem.domain) and not problem.unit_cost
    sections = [
        f"(:domain {problem.domain.name})",
        _section(":objects", map(_typed, problem.objects)),
        _section(":init", [*map(_atom, problem.init), *values]) or "(:init)",  # VAL wants it to be there
        f"(:goal {_conjunction(problem.goal)})",
        "(:metric minimize (total-cost))" if counted else "",
    ]
    return _define(f"problem {problem.name}", sections)


def _costly(domain: Domain) -> bool:
    return any(operator.cost != 1 or operator.cost_terms for operator in domain.operators)


def _requirements(domain: Domain) -> Iterator[str]:
    """What the domain uses, in the order of the language's definition."""
    yield from (":strips", ":typing")
    conditions = list(_conditions(domain))
    literals = [literal for condition in conditions for literal, _ in scoped_literals(condition, {})]
    kinds = {type(part) for condition in conditions for part in _inside(condition)}
    used = {
        ":negative-preconditions": Not in kinds or any(not literal.positive for literal in literals),
        ":disjunctive-preconditions": Or in kinds,
        ":equality": any(literal.atom.predicate == EQUALITY for literal in literals),
        ":existential-preconditions": Exists in kinds,
        ":universal-preconditions": Forall in kinds,
        ":conditional-effects": any(isinstance(e, When) for o in domain.operators for e in o.effects),
        ":derived-predicates": bool(domain.axioms),
        ":action-costs": _costly(domain),
    }
    yield from (flag for flag, there in used.items() if there)


def _conditions(domain: Domain) -> Iterator[Condition]:
    for operator in domain.operators:
        yield from operator.preconditions
        for effect in operator.effects:
            if isinstance(effect, When):
                yield from effect.conditions
    for axiom in domain.axioms:
        yield from axiom.body


def _inside(condition: Condition) -> Iterator[Condition]:
    yield condition
    match condition:
        case And(parts=parts) | Or(parts=parts):
            for part in parts:
                yield from _inside(part)
        case Not(part=body) | Forall(body=body) | Exists(body=body):
            yield from _inside(body)


def _define(title: str, sections: Iterable[str]) -> str:
    return "\n  ".join([f"(define ({title})", *filter(None, sections)]) + ")\n"


def _section(head: str, members: Iterable[str]) -> str:
    lines = list(members)
    return "\n    ".join([f"({head}", *lines]) + ")" if lines else ""


def _predicate(predicate: Predicate) -> str:
    parameters = (_typed(Object(f"?x{i}", kind)) for i, kind in enumerate(predicate.types))
    return f"({' '.join([predicate.name, *parameters])})"


def _typed(thing: Object) -> str:
    return f"{thing.name} - {_type(thing.type)}"


def _type(kind: Type) -> str:
    return f"(either {' '.join(member.name for member in kind.members)})" if kind.members else kind.name


def _variables(variables: Iterable[Object]) -> str:
    return f"({' '.join(map(_typed, variables))})"


def _atom(atom: Atom) -> str:
    return f"({' '.join([atom.predicate, *atom.arguments])})"


def _number(value: Number) -> str:
    """A decimal number; refuses one that has none that is exact."""
    if isinstance(value, int):
        return str(value)
    digits = next((n for n in range(1, 19) if Fraction(10**n) % value.denominator == 0), 0)
    if not digits:
        raise UnsupportedFeature("costs without an exact decimal form", f"the cost {value} has no exact decimal form")
    whole = value.numerator * 10**digits // value.denominator
    return f"{whole // 10**digits}.{whole % 10**digits:0{digits}d}"


def _condition(condition: Condition) -> str:
    match condition:
        case Literal(atom=atom, positive=positive):
            return _atom(atom) if positive else f"(not {_atom(atom)})"
        case And(parts=parts):
            return _conjunction(parts)
        case Or(parts=parts):
            return f"({' '.join(['or', *map(_condition, parts)])})"
        case Not(part=part):
            return f"(not {_condition(part)})"
        case Forall(variables=variables, body=body):
            return f"(forall {_variables(variables)} {_condition(body)})"
        case Exists(variables=variables, body=body):
            return f"(exists {_variables(variables)} {_condition(body)})"


def _effect(effect: Effect) -> str:
    if isinstance(effect, Literal):
        return _condition(effect)
    said = _conjunction(effect.effects)
    said = f"(when {_conjunction(effect.conditions)} {said})" if effect.conditions else said
    return f"(forall {_variables(effect.variables)} {said})" if effect.variables else said


def _conjunction(parts: Iterable[Condition], *more: str) -> str:
    return f"({' '.join(['and', *map(_condition, parts), *more])})"


def _axiom(axiom: Axiom) -> str:
    head = f"({' '.join([axiom.head.predicate, *map(_typed, axiom.parameters)])})"
    return f"(:derived {head}\n    {_conjunction(axiom.body)})"


def _action(operator: Operator, costs: bool) -> str:
    stated = [_number(operator.cost)] * (operator.cost != 0 or not operator.cost_terms)
    amounts = [*stated, *map(_atom, operator.cost_terms)] if costs else []
    effects = [*map(_effect, operator.effects), *(f"(increase (total-cost) {amount})" for amount in amounts)]
    return "\n    ".join(
        [
            f"(:action {operator.name}",
            f":parameters {_variables(operator.parameters)}",
            f":precondition {_conjunction(operator.preconditions)}",
            f":effect ({' '.join(['and', *effects])}))",
        ]
    )
