"""From operators to an ASP program: clingo's grounder finds every ground step that the static facts allow.

Each operator becomes one rule, for example

    action("place","disc1","left") :- type("disc","disc1"), ... , static("smaller","disc1","left").

with variables where this line has objects. Names stand in quotes, so that any name of PDDL is a good term. Static
preconditions, types and equality prune; preconditions that can change do not, so the ground task serves every state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import clingo

from nsctl.symbolic import OBJECT, Atom, Domain, Literal, Operator, PlanStep, Problem
from planners.ground import GroundTask, bits
from planners.invariants import Invariant


def program(problem: Problem) -> str:
    """The text whose one answer set holds an ``action(Operator, Argument...)`` for each ground step."""
    domain = problem.domain
    facts = [
        f"type({_quote(kind.name)},{_quote(thing.name)})."
        for thing in dict.fromkeys((*domain.constants, *problem.objects))
        for kind in dict.fromkeys((*domain.types, OBJECT))
        if thing.type.is_a(kind)
    ]
    facts += [f"static({_terms(atom)})." for atom in problem.init if atom.predicate not in domain.fluents]
    rules = [_rule(operator, domain) for operator in domain.operators]
    return "\n".join(["#defined type/2.", *(f"#defined static/{n}." for n in _arities(domain)), *facts, *rules])


def ground(problem: Problem) -> GroundTask:
    """All ground steps of ``problem`` and all atoms that they can read or change."""
    control = clingo.Control(["--warn=none"])
    control.add("base", [], program(problem))
    control.ground([("base", [])])
    found = [atom.symbol for atom in control.symbolic_atoms if atom.symbol.name == "action"]
    names = sorted(tuple(term.string for term in symbol.arguments) for symbol in found)
    domain = problem.domain
    steps = tuple(_step(domain.operator(name), tuple(arguments), domain) for name, *arguments in names)
    touched = {literal.atom for step in steps for literal in (*step.preconditions, *step.effects)}
    mentioned = {literal.atom for literal in problem.goal} | set(problem.init)
    atoms = {atom for atom in touched | mentioned if atom.predicate in domain.fluents}
    return GroundTask(problem, tuple(sorted(atoms)), steps)


def facts(task: GroundTask, invariants: Iterable[Invariant]) -> str:
    """The ground task as facts over numbers, for the encodings: fluent, action, pre, npre, add, del and the groups."""
    lines = [f"fluent({i})." for i in range(len(task.atoms))]
    for number, move in enumerate(task.moves):
        lines.append(f"action({number}).")
        parts = {"pre": move.pre, "npre": move.npre, "add": move.add, "del": move.delete}
        lines += [f"{name}({number},{bit})." for name, mask in parts.items() for bit in bits(mask)]
    for number, invariant in enumerate(invariants):
        lines.append(f"group({number}).")
        lines += [f"exact({number})."] * invariant.exact
        lines += [f"member({number},{bit})." for bit in bits(invariant.members)]
    return "\n".join(lines)


def _step(operator: Operator, arguments: tuple[str, ...], domain: Domain) -> PlanStep:
    """The ground step; its equalities are decided, so they are left out."""
    step = operator.ground(arguments)
    kept = tuple(p for p in step.preconditions if p.atom.predicate != "=")
    return PlanStep(step.operator, step.arguments, kept, step.effects, step.cost)


def _rule(operator: Operator, domain: Domain) -> str:
    variables = {parameter.name: f"X{i}" for i, parameter in enumerate(operator.parameters)}
    head = ",".join([_quote(operator.name), *variables.values()])
    body = list(dict.fromkeys(_body(operator, domain, variables)))
    return f"action({head}) :- {', '.join(body)}." if body else f"action({head})."


def _body(operator: Operator, domain: Domain, variables: Mapping[str, str]) -> Iterator[str]:
    for parameter in operator.parameters:
        yield f"type({_quote(parameter.type.name)},{variables[parameter.name]})"
    for literal in (*operator.preconditions, *operator.effects):
        yield from _narrowing(literal, domain, variables)
    for literal in operator.preconditions:
        terms = [_term(a, variables) for a in literal.atom.arguments]
        if literal.atom.predicate == "=":
            yield f"{terms[0]} {'=' if literal.positive else '!='} {terms[1]}"
        elif literal.atom.predicate not in domain.fluents:
            yield f"{'' if literal.positive else 'not '}static({_terms(literal.atom, variables)})"


def _narrowing(literal: Literal, domain: Domain, variables: Mapping[str, str]) -> Iterator[str]:
    """Types of the predicate: a parameter of a wider type is bound only to objects that the predicate takes."""
    for argument, kind in zip(literal.atom.arguments, domain.predicate(literal.atom.predicate).types, strict=True):
        if argument in variables and kind.name != OBJECT.name:
            yield f"type({_quote(kind.name)},{variables[argument]})"


def _arities(domain: Domain) -> list[int]:
    """Arities of the term lists behind ``static``: the name of the predicate and its arguments."""
    return sorted({len(p.types) + 1 for p in domain.predicates})


def _terms(atom: Atom, variables: Mapping[str, str] | None = None) -> str:
    return ",".join([_quote(atom.predicate), *(_term(a, variables or {}) for a in atom.arguments)])


def _term(argument: str, variables: Mapping[str, str]) -> str:
    return variables.get(argument) or _quote(argument)


def _quote(name: str) -> str:
    return str(clingo.String(name))
