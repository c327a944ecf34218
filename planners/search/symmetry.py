"""Interchangeable objects: states that differ only by renaming them count as one.

Two objects are interchangeable if swapping their names turns the allowed moves, the axioms and the goal into
themselves. They need not stand at the same place now: four balls that all have to go to the same room are of one class
wherever they are. Classes are taken only if no atom names two objects of one class; then a state says something of its
own about each of them, its signature, and sorting the signatures picks one of the states that are equal up to renaming.
Where atoms name objects of two classes, the classes are sorted in turn, which may leave a few copies apart: that costs
time, never truth, since the outcome is always a renaming of the state (orbit search: Domshlak, Katz, Shleyfman 2012).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from planners.grounding.task import GroundTask, Move, bits

ROUNDS = 3
"""How often the classes are sorted in turn if they share atoms."""

Key = tuple[object, ...]


class Symmetry:
    """Classes of interchangeable objects; make one with :meth:`of`."""

    def __init__(self, classes: Sequence[_Class]) -> None:
        self._classes = classes
        masks = [each.mask for each in classes]
        self._apart = all(not a & b for i, a in enumerate(masks) for b in masks[:i])
        self.objects = tuple(each.names for each in classes)
        """The names of the objects, class by class."""

    @classmethod
    def of(cls, task: GroundTask, start: int, allowed: Sequence[int]) -> Symmetry | None:
        """The symmetries that the ``allowed`` moves leave; ``None`` if there are none.

        They hold in every state; ``start`` is taken so that all parts of a search are made alike.
        """
        del start
        groups = list(_candidates(task))
        if not groups:
            return None
        check = _Check(task, allowed)
        classes = [_Class(task, names) for group in groups for names in check.split(group)]
        return cls([each for each in classes if each.mask]) if any(each.mask for each in classes) else None

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

    def __init__(self, task: GroundTask, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.columns = [[i for i, _ in _atoms_of(task, name)] for name in names]
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


def _atoms_of(task: GroundTask, name: str) -> list[tuple[int, Key]]:
    """The atoms about an object, in an order that does not depend on which object it is."""
    found = []
    for number, atom in enumerate(task.atoms):
        if name in atom.arguments:
            found.append((number, (atom.predicate, *(None if a == name else a for a in atom.arguments))))
    return sorted(found, key=lambda pair: tuple((word is None, word or "") for word in pair[1]))


def _candidates(task: GroundTask) -> Iterator[list[str]]:
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
    for names in alike.values():
        if len(names) > 1 and not any(_names_two(atom.arguments, set(names)) for atom in task.atoms):
            yield names


def _names_two(arguments: Iterable[str], names: set[str]) -> bool:
    return sum(argument in names for argument in arguments) > 1


class _Check:
    """Tells whether a swap of two objects turns the task into itself."""

    def __init__(self, task: GroundTask, allowed: Sequence[int]) -> None:
        self._task = task
        self._moves = [task.moves[i] for i in allowed]
        self._known = {_as_key(move) for move in self._moves}
        self._rules = {(level, rule) for level, stratum in enumerate(task.rules) for rule in stratum}

    def split(self, names: Sequence[str]) -> list[list[str]]:
        """``names`` in classes of two or more that can be swapped pair by pair (which is transitive)."""
        classes: list[list[str]] = []
        for name in names:
            for each in classes:
                if self.swappable(each[0], name):
                    each.append(name)
                    break
            else:
                classes.append([name])
        return [each for each in classes if len(each) > 1]

    def swappable(self, a: str, b: str) -> bool:
        """Whether atoms, allowed moves, axioms and goal stay what they are when ``a`` and ``b`` change names."""
        left, right = _atoms_of(self._task, a), _atoms_of(self._task, b)
        if [about for _, about in left] != [about for _, about in right]:
            return False
        swap = _Swap([(i, j) for (i, _), (j, _) in zip(left, right, strict=True)])
        if tuple(map(swap, self._task.goal)) != self._task.goal:
            return False
        if any(swap.move(move) not in self._known for move in self._moves if swap.touches(move)):
            return False
        return all(
            (level, type(rule)(swap(rule.head), swap(rule.pre), swap(rule.npre))) in self._rules
            for level, rule in self._rules
        )


class _Swap:
    """Exchanges pairs of atoms in masks."""

    def __init__(self, pairs: Sequence[tuple[int, int]]) -> None:
        self._to = {a: b for pair in pairs for a, b in (pair, pair[::-1])}
        self._mask = sum(1 << atom for atom in self._to)
        self._known: dict[int, int] = {}

    def __call__(self, mask: int) -> int:
        part = mask & self._mask
        if part not in self._known:
            self._known[part] = sum(1 << self._to[atom] for atom in bits(part))
        return mask & ~self._mask | self._known[part]

    def touches(self, move: Move) -> bool:
        return bool((move.pre | move.npre | move.add | move.delete) & self._mask or move.branches)

    def move(self, move: Move) -> Key:
        """``move`` with its atoms exchanged, as :func:`_as_key`."""
        branches = (
            type(branch)(self(branch.pre), self(branch.npre), self(branch.add), self(branch.delete))
            for branch in move.branches
        )
        return self(move.pre), self(move.npre), self(move.add), self(move.delete), move.cost, frozenset(branches)


def _as_key(move: Move) -> Key:
    """A move as a value that does not depend on the order of its conditional effects."""
    return move.pre, move.npre, move.add, move.delete, move.cost, frozenset(move.branches)
