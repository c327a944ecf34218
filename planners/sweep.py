"""A breadth-first sweep over states: a proof of unsolvability, or of how many steps the shortest plan has, or a bound.

The sweep says where the solver should start: states are visited in layers by their distance from the start, so a goal
first met in layer n proves that no plan has fewer than n steps. If the layers run dry, no plan exists at all. In large
state spaces the effort runs out first and the bound is what was gained. Where the goal was met, the sweep also knows
states on one shortest way; a few of them, as milestones, cut the solver's long question into short ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from time import monotonic

from planners.ground import GroundTask

# States held in memory (about 100 bytes each).
MAX_STATES = 300_000


class Sweep:
    """A sweep that can pause: :meth:`advance` goes on for a while."""

    def __init__(self, task: GroundTask, start: int, allowed: Collection[int]) -> None:
        self.depth = 0
        """No plan has fewer steps than this."""
        self.states = 1
        """How many different states were met."""
        self.met = task.reached(start)
        """Whether the goal was met; the shortest plan then has exactly ``depth`` steps."""
        self.exhausted = False
        """Whether every state that can be reached was seen and none is a goal."""
        self._before: dict[int, int] = {}  # each state but the start -> the state from which it was first met
        self._goal = start
        self._moves = [task.moves[i] for i in allowed]
        self._visits = self._visit(task, start)

    @property
    def over(self) -> bool:
        """Whether the sweep has nothing more to tell."""
        return self.met or self.exhausted or self.states >= MAX_STATES

    def milestones(self, every: int) -> dict[int, int]:
        """States on one shortest way after each ``every`` steps, the ends left out; none before the goal was met."""
        state, way = self._goal, []
        for _ in range(self.depth if self.met else 0):
            way.append(state)
            state = self._before[state]
        return {t: way[self.depth - t] for t in range(every, len(way), every)}

    def advance(self, effort: int, deadline: float) -> None:
        """Go on until it is over, ``effort`` (states times steps looked at) is spent or ``deadline`` has come."""
        cost = len(self._moves) + 1
        while effort > 0 and not self.over and monotonic() < deadline:
            batch = max(1, min(effort, 20_000) // cost)
            for _ in islice(self._visits, batch):
                pass
            effort -= batch * cost

    def _visit(self, task: GroundTask, start: int) -> Iterator[None]:
        """One state of the layer at each step."""
        before, layer = self._before, [start]
        while layer and not self.met:
            following: list[int] = []
            for state in layer:
                for move in self._moves:
                    if state & move.pre == move.pre and not state & move.npre:
                        after = state & ~move.delete | move.add
                        if after not in before and after != start:
                            before[after] = state
                            following.append(after)
                self.states = len(before) + 1
                yield
            layer = following
            self.depth += 1
            self._goal = next((state for state in layer if task.reached(state)), start)
            self.met = task.reached(self._goal)
        self.exhausted = not self.met
