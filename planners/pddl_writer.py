"""PDDL out: the text of a domain or a problem, which reads back as the same nouns if its names are in lower case."""

from __future__ import annotations

from collections.abc import Iterable

from nsctl.symbolic import OBJECT, Atom, Domain, Literal, Object, Operator, Predicate, Problem


def domain_to_pddl(domain: Domain) -> str:
    """The PDDL text of ``domain``. Action costs appear only where they are not all 1."""
    costs = any(operator.cost != 1 for operator in domain.operators)
    equality = any(p.name == "=" for p in domain.predicates)
    flags = [":strips", ":typing", ":negative-preconditions"]
    flags += [":equality"] * equality + [":action-costs"] * costs
    types = [f"{t.name} - {(t.parent or OBJECT).name}" for t in domain.types if t.name != OBJECT.name]
    sections = [
        f"(:requirements {' '.join(flags)})",
        _section(":types", types),
        _section(":constants", map(str, domain.constants)),
        _section(":predicates", (_predicate(p) for p in domain.predicates if p.name != "=")),
        "(:functions (total-cost) - number)" if costs else "",
        *(_action(operator, costs) for operator in domain.operators),
    ]
    return _define(f"domain {domain.name}", sections)


def problem_to_pddl(problem: Problem) -> str:
    """The PDDL text of ``problem``."""
    sections = [
        f"(:domain {problem.domain.name})",
        _section(":objects", map(str, problem.objects)),
        _section(":init", map(_atom, problem.init)),
        f"(:goal {_conjunction(problem.goal)})",
        "(:metric minimize (total-cost))" if any(o.cost != 1 for o in problem.domain.operators) else "",
    ]
    return _define(f"problem {problem.name}", sections)


def _define(title: str, sections: Iterable[str]) -> str:
    return "\n  ".join([f"(define ({title})", *filter(None, sections)]) + ")\n"


def _section(head: str, members: Iterable[str]) -> str:
    lines = list(members)
    return "\n    ".join([f"({head}", *lines]) + ")" if lines else ""


def _predicate(predicate: Predicate) -> str:
    parameters = (str(Object(f"?x{i}", kind)) for i, kind in enumerate(predicate.types))
    return f"({' '.join([predicate.name, *parameters])})"


def _atom(atom: Atom) -> str:
    return f"({' '.join([atom.predicate, *atom.arguments])})"


def _literal(literal: Literal) -> str:
    return _atom(literal.atom) if literal.positive else f"(not {_atom(literal.atom)})"


def _conjunction(literals: Iterable[Literal], *more: str) -> str:
    return f"({' '.join(['and', *map(_literal, literals), *more])})"


def _action(operator: Operator, costs: bool) -> str:
    cost = [f"(increase (total-cost) {operator.cost})"] if costs else []
    return "\n    ".join(
        [
            f"(:action {operator.name}",
            f":parameters ({' '.join(map(str, operator.parameters))})",
            f":precondition {_conjunction(operator.preconditions)}",
            f":effect {_conjunction(operator.effects, *cost)})",
        ]
    )
