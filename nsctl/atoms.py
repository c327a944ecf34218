"""The smallest nouns: types, objects, predicates, atoms, literals, and states as sets of atoms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from nsctl.errors import DomainError


@dataclass(frozen=True)
class Type:
    """A type of objects; ``parent`` is the more general type, ``None`` for the root ``object``.

    A union (PDDL's ``either``) has ``members``: every object of one of them is also one of the union.
    """

    name: str
    parent: Type | None = None
    members: tuple[Type, ...] = ()

    def is_a(self, other: Type) -> bool:
        """Whether every object of this type is also one of ``other``."""
        if self.name == other.name or any(self.is_a(member) for member in other.members):
            return True
        if self.members:
            return all(member.is_a(other) for member in self.members)
        return self.parent is not None and self.parent.is_a(other)

    def overlaps(self, other: Type) -> bool:
        """Whether some object may be of both types."""
        own, others = self.members or (self,), other.members or (other,)
        return any(a.is_a(b) or b.is_a(a) for a in own for b in others)

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
    """The set of atoms that are true; every other atom is false (closed world).

    A state that was observed may not be the only one that fits what was seen: ``others`` are further sets of atoms that
    do, and an atom on which they do not agree is unknown. Two states are equal if their atoms are.
    """

    atoms: frozenset[Atom] = frozenset()
    others: frozenset[frozenset[Atom]] = field(default=frozenset(), compare=False)

    @classmethod
    def of(cls, atoms: Iterable[Atom]) -> SymbolicState:
        return cls(frozenset(atoms))

    @property
    def unknown(self) -> frozenset[Atom]:
        """Atoms that hold in some of the states that fit and not in others."""
        return self.atoms.union(*self.others) - self.atoms.intersection(*self.others)

    def value(self, atom: Atom) -> bool | None:
        """Whether ``atom`` is true; ``None`` where nobody knows."""
        return None if atom in self.unknown else atom in self.atoms

    def nearest(self, expected: SymbolicState) -> SymbolicState:
        """Of the states that fit, the one that differs least from what was ``expected``; this one before others."""
        if not self.others:
            return self
        fitting = [self.atoms, *sorted(self.others, key=sorted)]
        atoms = min(fitting, key=lambda atoms: len(atoms ^ expected.atoms))
        return SymbolicState(atoms, frozenset(fitting) - {atoms})

    def satisfies(self, literals: Iterable[Literal]) -> bool:
        """Whether every literal holds here."""
        return all((literal.atom in self.atoms) == literal.positive for literal in literals)

    def __contains__(self, atom: Atom) -> bool:
        return atom in self.atoms

    def __iter__(self) -> Iterator[Atom]:
        return iter(sorted(self.atoms))

    def __len__(self) -> int:
        return len(self.atoms)

    def __str__(self) -> str:
        return "{" + ", ".join(map(str, self)) + "}"
