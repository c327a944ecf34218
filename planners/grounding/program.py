"""From operators to an ASP program: clingo's grounder finds every ground step that the static facts allow.

Each operator becomes one rule, for example

    action("place","disc1","left") :- type("disc","disc1"), ... , static("smaller","disc1","left").

with variables where this line has objects. Names stand in quotes, so that any name of PDDL is a good term. Static
preconditions, types and equality prune; preconditions that can change do not, so the ground task serves every state.
Where that would be too many steps, the rules ask ``true(...)`` of the other preconditions as well and every effect adds
to ``true``: then only steps are found that the delete relaxation can reach from the problem's initial state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from time import monotonic

import clingo

from nsctl.formulas import plain_literals
from nsctl.symbolic import EQUALITY, OBJECT, Atom, Condition, Literal, Object, Problem, When
from nsctl.symbolic import Type as Kind

GENERAL = 500
"""Candidates of ground steps up to which the ground task serves every initial state."""
WATCHED = 100_000
"""Candidates of ground steps from which grounding looks at the clock."""


class OutOfTime(Exception):
    """The deadline passed while the task was being ground."""


@dataclass(frozen=True)
class Found:
    """Ground operators and ground axioms, by name and number, each with its arguments, in a fixed order."""

    steps: list[tuple[str, tuple[str, ...]]]
    axioms: list[tuple[int, tuple[str, ...]]]


def candidates(problem: Problem) -> int:
    """An upper bound on the number of ground steps and axioms: all objects of the right types everywhere."""
    size = _sizes(problem)
    domain = problem.domain
    lifted = [*(operator.parameters for operator in domain.operators), *(axiom.parameters for axiom in domain.axioms)]
    return sum(prod(size(parameter.type) for parameter in parameters) for parameters in lifted)


def program(problem: Problem, reachable: bool = False, watched: bool = False) -> str:
    """The text whose one answer set holds an ``action(Operator, Argument...)`` for each ground step.

    With ``reachable``, only for steps that the delete relaxation reaches; ``watched`` lets a deadline interrupt.
    """
    return _Program(problem, reachable, watched).text()


def find(problem: Problem, reachable: bool, deadline: float) -> Found:
    """All ground steps and axioms of ``problem``; raises :class:`OutOfTime` past the ``deadline`` (monotonic clock)."""
    watched = candidates(problem) > WATCHED
    control = clingo.Control(["--warn=none"])
    control.add("base", [], program(problem, reachable, watched))
    clock = _Clock(deadline)
    try:
        control.ground([("base", [])], context=clock)
    except RuntimeError:
        if clock.passed:
            raise OutOfTime from None
        raise
    steps, axioms = [], []
    for atom in control.symbolic_atoms:
        name, arguments = atom.symbol.name, atom.symbol.arguments
        if name == "action":
            steps.append((arguments[0].string, tuple(term.string for term in arguments[1:])))
        elif name == "axiom":
            axioms.append((arguments[0].number, tuple(term.string for term in arguments[1:])))
    return Found(sorted(steps), sorted(axioms))


class _Clock:
    """What the program calls while it is ground: answers 1 until the deadline has passed."""

    def __init__(self, deadline: float) -> None:
        self._deadline, self._calls = deadline, 0
        self.passed = False

    def tick(self, *_: clingo.Symbol) -> clingo.Symbol:
        self._calls += 1
        if self._calls % 256 == 0 and monotonic() > self._deadline:
            self.passed = True
            raise OutOfTime
        return clingo.Number(1)


class _Program:
    """Writes the rules of one problem."""

    def __init__(self, problem: Problem, reachable: bool, watched: bool) -> None:
        self.problem, self.domain = problem, problem.domain
        self.reachable, self.watched = reachable, watched

    def text(self) -> str:
        domain = self.domain
        lines = [
            f"#defined static/{n}. #defined true/{n}." for n in sorted({len(p.types) + 1 for p in domain.predicates})
        ]
        lines += ["#defined type/2.", *self._type_facts()]
        for atom in self.problem.init.atoms:
            if atom.predicate not in domain.fluents:
                lines.append(f"static({_terms(atom)}).")
            elif self.reachable:
                lines.append(f"true({_terms(atom)}).")
        for operator in domain.operators:
            lines += self._operator_rules(operator.name, operator.parameters, operator.preconditions, operator.effects)
        for number, axiom in enumerate(domain.axioms):
            lines += self._axiom_rules(number, axiom.head, axiom.parameters, axiom.body)
        return "\n".join(lines)

    def _type_facts(self) -> Iterator[str]:
        kinds = {kind.name: kind for kind in self._kinds()}
        for thing in self.problem.things:
            for kind in kinds.values():
                if thing.type.is_a(kind):
                    yield f"type({_quote(kind.name)},{_quote(thing.name)})."

    def _kinds(self) -> Iterator[Kind]:
        yield OBJECT
        for operator in self.domain.operators:
            yield from (parameter.type for parameter in operator.parameters)
        for axiom in self.domain.axioms:
            yield from (parameter.type for parameter in axiom.parameters)
        for predicate in self.domain.predicates:
            yield from predicate.types
        for operator in self.domain.operators:
            yield from (v.type for e in operator.effects if isinstance(e, When) for v in e.variables)

    def _operator_rules(
        self,
        name: str,
        parameters: tuple[Object, ...],
        preconditions: tuple[Condition, ...],
        effects: tuple[Literal | When, ...],
    ) -> Iterator[str]:
        variables = {parameter.name: f"X{i}" for i, parameter in enumerate(parameters)}
        literals = [effect for effect in effects if isinstance(effect, Literal)]
        head = f"action({','.join([_quote(name), *variables.values()])})"
        yield _rule(head, self._body(parameters, preconditions, literals, variables))
        if self.reachable:
            for effect in effects:
                yield from self._consequences(head, effect, variables)

    def _axiom_rules(
        self, number: int, head: Atom, parameters: tuple[Object, ...], body: tuple[Condition, ...]
    ) -> Iterator[str]:
        variables = {parameter.name: f"X{i}" for i, parameter in enumerate(parameters)}
        name = f"axiom({','.join([str(number), *variables.values()])})"
        yield _rule(name, self._body(parameters, body, [Literal(head)], variables))
        if self.reachable:
            yield f"true({_terms(head, variables)}) :- {name}."

    def _consequences(self, head: str, effect: Literal | When, variables: Mapping[str, str]) -> Iterator[str]:
        """What may be true after a step, whatever conditions its conditional effects have."""
        if isinstance(effect, Literal):
            effect = When((effect,))
        bound = {**variables, **{v.name: f"Y{i}" for i, v in enumerate(effect.variables)}}
        kinds = [f"type({_quote(v.type.name)},{bound[v.name]})" for v in effect.variables]
        for literal in effect.effects:
            if literal.positive:
                yield _rule(f"true({_terms(literal.atom, bound)})", [head, *kinds])

    def _body(
        self,
        parameters: Iterable[Object],
        conditions: Iterable[Condition],
        effects: Iterable[Literal],
        variables: Mapping[str, str],
    ) -> Iterator[str]:
        literals = list(plain_literals(conditions))
        for parameter in parameters:
            yield f"type({_quote(parameter.type.name)},{variables[parameter.name]})"
        for literal in (*literals, *effects):
            yield from self._narrowing(literal, variables)
        for literal in literals:
            terms = [_term(a, variables) for a in literal.atom.arguments]
            if literal.atom.predicate == EQUALITY:
                yield f"{terms[0]} {'=' if literal.positive else '!='} {terms[1]}"
            elif literal.atom.predicate not in self.domain.fluents:
                yield f"{'' if literal.positive else 'not '}static({_terms(literal.atom, variables)})"
            elif self.reachable and literal.positive:
                yield f"true({_terms(literal.atom, variables)})"
        if self.watched and variables:
            yield f"1 = @tick({','.join(variables.values())})"

    def _narrowing(self, literal: Literal, variables: Mapping[str, str]) -> Iterator[str]:
        """Types of the predicate: a parameter of a wider type is bound only to objects that the predicate takes."""
        if literal.atom.predicate == EQUALITY:
            return
        for argument, kind in zip(
            literal.atom.arguments, self.domain.predicate(literal.atom.predicate).types, strict=True
        ):
            if argument in variables and kind.name != OBJECT.name:
                yield f"type({_quote(kind.name)},{variables[argument]})"


def _sizes(problem: Problem) -> Callable[[Kind], int]:
    known: dict[Kind, int] = {}

    def size(kind: Kind) -> int:
        if kind not in known:
            known[kind] = sum(thing.type.is_a(kind) for thing in problem.things)
        return known[kind]

    return size


def _rule(head: str, body: Iterable[str]) -> str:
    parts = list(dict.fromkeys(body))
    return f"{head} :- {', '.join(parts)}." if parts else f"{head}."


def _terms(atom: Atom, variables: Mapping[str, str] | None = None) -> str:
    return ",".join([_quote(atom.predicate), *(_term(a, variables or {}) for a in atom.arguments)])


def _term(argument: str, variables: Mapping[str, str]) -> str:
    return variables.get(argument) or _quote(argument)


def _quote(name: str) -> str:
    return str(clingo.String(name))
