"""Blind search in layers, for moves that all cost the same: the states that n steps lead to, then those of n + 1.

The layers are sets, filled by loops that run inside the interpreter's own C code; no state remembers where it came
from. A plan is read off afterwards by going back from layer to layer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from math import inf

from planners.grounding.task import GroundTask, Move, bits
from planners.search.successors import Successors

BATCH = 32
"""States expanded between two looks at the clock."""
FREE = 10
"""Atoms whose value before a move is open: up to so many, all their values are tried on the way back."""


class Layers:
    """Breadth-first search over a STRIPS task; ``limit`` is the number of states that may be held."""

    def __init__(
        self, task: GroundTask, start: int, allowed: Sequence[int], successors: Successors, limit: int
    ) -> None:
        self.depth = 0
        """No plan has fewer steps than this."""
        self.states = 1
        self.plan: tuple[int, ...] | None = None
        self.exhausted = False
        self._task, self._allowed, self._successors, self._limit = task, allowed, successors, limit
        self._layers = [{start}]

    @property
    def growth(self) -> float:
        """By what factor a layer outgrew the one before, on average over the last four; infinite before there are five."""
        if len(self._layers) <= 4:
            return inf
        return float((len(self._layers[-1]) / len(self._layers[-5])) ** 0.25)

    def run(self) -> Iterator[int]:
        """Search; yields the work done since the last time, until it is over or the states are too many."""
        seen = set(self._layers[0])
        if self._finish():
            return
        while self._layers[-1]:
            following: set[int] = set()
            states = iter(self._layers[-1])
            while batch := list(islice(states, BATCH)):
                yield self._expand(batch, following)
                if len(seen) + len(following) > 2 * self._limit:
                    return
            following = following - seen
            seen |= following
            self.states = len(seen)
            self._layers.append(following)
            self.depth += 1
            if self._finish() or self.states >= self._limit:
                return
        self.depth -= 1
        self.exhausted = True

    def _expand(self, batch: Sequence[int], following: set[int]) -> int:
        """Add what follows the states of ``batch``; returns the work done."""
        tables, checks, add_all, add_one = (
            self._successors.bare,
            self._successors.checks,
            following.update,
            following.add,
        )
        work = len(batch) * (5 + len(tables) * 2)
        for state in batch:
            flip = state.__xor__
            for mask, table in tables:
                if flips := table[state & mask]:
                    add_all(map(flip, flips))
                    work += len(flips)
            for mask, table_of_checks in checks:
                found = table_of_checks[state & mask]
                work += len(found)
                for looked_at, value, keep, add, _, _ in found:
                    if state & looked_at == value:
                        add_one(state & keep | add)
        return work

    def _finish(self) -> bool:
        wanted, unwanted = self._task.goal
        if self._task.dead_goals:
            return False
        both = wanted | unwanted
        goal = next((state for state in self._layers[-1] if state & both == wanted), None)
        if goal is not None:
            self.plan = self._way(goal)
        return goal is not None

    def _way(self, state: int) -> tuple[int, ...]:
        numbers = []
        for layer in self._layers[-2::-1]:
            state, number = self._back(state, layer)
            numbers.append(number)
        return tuple(reversed(numbers))

    def _back(self, state: int, layer: Collection[int]) -> tuple[int, int]:
        """A state of ``layer`` and the number of a move that leads from it to ``state``."""
        moves = self._task.moves
        for number in self._allowed:
            for before in _predecessors(moves[number], state):
                if before in layer:
                    return before, number
        return next((s, n) for s in layer for after, _, n in self._successors.of(s) if after == state)


def _predecessors(move: Move, state: int) -> Iterator[int]:
    """States from which ``move`` leads to ``state``; none if too many atoms are open."""
    if state & move.add != move.add or state & move.delete & ~move.add:
        return
    changed = move.add | move.delete
    base = state & ~changed | move.pre & changed
    open_atoms = list(bits(changed & ~(move.pre | move.npre)))
    if base & (move.pre | move.npre) != move.pre or len(open_atoms) > FREE:
        return
    for choice in range(1 << len(open_atoms)):
        yield base | sum(1 << atom for i, atom in enumerate(open_atoms) if choice >> i & 1)
