"""What a planner speaks of: types, objects, atoms, operators, problems and plans.

All nouns are frozen and refuse nonsense when they are made. The words are those of PDDL (McDermott et al., 1998):
a lifted operator has typed parameters, preconditions, effects and a cost; grounding it gives a plan step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from nsctl.errors import DomainError, UnknownName


@dataclass(frozen=True)
class Type:
    """A type of objects; ``parent`` is the more general type, ``None`` for the root ``object``."""

    name: str
    parent: Type | None = None

    def is_a(self, other: Type) -> bool:
        """Whether every object of this type is also one of ``other``."""
        return self.name == other.name or (self.parent is not None and self.parent.is_a(other))

    def __str__(self) -> str:
        return self.name


OBJECT = Type("object")


@dataclass(frozen=True)
class Object:
    """A named thing of the world, or, in an operator, a parameter such as ``?disc``."""

    name: str
    type: Type = OBJECT

    def __str__(self) -> str:
        return f"{self.name} - {self.type}"


@dataclass(frozen=True)
class Predicate:
    """A relation over typed objects, for example ``on(disc, support)``."""

    name: str
    types: tuple[Type, ...] = ()

    def __call__(self, *arguments: str) -> Atom:
        """The atom of this predicate over ``arguments``; refuses another number of them."""
        if len(arguments) != len(self.types):
            raise DomainError(f"{self.name} takes {len(self.types)} arguments, got {len(arguments)}: {arguments}")
        return Atom(self.name, arguments)


@dataclass(frozen=True, order=True)
class Atom:
    """A predicate applied to arguments: object names if ground, ``?names`` if lifted."""

    predicate: str
    arguments: tuple[str, ...] = ()

    def substitute(self, binding: Mapping[str, str]) -> Atom:
        """This atom with every argument replaced that ``binding`` names."""
        return Atom(self.predicate, tuple(binding.get(a, a) for a in self.arguments))

    def __str__(self) -> str:
        return f"{self.predicate}({', '.join(self.arguments)})" if self.arguments else self.predicate


@dataclass(frozen=True, order=True)
class Literal:
    """An atom that must hold, or, if not ``positive``, must not."""

    atom: Atom
    positive: bool = True

    def substitute(self, binding: Mapping[str, str]) -> Literal:
        return Literal(self.atom.substitute(binding), self.positive)

    def __str__(self) -> str:
        return str(self.atom) if self.positive else f"not {self.atom}"


@dataclass(frozen=True)
class SymbolicState:
    """The set of atoms that are true; every other atom is false (closed world)."""

    atoms: frozenset[Atom] = frozenset()

    @classmethod
    def of(cls, atoms: Iterable[Atom]) -> SymbolicState:
        return cls(frozenset(atoms))

    def satisfies(self, literals: Iterable[Literal]) -> bool:
        """Whether every literal holds here."""
        return all((literal.atom in self.atoms) == literal.positive for literal in literals)

    def violated(self, literals: Iterable[Literal]) -> tuple[Literal, ...]:
        """The literals that do not hold here, in their own order."""
        return tuple(literal for literal in literals if (literal.atom in self.atoms) != literal.positive)

    def __contains__(self, atom: Atom) -> bool:
        return atom in self.atoms

    def __iter__(self) -> Iterator[Atom]:
        return iter(sorted(self.atoms))

    def __len__(self) -> int:
        return len(self.atoms)

    def __str__(self) -> str:
        return "{" + ", ".join(map(str, self)) + "}"


@dataclass(frozen=True)
class PlanStep:
    """A ground operator: what to do, what must hold before it, what holds after it.

    ``effects`` are complete: deletes come first, so that an atom both deleted and added ends true (PDDL semantics).
    """

    operator: str
    arguments: tuple[str, ...]
    preconditions: tuple[Literal, ...] = ()
    effects: tuple[Literal, ...] = ()
    cost: int = 1

    @property
    def adds(self) -> frozenset[Atom]:
        return frozenset(e.atom for e in self.effects if e.positive)

    @property
    def deletes(self) -> frozenset[Atom]:
        return frozenset(e.atom for e in self.effects if not e.positive) - self.adds

    def applicable(self, state: SymbolicState) -> bool:
        return state.satisfies(self.preconditions)

    def apply(self, state: SymbolicState) -> SymbolicState:
        """The state after this step; refuses a state in which the preconditions do not hold."""
        if missing := state.violated(self.preconditions):
            raise DomainError(f"{self} is not applicable: it needs {', '.join(map(str, missing))}")
        return SymbolicState((state.atoms - self.deletes) | self.adds)

    def __str__(self) -> str:
        return f"{self.operator}({', '.join(self.arguments)})"


@dataclass(frozen=True)
class Operator:
    """A lifted action: typed parameters, preconditions, effects and a cost."""

    name: str
    parameters: tuple[Object, ...] = ()
    preconditions: tuple[Literal, ...] = ()
    effects: tuple[Literal, ...] = ()
    cost: int = 1

    def __post_init__(self) -> None:
        names = [p.name for p in self.parameters]
        if len(set(names)) != len(names):
            raise DomainError(f"operator {self.name}: a parameter is named twice: {', '.join(names)}")
        if self.cost < 0:
            raise DomainError(f"operator {self.name}: cost must be >= 0, got {self.cost}")

    def ground(self, arguments: tuple[str, ...]) -> PlanStep:
        """This operator over named objects; refuses another number of arguments."""
        if len(arguments) != len(self.parameters):
            raise DomainError(f"{self.name} takes {len(self.parameters)} arguments, got {len(arguments)}: {arguments}")
        binding = {p.name: a for p, a in zip(self.parameters, arguments, strict=True)}
        return PlanStep(
            self.name,
            arguments,
            tuple(p.substitute(binding) for p in self.preconditions),
            tuple(e.substitute(binding) for e in self.effects),
            self.cost,
        )


@dataclass(frozen=True)
class Domain:
    """The types, predicates, operators and constants that problems are stated in."""

    name: str
    types: tuple[Type, ...] = (OBJECT,)
    predicates: tuple[Predicate, ...] = ()
    operators: tuple[Operator, ...] = ()
    constants: tuple[Object, ...] = ()

    def __post_init__(self) -> None:
        for kind in ("types", "predicates", "operators", "constants"):
            _refuse_twins(f"domain {self.name}: {kind}", (noun.name for noun in getattr(self, kind)))
        for operator in self.operators:
            scope = {o.name: o for o in (*operator.parameters, *self.constants)}
            for literal in (*operator.preconditions, *operator.effects):
                self.check(literal.atom, scope, f"operator {operator.name}")

    def type(self, name: str) -> Type:
        return _named("type", name, self.types)

    def predicate(self, name: str) -> Predicate:
        return _named("predicate", name, self.predicates)

    def operator(self, name: str) -> Operator:
        return _named("operator", name, self.operators)

    @cached_property
    def fluents(self) -> frozenset[str]:
        """Names of the predicates that some operator changes; all others are static."""
        return frozenset(e.atom.predicate for o in self.operators for e in o.effects)

    def check(self, atom: Atom, scope: Mapping[str, Object], where: str) -> None:
        """Refuse an atom with an unknown predicate, a wrong arity, an unknown argument or a wrong type."""
        predicate = next((p for p in self.predicates if p.name == atom.predicate), None)
        if predicate is None:
            raise DomainError(f"{where}: {UnknownName('predicate', atom.predicate, (p.name for p in self.predicates))}")
        if len(atom.arguments) != len(predicate.types):
            raise DomainError(f"{where}: {predicate.name} takes {len(predicate.types)} arguments, got {atom}")
        for argument, wanted in zip(atom.arguments, predicate.types, strict=True):
            if argument not in scope:
                raise DomainError(f"{where}: {UnknownName('object', argument, scope)} (in {atom})")
            got = scope[argument].type
            # A parameter of a wider type may still be bound to an object of the wanted one (as PDDL allows).
            if not (got.is_a(wanted) or (argument.startswith("?") and wanted.is_a(got))):
                raise DomainError(f"{where}: {argument} in {atom} must be a {wanted}, but is a {got}")


@dataclass(frozen=True)
class Problem:
    """A domain with objects, an initial state and a goal."""

    domain: Domain
    objects: tuple[Object, ...]
    init: SymbolicState
    goal: tuple[Literal, ...]
    name: str = "problem"
    _scope: Mapping[str, Object] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        things = (*self.domain.constants, *self.objects)
        _refuse_twins(f"{self.name}: objects and constants", (thing.name for thing in things))
        scope = {thing.name: thing for thing in things}
        object.__setattr__(self, "_scope", scope)
        for atom in self.init:
            self.domain.check(atom, scope, "initial state")
        for literal in self.goal:
            self.domain.check(literal.atom, scope, "goal")

    def object(self, name: str) -> Object:
        """The object (or constant) of this name."""
        if name not in self._scope:
            raise UnknownName("object", name, self._scope)
        return self._scope[name]


@dataclass(frozen=True)
class Plan:
    """A sequence of ground steps."""

    steps: tuple[PlanStep, ...] = ()

    @property
    def cost(self) -> int:
        return sum(step.cost for step in self.steps)

    def reaches(self, goal: Iterable[Literal], start: SymbolicState) -> bool:
        """Whether executing the plan from ``start`` is possible and ends where ``goal`` holds."""
        state = start
        for step in self.steps:
            if not step.applicable(state):
                return False
            state = step.apply(state)
        return state.satisfies(goal)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[PlanStep]:
        return iter(self.steps)


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
