"""Operators and axioms, lifted, and the plan steps that grounding an operator gives."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from nsctl.atoms import Atom, Literal, Object, SymbolicState
from nsctl.errors import DomainError
from nsctl.formulas import EQUALITY, And, Condition, Effect, When, holds, scoped_literals

Number: TypeAlias = int | Fraction
"""A cost: exact, so that a proof of optimality is one."""


@dataclass(frozen=True)
class PlanStep:
    """A ground operator: what to do, what must hold before it, what holds after it.

    ``effects`` and those of ``conditional`` that fire happen at once; an atom both deleted and added ends true (PDDL
    semantics). Of a disjunctive precondition, ``preconditions`` names the alternative by which the step was planned.
    All conditions are ground and without quantifiers.
    """

    operator: str
    arguments: tuple[str, ...]
    preconditions: tuple[Condition, ...] = ()
    effects: tuple[Literal, ...] = ()
    cost: Number = 1
    conditional: tuple[When, ...] = ()

    @property
    def adds(self) -> frozenset[Atom]:
        """What always holds after the step."""
        return frozenset(e.atom for e in self.effects if e.positive)

    @property
    def deletes(self) -> frozenset[Atom]:
        """What the step takes away, whatever its conditional effects do."""
        return frozenset(e.atom for e in self.effects if not e.positive) - self.adds

    @property
    def needs(self) -> frozenset[Atom]:
        """The atoms that its preconditions speak of."""
        return frozenset(literal.atom for c in self.preconditions for literal, _ in scoped_literals(c, {}))

    def applicable(self, state: SymbolicState) -> bool:
        return all(_true(condition, state) for condition in self.preconditions)

    def apply(self, state: SymbolicState) -> SymbolicState:
        """The state after this step; refuses a state in which the preconditions do not hold."""
        if missing := [str(condition) for condition in self.preconditions if not _true(condition, state)]:
            raise DomainError(f"{self} is not applicable: it needs {', '.join(missing)}")
        fired = list(self.effects)
        for each in self.conditional:
            if all(_true(condition, state) for condition in each.conditions):
                fired += each.effects
        added = {e.atom for e in fired if e.positive}
        return SymbolicState((state.atoms - {e.atom for e in fired if not e.positive}) | added)

    def __str__(self) -> str:
        return f"{self.operator}({', '.join(self.arguments)})"


@dataclass(frozen=True)
class Operator:
    """A lifted action: typed parameters, preconditions, effects and a cost.

    A step costs ``cost`` plus the problem's value of every term of ``cost_terms`` (PDDL's static cost functions).
    """

    name: str
    parameters: tuple[Object, ...] = ()
    preconditions: tuple[Condition, ...] = ()
    effects: tuple[Effect, ...] = ()
    cost: Number = 1
    cost_terms: tuple[Atom, ...] = ()

    def __post_init__(self) -> None:
        names = [p.name for p in self.parameters]
        if len(set(names)) != len(names):
            raise DomainError(f"operator {self.name}: a parameter is named twice: {', '.join(names)}")
        if self.cost < 0:
            raise DomainError(f"operator {self.name}: cost must be >= 0, got {self.cost}")

    @property
    def plain(self) -> bool:
        """Whether this is STRIPS with negation: literals alone, and a constant cost."""
        return not self.cost_terms and all(isinstance(part, Literal) for part in (*self.preconditions, *self.effects))

    def bind(self, arguments: tuple[str, ...]) -> dict[str, str]:
        """Each parameter's argument; refuses another number of arguments."""
        if len(arguments) != len(self.parameters):
            raise DomainError(f"{self.name} takes {len(self.parameters)} arguments, got {len(arguments)}: {arguments}")
        return {p.name: a for p, a in zip(self.parameters, arguments, strict=True)}

    def ground(self, arguments: tuple[str, ...]) -> PlanStep:
        """This operator over named objects; only for a :attr:`plain` one (others need a problem: ask a planner)."""
        binding = self.bind(arguments)
        if not self.plain:
            raise DomainError(f"{self.name} has more than literals; only a planner over a problem can ground it")
        needs = (p.substitute(binding) for p in self.preconditions if isinstance(p, Literal))
        return PlanStep(
            self.name,
            arguments,
            tuple(need for need in needs if not _is_tautology(need)),
            tuple(e.substitute(binding) for e in self.effects if isinstance(e, Literal)),
            self.cost,
        )


@dataclass(frozen=True)
class Axiom:
    """A derived predicate: in every state, ``head`` holds for each binding of ``parameters`` that fits the ``body``.

    A derived atom holds only if some axiom says so (PDDL 2.2); no operator changes it and no initial state states it.
    """

    head: Atom
    parameters: tuple[Object, ...] = ()
    body: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        if self.head.arguments != tuple(parameter.name for parameter in self.parameters):
            raise DomainError(
                f"axiom {self.head}: its arguments must be its parameters, in order (use Exists for more)"
            )

    def __str__(self) -> str:
        return f"{self.head} if {And(self.body)}"


def _true(condition: Condition, state: SymbolicState) -> bool:
    """Whether a ground condition without quantifiers holds in ``state``."""
    return holds(condition, state.atoms.__contains__, (), {})


def _is_tautology(literal: Literal) -> bool:
    """Whether this is an equality that holds; one that does not stays, and no state ever satisfies it."""
    arguments = literal.atom.arguments
    return literal.atom.predicate == EQUALITY and (arguments[0] == arguments[1]) == literal.positive
