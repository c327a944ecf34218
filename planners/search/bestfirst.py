"""Best-first search: states in the order of what a plan through them must cost at least.

Without a heuristic that is uniform-cost search; with an admissible one it is A* (Hart, Nilsson, Raphael 1968). The
heuristic need not be consistent: a state reached at a lower cost than before is opened again. A new state inherits what
its parent knows and is evaluated only when its turn comes (lazily), so that states which never have their turn cost
nothing. With symmetries, states equal up to renaming count as one, but each is kept as it was reached, so that moves
lead from real states to real states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Any, Protocol

from planners.grounding.task import GroundTask
from planners.search.symmetry import Symmetry

UNIT = 1 << 32
"""Keys are costs times this, plus something smaller that breaks ties."""

Heuristic = Callable[[int], "int | None"]

Node = tuple[int, int, int, Any, int]
"""Cost so far (times UNIT), the state, its canonical form, the node before (or ``None``) and the move from there."""


class Expander(Protocol):
    """What a search needs to know of a task's moves."""

    def of(self, state: int) -> list[tuple[int, int, int]]:
        """The states that follow: each with the cost in units and the number of the move."""


class BestFirst:
    """Searches for a cheapest plan. Among equally cheap ones it finds, without a heuristic, one with the fewest steps.

    A heuristic gives a lower bound on the cost in units from a state on, or ``None`` where no plan leads from. It may
    say by an attribute ``effort`` what one call of it costs (in 0.1 microseconds), and by a method ``after(state,
    parent, number)`` that it gains from knowing from which state and by which move a state was reached.
    """

    def __init__(
        self,
        task: GroundTask,
        start: int,
        successors: Expander,
        heuristic: Heuristic | None,
        symmetry: Symmetry | None,
        limit: int,
    ) -> None:
        self.bound = 0
        self.plan: tuple[int, ...] | None = None
        self.exhausted = False
        self._task, self._successors, self._limit = task, successors, limit
        self._heuristic, self._canonical = heuristic, symmetry.canonical if symmetry else None
        first = symmetry.canonical(start) if symmetry else start
        self._best: dict[int, Node] = {first: (0, start, first, None, -1)}
        self._rest: dict[int, int] = {}  # what evaluated states need at least, in units; -1 if no plan leads from them
        self._heap: list[int] = []
        self._buckets: dict[int, list[tuple[Node, int]]] = {}

    @property
    def states(self) -> int:
        """How many different states were met."""
        return len(self._best)

    def run(self) -> Iterator[int]:
        """Search; yields the work done since the last time, until it is over or the states are too many."""
        for node in list(self._best.values()):
            self._push(0, node, 0)
        effort = getattr(self._heuristic, "effort", 20)
        while self._heap:
            key, node, rest = self._pop()
            if self._best[node[2]] is not node:
                continue
            self.bound = max(self.bound, key // UNIT)
            if self._heuristic and node[2] not in self._rest:
                rest = self._evaluate(node, rest)
                yield effort
                if rest < 0:
                    continue
                if (true_key := self._key(node[0], rest)) > key:
                    self._push(true_key, node, rest)
                    continue
            if self._task.reached(node[1]):
                self.plan = _way(node)
                return
            yield self._expand(node, rest)
            if len(self._best) >= self._limit:
                return
        self.exhausted = True

    def _evaluate(self, node: Node, inherited: int) -> int:
        """What the state needs at least, by the heuristic and by what its parent knew; -1 if no plan leads from it."""
        assert self._heuristic is not None
        _, state, canonical, parent, number = node
        after = getattr(self._heuristic, "after", None)
        value = after(state, parent[1], number) if after and parent else self._heuristic(state)
        self._rest[canonical] = -1 if value is None else value
        return -1 if value is None else max(value, inherited)

    def _expand(self, node: Node, rest: int) -> int:
        best, known, canonical, informed = self._best, self._rest, self._canonical, self._heuristic is not None
        so_far, step = node[0], 0 if informed else 1
        found = self._successors.of(node[1])
        for after, cost, number in found:
            form = canonical(after) if canonical else after
            total = so_far + cost * UNIT + step
            if form in best and best[form][0] <= total:
                continue
            own = known.get(form, 0) if informed else 0
            if own < 0:
                continue
            following = best[form] = (total, after, form, node, number)
            if informed:
                inherited = max(own, rest - cost)
                self._push(self._key(total, inherited), following, inherited)
            else:
                self._push(total, following, 0)
        return 20 + (80 if canonical else 12) * len(found)

    def _key(self, total: int, rest: int) -> int:
        """First by the whole cost, then by what is left of it."""
        return total + rest * UNIT + min(rest, UNIT - 1)

    def _push(self, key: int, node: Node, rest: int) -> None:
        bucket = self._buckets.get(key)
        if bucket is None:
            self._buckets[key] = [(node, rest)]
            heappush(self._heap, key)
        else:
            bucket.append((node, rest))

    def _pop(self) -> tuple[int, Node, int]:
        key = self._heap[0]
        bucket = self._buckets[key]
        node, rest = bucket.pop()
        if not bucket:
            heappop(self._heap)
            del self._buckets[key]
        return key, node, rest


def _way(node: Node) -> tuple[int, ...]:
    """The moves from the start to a node."""
    numbers = []
    while node[3]:
        numbers.append(node[4])
        node = node[3]
    return tuple(reversed(numbers))
