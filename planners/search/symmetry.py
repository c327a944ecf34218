"""Interchangeable objects: states that differ only by renaming them count as one.

Two objects are interchangeable if swapping their names turns the allowed moves, the axioms and the goal into
themselves. They need not stand at the same place now: four balls that all have to go to the same room are of one class
wherever they are. Classes are taken only if no atom names two objects of one class; then a state says something of its
own about each of them, its signature, and sorting the signatures picks one of the states that are equal up to renaming.
Where atoms name objects of two classes, the classes are sorted in turn, which may leave a few copies apart: that costs
time, never truth, since the outcome is always a renaming of the state (orbit search: Domshlak, Katz, Shleyfman 2012).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from time import monotonic
from typing import TypeAlias

from planners.grounding.task import GroundTask, bits

ROUNDS = 3
"""How often the classes are sorted in turn if they share atoms."""

Key = tuple[object, ...]
Columns: TypeAlias = Mapping[str, Sequence[tuple[int, Key]]]
"""Of each object its atoms, in an order that does not depend on which object it is: number, and text without it."""
Law: TypeAlias = tuple[int, int, tuple[int, ...], frozenset[tuple[int, ...]]]
"""A move (-1, its cost, its masks, those of its conditional effects) or an axiom (its stratum, 0, its masks, nothing)."""


class Symmetry:
    """Classes of interchangeable objects; make one with :meth:`of`."""

    def __init__(self, classes: Sequence[_Class]) -> None:
        self._classes = classes
        masks = [each.mask for each in classes]
        self._apart = all(not a & b for i, a in enumerate(masks) for b in masks[:i])
        self.objects = tuple(each.names for each in classes)
        """The names of the objects, class by class."""

    @classmethod
    def of(cls, task: GroundTask, allowed: Sequence[int], deadline: float = inf) -> Symmetry | None:
        """The symmetries, of every state, that the ``allowed`` moves leave.

        ``None`` if there are none, or if the ``deadline`` (monotonic clock) comes first.
        """
        columns = _columns(task)
        groups = _candidates(task)
        if not groups or monotonic() >= deadline:
            return None
        check = _Check(task, allowed, {name: columns[name] for group in groups for name in group}, deadline)
        classes = []
        for group in groups:
            for name in group:
                if monotonic() >= deadline:
                    return None
                check.place(name)
            classes += [_Class(names, columns) for names in check.classes(group)]
        return cls(classes) if classes else None

    def canonical(self, state: int) -> int:
        """The chosen one among the states that differ from ``state`` by a renaming."""
        for _ in range(1 if self._apart else ROUNDS):
            before = state
            for each in self._classes:
                state = each.sorted(state)
            if state == before:
                break
        return state


class _Class:
    """Objects of one class; each has the same number of atoms, listed in the same order."""

    def __init__(self, names: Sequence[str], columns: Columns) -> None:
        self.names = tuple(names)
        self.columns = [[i for i, _ in columns[name]] for name in names]
        self.masks = [sum(1 << atom for atom in column) for column in self.columns]
        self.mask = sum(self.masks)
        self._signatures: list[dict[int, int]] = [{} for _ in names]
        self._spread: list[dict[int, int]] = [{} for _ in names]

    def sorted(self, state: int) -> int:
        """``state`` with the largest signature given to the first object, and so on."""
        found = [
            known[part] if (part := state & mask) in known else self._signature(i, part)
            for i, (mask, known) in enumerate(zip(self.masks, self._signatures, strict=True))
        ]
        ordered = sorted(found, reverse=True)
        if ordered == found:
            return state
        state &= ~self.mask
        for signature, spread in zip(ordered, self._spread, strict=True):
            state |= spread[signature]
        return state

    def _signature(self, i: int, part: int) -> int:
        """The atoms of object ``i`` that are true, as a mask over places in its list."""
        signature = sum(1 << place for place, atom in enumerate(self.columns[i]) if part >> atom & 1)
        self._signatures[i][part] = signature
        for spread, column in zip(self._spread, self.columns, strict=True):
            spread[signature] = sum(1 << atom for place, atom in enumerate(column) if signature >> place & 1)
        return signature


def _columns(task: GroundTask) -> dict[str, list[tuple[int, Key]]]:
    columns: dict[str, list[tuple[int, Key]]] = {}
    for number, atom in enumerate(task.atoms):
        for name in set(atom.arguments):
            about = (atom.predicate, *(None if a == name else a for a in atom.arguments))
            columns.setdefault(name, []).append((number, about))
    for column in columns.values():
        column.sort(key=lambda pair: tuple((word is None, word or "") for word in pair[1]))
    return columns


def _candidates(task: GroundTask) -> list[list[str]]:
    """Objects that look alike: same type, as many static facts of each kind, same goals."""
    alike: dict[Key, list[str]] = {}
    constants = {thing.name for thing in task.problem.domain.constants}
    wanted, unwanted = task.goal
    facts: dict[str, dict[Key, int]] = {}
    for atom in task.problem.init.atoms:
        if atom.predicate not in task.problem.domain.fluents:
            for place, name in enumerate(atom.arguments):
                kinds = facts.setdefault(name, {})
                kinds[atom.predicate, place] = kinds.get((atom.predicate, place), 0) + 1
    goals: dict[str, set[Key]] = {}
    counts: dict[str, int] = {}
    for number, atom in enumerate(task.atoms):
        for name in set(atom.arguments):
            counts[name] = counts.get(name, 0) + 1
            if (wanted | unwanted) >> number & 1:
                about = (
                    bool(wanted >> number & 1),
                    atom.predicate,
                    *(None if a == name else a for a in atom.arguments),
                )
                goals.setdefault(name, set()).add(about)
    for thing in task.problem.objects:
        if thing.name not in constants and thing.name in counts:
            key = (
                thing.type.name,
                counts[thing.name],
                frozenset(facts.get(thing.name, {}).items()),
                frozenset(goals.get(thing.name, ())),
            )
            alike.setdefault(key, []).append(thing.name)
    group_of = {name: i for i, names in enumerate(alike.values()) for name in names}
    named_twice = set()
    for atom in task.atoms:
        places = [group_of[name] for name in atom.arguments if name in group_of]
        named_twice |= {i for i in places if places.count(i) > 1}
    return [names for i, names in enumerate(alike.values()) if len(names) > 1 and i not in named_twice]


class _Check:
    """Puts objects into classes of those that can be swapped pair by pair (which is transitive).

    Objects that can be swapped, and that no law names both, are in laws that look the same with the object's atoms
    numbered by their place. So few pairs need a closer look: those with the same print, and those with a law in common.
    """

    def __init__(self, task: GroundTask, allowed: Sequence[int], columns: Columns, deadline: float) -> None:
        self._goal, self._columns = task.goal, columns
        self._known = dict.fromkeys(_laws(task, allowed))
        named: dict[int, set[str]] = {}
        for name, column in columns.items():
            for atom, _ in column:
                named.setdefault(atom, set()).add(name)
        self._class_of: dict[str, list[str]] = {}
        self._alike: dict[Key, list[str]] = {}
        self._laws: dict[str, list[Law]] = {name: [] for name in columns}
        self._partners: dict[str, set[str]] = {name: set() for name in columns}
        for law in self._known:
            if monotonic() >= deadline:
                return  # of no use: no object is placed after the deadline
            names = {name for atom in bits(_whole(law)) for name in named.get(atom, ())}
            for name in names:
                self._laws[name].append(law)
                self._partners[name] |= names

    def place(self, name: str) -> None:
        """Puts an object into a class, or opens one."""
        alike = self._alike.setdefault((tuple(about for _, about in self._columns[name]), self._print(name)), [])
        first = {self._class_of[other][0]: None for other in sorted(self._partners[name] & self._class_of.keys())}
        found = next((other for other in (*alike, *first) if self.swappable(other, name)), None)
        if found is None:
            alike.append(name)
            self._class_of[name] = [name]
        else:
            self._class_of[name] = self._class_of[found]
            self._class_of[name].append(name)

    def classes(self, names: Sequence[str]) -> Iterator[list[str]]:
        """The classes of two or more among ``names``, which were all placed."""
        for name in names:
            found = self._class_of[name]
            if len(found) > 1 and found[0] == name:
                yield found

    def swappable(self, a: str, b: str) -> bool:
        """Whether atoms, allowed moves, axioms and goal stay what they are when ``a`` and ``b`` change names."""
        left, right = self._columns[a], self._columns[b]
        if [about for _, about in left] != [about for _, about in right]:
            return False
        there = {i: j for (i, _), (j, _) in zip(left, right, strict=True)}
        swap = _Renaming(there | {j: i for i, j in there.items()})
        if tuple(map(swap, self._goal)) != self._goal:
            return False
        return all(swap.law(law) in self._known for name in (a, b) for law in self._laws[name])

    def _print(self, name: str) -> int:
        """What the laws about an object look like with its atoms numbered by place, in any order."""
        atoms = [atom for atom, _ in self._columns[name]]
        own = sum(1 << atom for atom in atoms)
        place = _Renaming({atom: i for i, atom in enumerate(atoms)})

        def apart(masks: tuple[int, ...]) -> Key:
            return tuple((mask & ~own, place(mask & own)) for mask in masks)

        return sum(
            hash((kind, cost, apart(masks), frozenset(map(apart, branches))))
            for kind, cost, masks, branches in self._laws[name]
        )


class _Renaming:
    """Puts other atoms for some in masks."""

    def __init__(self, to: Mapping[int, int]) -> None:
        self._to = to
        self._mask = sum(1 << atom for atom in to)
        self._known: dict[int, int] = {}

    def __call__(self, mask: int) -> int:
        part = mask & self._mask
        if part not in self._known:
            self._known[part] = sum(1 << self._to[atom] for atom in bits(part))
        return mask & ~self._mask | self._known[part]

    def law(self, law: Law) -> Law:
        """``law`` with its atoms renamed."""
        kind, cost, masks, branches = law
        return kind, cost, tuple(map(self, masks)), frozenset(tuple(map(self, branch)) for branch in branches)


def _laws(task: GroundTask, allowed: Sequence[int]) -> Iterator[Law]:
    for move in (task.moves[i] for i in allowed):
        branches = frozenset((each.pre, each.npre, each.add, each.delete) for each in move.branches)
        yield -1, move.cost, (move.pre, move.npre, move.add, move.delete), branches
    for level, stratum in enumerate(task.rules):
        yield from ((level, 0, (rule.head, rule.pre, rule.npre), frozenset()) for rule in stratum)


def _whole(law: Law) -> int:
    """All atoms that a law names."""
    whole = 0
    for masks in (law[2], *law[3]):
        for mask in masks:
            whole |= mask
    return whole
