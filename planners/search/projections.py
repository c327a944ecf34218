"""A projection of a STRIPS task: what is left of it if only some atoms are looked at.

Its states are real states with all other atoms taken out. Moves that do the same to those atoms are one label. Only
states that the projected start leads to are kept, and from these the goal distances under any costs can be computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from planners.grounding.invariants import Invariant
from planners.grounding.task import GroundTask, Move
from planners.search.successors import Successors

FAR = 1 << 1000
"""The distance of states from which no plan leads."""


class Projection:
    """The task projected to the atoms of ``mask``, as far as it can be reached from ``start``.

    ``whole`` is false if there were more than ``limit`` states; then the rest is of no use.
    """

    def __init__(
        self, task: GroundTask, start: int, allowed: Sequence[int], mask: int, groups: Sequence[Invariant], limit: int
    ) -> None:
        self.mask = mask
        labels: dict[Move, list[int]] = {}
        for number in allowed:
            move = task.moves[number]
            if (move.add | move.delete) & mask:
                part = Move(move.pre & mask, move.npre & mask, move.add & mask, move.delete & mask, 0)
                labels.setdefault(part, []).append(number)
        self.labels = list(labels.values())
        """For each label the numbers of its moves."""
        self.moves = list(labels)
        """For each label what it does here."""
        self.index = {start & mask: 0}
        """The number of each projected state."""
        self.arrivals: list[list[tuple[int, int]]] = [[]]
        """For each state the states from which it is reached, each with the label."""
        self.whole = self._explore(Successors(list(enumerate(labels)), start & mask, groups), limit)
        wanted, unwanted = task.goal
        self.goals = [
            number
            for state, number in self.index.items()
            if state & wanted == wanted & mask and not state & unwanted & mask
        ]

    @property
    def size(self) -> int:
        """States and transitions."""
        return len(self.index) + sum(map(len, self.arrivals))

    def _explore(self, successors: Successors, limit: int) -> bool:
        index, arrivals = self.index, self.arrivals
        queue = list(index)
        for number, state in enumerate(queue):
            for after, _, label in successors.of(state):
                reached = index.get(after)
                if reached is None:
                    reached = index[after] = len(queue)
                    queue.append(after)
                    arrivals.append([])
                arrivals[reached].append((number, label))
            if len(queue) > limit:
                return False
        return True

    def prices(self, costs: Sequence[int]) -> list[int]:
        """What each label costs: the least of its moves."""
        return [min([costs[move] for move in moves]) for moves in self.labels]

    def distances(self, costs: Sequence[int]) -> list[int]:
        """The cheapest way from each state to a goal, if a move costs as ``costs`` says; FAR where there is none."""
        price = self.prices(costs)
        found = [FAR] * len(self.index)
        for state in self.goals:
            found[state] = 0
        queue, levels = {0: list(self.goals)}, [0]
        arrivals = self.arrivals
        while levels:
            level = heappop(levels)
            for state in (current := queue.pop(level)):  # grows while free moves add to it
                if found[state] < level:
                    continue
                for before, label in arrivals[state]:
                    total = level + price[label]
                    if total < found[before]:
                        found[before] = total
                        if total == level:
                            current.append(before)
                        elif total in queue:
                            queue[total].append(before)
                        else:
                            queue[total] = [before]
                            heappush(levels, total)
        return found

    def used(self, distances: Sequence[int]) -> list[int]:
        """What each label must cost at least for the ``distances`` to be right (saturated costs)."""
        found = [0] * len(self.labels)
        for state, arriving in enumerate(self.arrivals):
            here = distances[state]
            if here < FAR:
                for before, label in arriving:
                    if distances[before] - here > found[label]:
                        found[label] = distances[before] - here
        return found
