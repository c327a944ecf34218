"""Pattern databases and landmark cuts that share the costs of a task between them.

A pattern is a few variables of the task; its database holds the goal distances of the task projected to them (Culberson,
Schaeffer 1998; Edelkamp 2001). Each database takes of every move's cost only what its distances need, and leaves the
rest to those that follow (saturated cost partitioning: Seipp, Keller, Helmert, JAIR 2020); the last to follow are the
landmark cuts. So all values may be added. Databases see what cuts do not: that something must be brought back, or that
one hand cannot hold two things. Cuts see the whole task at once.

Which patterns are worth it is tried out: small ones are taken where they raise the sum over the start and a few states
near it (greedily, as in hill climbing for patterns: Haslum et al. 2007).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from math import inf
from random import Random
from time import monotonic

from planners.grounding.invariants import Invariant, invariants
from planners.grounding.task import GroundTask, Move, bits
from planners.search.bestfirst import Heuristic
from planners.search.lmcut import LmCut
from planners.search.projections import FAR, Projection
from planners.search.successors import Successors, variables

EFFORT = 1_000_000
"""What the choice of patterns may cost, in 0.1 microseconds."""
STATES = 300
"""Projected states of one pattern."""
SAMPLES = 3
"""States beside the start on which patterns are tried."""


def best_heuristic(
    task: GroundTask,
    start: int,
    allowed: Sequence[int],
    groups: Sequence[Invariant] | None = None,
    effort: int = EFFORT,
    deadline: float = inf,
) -> Heuristic | None:
    """The heuristic for a search from ``start`` by the moves ``allowed``; ``None`` beyond STRIPS.

    ``groups`` are the task's invariants where the caller has them already; ``effort`` 0 leaves the patterns out,
    and a ``deadline`` (monotonic clock) that comes first ends the choice of them.
    """
    if not task.strips:
        return None
    return PatternsAndCuts(task, start, allowed, invariants(task) if groups is None else groups, effort, deadline)


class PatternsAndCuts:
    """Lower bounds, in units, on the cost from a state that can be reached from ``start`` by the moves ``allowed``."""

    def __init__(
        self,
        task: GroundTask,
        start: int,
        allowed: Sequence[int],
        groups: Sequence[Invariant],
        effort: int,
        deadline: float = inf,
    ) -> None:
        _, _, happening = task.relaxed(start, allowed)
        choice = _Choice(task, start, happening, groups)
        if not task.dead_goals:
            choice.make(effort, deadline)
        self._dead = bool(task.dead_goals)
        self._tables = choice.tables
        self._cuts = choice.cuts
        self.effort = self._cuts.effort + 3 * len(self._tables)
        """What one call costs, about, in 0.1 microseconds."""

    @property
    def patterns(self) -> tuple[int, ...]:
        """The atoms of each pattern, as masks."""
        return tuple(mask for mask, _ in self._tables)

    def __call__(self, state: int) -> int | None:
        """The bound for ``state``; ``None`` if it is proven that no plan leads from there."""
        return self._sum(state, None if self._dead else self._cuts(state))

    def after(self, state: int, parent: int, number: int) -> int | None:
        """The same for a state that move ``number`` leads to from ``parent``; quicker if that was evaluated before."""
        return self._sum(state, None if self._dead else self._cuts.after(state, parent, number))

    def _sum(self, state: int, value: int | None) -> int | None:
        if value is None:
            return None
        for mask, table in self._tables:
            value += table[state & mask]
        return value if value < FAR else None


class _Choice:
    """Chooses patterns and shares the costs."""

    def __init__(self, task: GroundTask, start: int, happening: Sequence[int], groups: Sequence[Invariant]) -> None:
        self.task, self.start, self.happening, self.groups = task, start, happening, groups
        self.moves = [(number, task.moves[number]) for number in happening]
        self.rest = [move.cost for move in task.moves]
        self.cuts = LmCut(self.moves, task.goal)
        self.tables: list[tuple[int, dict[int, int]]] = []

    def make(self, effort: int, deadline: float) -> None:
        """Try patterns, smallest first, until ``effort`` is spent or the ``deadline`` has come."""
        first = self.cuts(self.start)
        if first is None or not effort:
            return
        samples = self._samples(first)
        values = [self.cuts(state) or 0 for state in samples]
        effort -= 6 * self.cuts.effort * len(samples)
        for mask in _patterns(self.moves, self.task.goal, self.start, self.groups):
            projection = Projection(self.task, self.start, self.happening, mask, self.groups, STATES)
            effort -= 300 + 30 * len(projection.labels) + 10 * projection.size
            if projection.whole:
                effort -= self._try(projection, samples, values)
            if effort < 0 or monotonic() > deadline:
                return

    def _try(self, projection: Projection, samples: Sequence[int], values: list[int]) -> int:
        """Take the projection in if the values of the samples gain from it; returns the effort."""
        distances = projection.distances(self.rest)
        if not distances[0]:
            return 0
        rest = self.rest[:]
        for used, numbers in zip(projection.used(distances), projection.labels, strict=True):
            for number in numbers if used else ():
                rest[number] -= used
        cuts = LmCut(self.moves, self.task.goal, rest)
        table = {state: distances[number] for state, number in projection.index.items()}
        tables = [*self.tables, (projection.mask, table)]
        gained = []
        for state in samples:
            value = cuts(state)
            gained.append(FAR if value is None else value + sum(t[state & mask] for mask, t in tables))
            if gained[0] < values[0]:
                break
        effort = 6 * cuts.effort * (1 + len(gained))
        if gained[0] >= values[0] and sum(gained) > sum(values):
            values[:] = gained
            self.rest, self.cuts, self.tables = rest, cuts, tables
        return effort

    def _samples(self, length: int) -> list[int]:
        """The start and ends of random walks from it (always the same ones) from which the goal seems within reach."""
        random, successors = Random(0), Successors(self.moves, self.start, self.groups)
        samples = [self.start]
        for _ in range(SAMPLES):
            state = self.start
            for _ in range(random.randint(length // 3, 2 * length)):
                following = successors.of(state)
                if not following:
                    break
                state = random.choice(following)[0]
            if self.cuts(state) is not None:
                samples.append(state)
        return samples


def _patterns(
    moves: Sequence[tuple[int, Move]], goal: tuple[int, int], start: int, groups: Sequence[Invariant]
) -> Iterator[int]:
    """Masks of variables that belong together, from few projected states to many.

    A pattern begins with a variable of the goal and grows by variables on which its own depend (some move that changes
    the one looks at or changes the other), or by further goals that depend on the same.
    """
    parts = [m.pre | m.npre | m.add | m.delete for _, m in moves]
    found = variables([*parts, goal[0] | goal[1]], start, groups)
    of = {atom: i for i, (mask, _) in enumerate(found) for atom in bits(mask)}
    needs: list[set[int]] = [set() for _ in found]
    for (_, move), part in zip(moves, parts, strict=True):
        involved = {of[atom] for atom in bits(part)}
        for atom in bits(move.add | move.delete):
            needs[of[atom]] |= involved
    goals = sorted({of[atom] for atom in bits(goal[0] | goal[1])})
    served = [{g for g in goals if variable in needs[g]} for variable in range(len(found))]
    queue: list[tuple[int, tuple[int, ...]]] = [(found[g][1], (g,)) for g in goals]
    seen = {pattern for _, pattern in queue}
    queue.sort()
    while queue:
        size, pattern = heappop(queue)
        yield sum(found[v][0] for v in pattern)
        near = set().union(*(needs[v] for v in pattern))
        for variable in sorted(near.union(*(served[v] for v in near)) - set(pattern)):
            grown = tuple(sorted((*pattern, variable)))
            if grown not in seen and size * found[variable][1] <= 8 * STATES:
                seen.add(grown)
                heappush(queue, (size * found[variable][1], grown))
