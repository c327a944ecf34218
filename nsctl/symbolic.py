"""What a planner speaks of: operators, axioms, domains, problems, steps and plans.

All nouns are frozen and refuse nonsense when they are made. The words are those of PDDL (McDermott et al., 1998):
a lifted operator has typed parameters, preconditions, effects and a cost; grounding it gives a plan step.
The smaller nouns come from ``nsctl.atoms``, ``nsctl.formulas`` and ``nsctl.operators`` and can be imported from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TypeVar

from nsctl.atoms import OBJECT, Atom, Literal, Object, Predicate, SymbolicState, Type
from nsctl.errors import DomainError, UnknownName
from nsctl.formulas import (
    EQUALITY,
    And,
    Condition,
    Effect,
    Exists,
    Forall,
    Not,
    Or,
    When,
    bindings,
    holds,
    scoped_literals,
    signed_predicates,
)
from nsctl.operators import Axiom, Number, Operator, PlanStep

__all__ = [
    "EQUALITY",
    "OBJECT",
    "And",
    "Atom",
    "Axiom",
    "Condition",
    "Domain",
    "Effect",
    "Exists",
    "Forall",
    "Literal",
    "Not",
    "Number",
    "Object",
    "Operator",
    "Or",
    "Plan",
    "PlanStep",
    "Predicate",
    "Problem",
    "SymbolicState",
    "Type",
    "When",
    "scoped_literals",
]


@dataclass(frozen=True)
class Domain:
    """The types, predicates, operators, constants, axioms and cost functions that problems are stated in."""

    name: str
    types: tuple[Type, ...] = (OBJECT,)
    predicates: tuple[Predicate, ...] = ()
    operators: tuple[Operator, ...] = ()
    constants: tuple[Object, ...] = ()
    axioms: tuple[Axiom, ...] = ()
    functions: tuple[Predicate, ...] = ()

    def __post_init__(self) -> None:
        for kind in ("types", "predicates", "operators", "constants", "functions"):
            _refuse_twins(f"domain {self.name}: {kind}", (noun.name for noun in getattr(self, kind)))
        for operator in self.operators:
            self._check_operator(operator)
        for axiom in self.axioms:
            scope = self._scope(axiom.parameters)
            self.check(axiom.head, scope, f"axiom {axiom.head}")
            self.check_condition(And(axiom.body), scope, f"axiom {axiom.head}")
        if self.axioms and (changed := self.derived & self._changed):
            raise DomainError(
                f"domain {self.name}: {min(changed)} is derived by an axiom, so no operator may change it"
            )
        _ = self.strata

    def type(self, name: str) -> Type:
        return _named("type", name, self.types)

    def predicate(self, name: str) -> Predicate:
        return _named("predicate", name, self.predicates)

    def operator(self, name: str) -> Operator:
        return _named("operator", name, self.operators)

    @cached_property
    def derived(self) -> frozenset[str]:
        """Names of the predicates that axioms define."""
        return frozenset(axiom.head.predicate for axiom in self.axioms)

    @cached_property
    def fluents(self) -> frozenset[str]:
        """Names of the predicates that some operator changes or some axiom derives; all others are static."""
        return self._changed | self.derived

    @cached_property
    def strata(self) -> tuple[frozenset[str], ...]:
        """Derived predicates in groups: each group is complete before a later one asks what does *not* hold in it."""
        level = dict.fromkeys(self.derived, 0)
        uses = [(a.head.predicate, used) for a in self.axioms for used in signed_predicates(And(a.body))]
        for _ in range(len(level) + 1):
            before = dict(level)
            for head, (predicate, positive) in uses:
                if predicate in level:
                    level[head] = max(level[head], level[predicate] + (not positive))
            if level == before:
                break
        else:
            raise DomainError(f"domain {self.name}: a derived predicate depends on its own negation: {sorted(level)}")
        return tuple(frozenset(p for p in level if level[p] == n) for n in sorted(set(level.values())))

    def check(self, atom: Atom, scope: Mapping[str, Object], where: str) -> None:
        """Refuse an atom with an unknown predicate, a wrong arity, an unknown argument or a wrong type."""
        self._check("predicate", self._predicates, atom, scope, where)

    def check_function(self, term: Atom, scope: Mapping[str, Object], where: str) -> None:
        """The same for a term of a cost function."""
        self._check("function", {f.name: f for f in self.functions}, term, scope, where)

    def check_condition(self, condition: Condition, scope: Mapping[str, Object], where: str) -> None:
        """The same for every atom in ``condition``."""
        for literal, inner in scoped_literals(condition, scope):
            if literal.atom.predicate == EQUALITY:
                self._check("predicate", {EQUALITY: EQUALS}, literal.atom, inner, where)
            else:
                self.check(literal.atom, inner, where)

    def _check_operator(self, operator: Operator) -> None:
        where, scope = f"operator {operator.name}", self._scope(operator.parameters)
        self.check_condition(And(operator.preconditions), scope, where)
        for term in operator.cost_terms:
            self.check_function(term, scope, where)
        for effect in operator.effects:
            if isinstance(effect, Literal):
                self.check(effect.atom, scope, where)
            else:
                inner = {**scope, **{v.name: v for v in effect.variables}}
                self.check_condition(And(effect.conditions), inner, where)
                for literal in effect.effects:
                    self.check(literal.atom, inner, where)

    def _check(
        self, kind: str, known: Mapping[str, Predicate], atom: Atom, scope: Mapping[str, Object], where: str
    ) -> None:
        predicate = known.get(atom.predicate)
        if predicate is None:
            raise DomainError(f"{where}: {UnknownName(kind, atom.predicate, known)}")
        if len(atom.arguments) != len(predicate.types):
            count = f"{len(predicate.types)} argument{'s' * (len(predicate.types) != 1)}"
            raise DomainError(f"{where}: {predicate.name} takes {count}, got {atom}")
        for argument, wanted in zip(atom.arguments, predicate.types, strict=True):
            if argument not in scope:
                raise DomainError(f"{where}: {UnknownName('object', argument, scope)} (in {atom})")
            got = scope[argument].type
            # A parameter of a wider type may still be bound to an object of the wanted one (as PDDL allows).
            if not (got.is_a(wanted) or (argument.startswith("?") and got.overlaps(wanted))):
                raise DomainError(f"{where}: {argument} in {atom} must be {_a(wanted)}, but is {_a(got)}")

    def _scope(self, parameters: Iterable[Object]) -> dict[str, Object]:
        return {thing.name: thing for thing in (*self.constants, *parameters)}

    @cached_property
    def _predicates(self) -> dict[str, Predicate]:
        return {predicate.name: predicate for predicate in self.predicates}

    @cached_property
    def _changed(self) -> frozenset[str]:
        literals = [
            literal
            for operator in self.operators
            for effect in operator.effects
            for literal in ((effect,) if isinstance(effect, Literal) else effect.effects)
        ]
        return frozenset(literal.atom.predicate for literal in literals)


@dataclass(frozen=True)
class Problem:
    """A domain with objects, an initial state and a goal (the conjunction of its conditions).

    ``values`` gives the cost functions' values; with ``unit_cost`` every step counts 1, whatever operators say.
    """

    domain: Domain
    objects: tuple[Object, ...]
    init: SymbolicState
    goal: tuple[Condition, ...]
    name: str = "problem"
    values: Mapping[Atom, Number] = field(default_factory=dict, hash=False)
    unit_cost: bool = False
    _scope: Mapping[str, Object] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        _refuse_twins(f"{self.name}: objects and constants", (thing.name for thing in self.things))
        scope = {thing.name: thing for thing in self.things}
        object.__setattr__(self, "_scope", scope)
        self.check_state(self.init)
        self.domain.check_condition(And(self.goal), scope, "goal")
        for term, value in self.values.items():
            self.domain.check_function(term, scope, "initial state")
            if value < 0:
                raise DomainError(f"initial state: {term} must be >= 0, got {value}")

    @property
    def things(self) -> tuple[Object, ...]:
        """Constants and objects."""
        return (*self.domain.constants, *self.objects)

    def object(self, name: str) -> Object:
        """The object (or constant) of this name."""
        if name not in self._scope:
            raise UnknownName("object", name, self._scope)
        return self._scope[name]

    def check_state(self, state: SymbolicState) -> None:
        """Refuse a state with an atom that does not fit the domain. Derived atoms are taken, but never believed."""
        for atom in state.atoms:
            self.domain.check(atom, self._scope, "initial state")

    def derive(self, state: SymbolicState) -> SymbolicState:
        """``state`` with exactly those derived atoms that the axioms give it."""
        derived = self.domain.derived
        if not derived:
            return state
        true = {atom for atom in state.atoms if atom.predicate not in derived}
        for stratum in self.domain.strata:
            axioms = [axiom for axiom in self.domain.axioms if axiom.head.predicate in stratum]
            grown = True
            while grown:
                new = {head for axiom in axioms for head in self._consequences(axiom, true)} - true
                true |= new
                grown = bool(new)
        return SymbolicState.of(true)

    def reached(self, state: SymbolicState) -> bool:
        """Whether the goal holds in ``state``."""
        closed = self.derive(state)
        return all(self.holds(condition, closed) for condition in self.goal)

    def holds(self, condition: Condition, state: SymbolicState, binding: Mapping[str, str] | None = None) -> bool:
        """Whether ``condition`` holds in ``state``, whose derived atoms are complete."""
        return holds(condition, state.atoms.__contains__, self.things, binding or {})

    def _consequences(self, axiom: Axiom, true: set[Atom]) -> Iterator[Atom]:
        for binding in bindings(axiom.parameters, self.things, {}):
            if holds(And(axiom.body), true.__contains__, self.things, binding):
                yield axiom.head.substitute(binding)


@dataclass(frozen=True)
class Plan:
    """A sequence of ground steps."""

    steps: tuple[PlanStep, ...] = ()

    @property
    def cost(self) -> Number:
        total = Fraction(sum(step.cost for step in self.steps))
        return int(total) if total.denominator == 1 else total

    def reaches(self, problem: Problem, start: SymbolicState) -> bool:
        """Whether executing the plan from ``start`` is possible and ends where the goal of ``problem`` holds."""
        state = problem.derive(start)
        for step in self.steps:
            if not step.applicable(state):
                return False
            state = problem.derive(step.apply(state))
        return problem.reached(state)

    def __str__(self) -> str:
        return "\n".join(map(str, self.steps))

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[PlanStep]:
        return iter(self.steps)


EQUALS = Predicate(EQUALITY, (OBJECT, OBJECT))


def _a(kind: Type) -> str:
    return f"{'an' if kind.name[0] in 'aeiou' else 'a'} {kind}"


N = TypeVar("N", Type, Predicate, Operator)


def _refuse_twins(where: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DomainError(f"{where}: {name!r} is named twice")
        seen.add(name)


def _named(kind: str, name: str, known: tuple[N, ...]) -> N:
    for noun in known:
        if noun.name == name:
            return noun
    raise UnknownName(kind, name, (noun.name for noun in known))
