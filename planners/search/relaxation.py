"""The delete relaxation of a STRIPS task with costs, written for speed: facts and operators are small numbers.

Facts are atoms and, where some precondition or the goal wants an atom false, the atom's complement. Only what
matters to the goal is kept. Two facts are artificial: one that always holds, and the goal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from planners.grounding.task import Move, bits

ALWAYS, GOAL = 0, 1
CHUNK = 14
"""Atoms of a state that are translated by one look-up."""

Raw = dict[tuple[frozenset[int], frozenset[int]], tuple[int, list[int]]]
"""By what they need and add: the cost of the cheapest of some moves, and their numbers."""


class Relaxation:
    """Facts 0 (always true), 1 (the goal) and so on; operators with preconditions, additions and costs in units.

    ``moves`` are numbered; ``costs``, where given, says by that number what a move costs here.
    """

    def __init__(
        self, moves: Sequence[tuple[int, Move]], goal_masks: tuple[int, int], costs: Sequence[int] | None = None
    ) -> None:
        wanted, unwanted = goal_masks
        denied, size = unwanted, (wanted | unwanted).bit_length()
        for _, move in moves:
            denied |= move.npre
            size = max(size, (denied | move.pre | move.add | move.delete).bit_length())

        def facts(true: int, false: int) -> frozenset[int]:
            return frozenset(bits(true | (false & denied) << size))

        raw: Raw = {}
        for number, move in moves:
            needs = facts(move.pre, move.npre)
            key = needs, facts(move.add, move.delete) - needs
            price = move.cost if costs is None else costs[number]
            cost, numbers = raw.get(key, (price, []))
            numbers.append(number)
            raw[key] = min(cost, price), numbers
        goal = facts(wanted, unwanted)
        relevant = _relevant(goal, raw)
        index = {fact: i + 2 for i, fact in enumerate(sorted(relevant))}
        self.pre: list[tuple[int, ...]] = [tuple(index[f] for f in sorted(goal)) or (ALWAYS,)]
        self.add: list[tuple[int, ...]] = [(GOAL,)]
        self.cost = [0]
        self.operator: dict[int, int] = {}
        """The operator of each move that matters."""
        for (needs, adds), (cost, numbers) in raw.items():
            if kept := [index[f] for f in sorted(adds) if f in index]:
                self.operator.update(dict.fromkeys(numbers, len(self.pre)))
                self.pre.append(tuple(index[f] for f in sorted(needs)) or (ALWAYS,))
                self.add.append(tuple(kept))
                self.cost.append(cost)
        self.size = len(index) + 2
        """The number of facts."""
        self.needed_by = _where(self.pre, self.size)
        self.added_by = _where(self.add, self.size)
        self._chunks = _chunks(index, size)

    def facts(self, state: int) -> list[int]:
        """The facts that hold in ``state``."""
        found = [ALWAYS]
        for mask, table, atoms in self._chunks:
            part = state & mask
            if part not in table:
                table[part] = tuple(fact for atom, value, fact in atoms if part >> atom & 1 == value)
            found += table[part]
        return found


def _relevant(goal: Iterable[int], raw: Raw) -> set[int]:
    """The facts that the goal or an operator which adds such a fact needs."""
    adders: dict[int, list[frozenset[int]]] = {}
    for needs, adds in raw:
        for fact in adds:
            adders.setdefault(fact, []).append(needs)
    relevant, queue = set(goal), list(goal)
    while queue:
        for needs in adders.pop(queue.pop(), ()):
            new = needs - relevant
            relevant |= new
            queue += sorted(new)
    return relevant


def _where(lists: Sequence[Iterable[int]], size: int) -> list[tuple[int, ...]]:
    found: list[list[int]] = [[] for _ in range(size)]
    for number, entries in enumerate(lists):
        for entry in entries:
            found[entry].append(number)
    return [tuple(numbers) for numbers in found]


Chunk = tuple[int, dict[int, tuple[int, ...]], list[tuple[int, int, int]]]
"""Some atoms' mask, a table from their values to facts, and for each atom, value and fact how they belong together."""


def _chunks(index: dict[int, int], size: int) -> list[Chunk]:
    entries = sorted((fact % size, int(fact < size), number) for fact, number in index.items())
    atoms = sorted({atom for atom, _, _ in entries})
    chunks: list[Chunk] = []
    for first in range(0, len(atoms), CHUNK):
        chosen = set(atoms[first : first + CHUNK])
        chunks.append((sum(1 << atom for atom in chosen), {}, [e for e in entries if e[0] in chosen]))
    return chunks
