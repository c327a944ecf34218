"""Explicit search through states: proven bounds, optimal plans, or the proof that no plan exists.

Searches can pause and go on, so that a planner can share its time between this and a solver:

    search = Search(task, start, allowed)
    while not search.over:
        search.advance(200_000, deadline)   # about 20 ms
    search.plan, search.bound, search.exhausted

Blind search goes in layers where all moves cost the same, and is best-first otherwise; see ``planners.search.layers`` and
``planners.search.bestfirst``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from time import monotonic

from planners.grounding.invariants import Invariant, invariants
from planners.grounding.task import GroundTask
from planners.search.bestfirst import BestFirst, Heuristic
from planners.search.layers import Layers
from planners.search.successors import GeneralSuccessors, Successors
from planners.search.symmetry import Symmetry

MAX_STATES = 1_000_000
"""States held in memory: about 150 bytes each in layers, 400 in best-first search."""

UNCHECKED = 200
"""Work (in 0.1 microseconds) that may pass between two looks at the clock."""


class Search:
    """A search for a cheapest plan from ``start`` to the task's goal by the moves ``allowed``.

    A blind search returns, among the cheapest plans, one with the fewest steps; with a ``heuristic`` any cheapest one
    (``planners.search.bestfirst`` tells what a heuristic must give). ``symmetry`` must have been made for the
    same task and moves. ``groups`` are the task's invariants where the caller has them already.
    """

    def __init__(
        self,
        task: GroundTask,
        start: int,
        allowed: Sequence[int],
        heuristic: Heuristic | None = None,
        symmetry: Symmetry | None = None,
        max_states: int = MAX_STATES,
        groups: Sequence[Invariant] | None = None,
    ) -> None:
        costs = {task.moves[i].cost for i in allowed}
        self._unit = costs.pop() if len(costs) == 1 else 0
        self._limit = max_states
        successors: Successors | GeneralSuccessors
        if task.strips:
            moves = [(number, task.moves[number]) for number in allowed]
            successors = Successors(moves, start, invariants(task) if groups is None else groups)
        else:
            successors = GeneralSuccessors(task, allowed)
        self.successors = successors
        """What a search that goes another way over the same moves may share."""
        self._core: Layers | BestFirst
        if heuristic is None and symmetry is None and self._unit and isinstance(successors, Successors):
            self._core = Layers(task, start, allowed, successors, max_states)
        else:
            self._core = BestFirst(task, start, successors, heuristic, symmetry, max_states)
        self._work: Iterator[int] = self._core.run()
        self._ended = False

    @property
    def bound(self) -> int:
        """No plan costs less than this, in units."""
        core = self._core
        return core.depth * self._unit if isinstance(core, Layers) else core.bound

    @property
    def plan(self) -> tuple[int, ...] | None:
        """The numbers of the moves of a cheapest plan, once it is found."""
        return self._core.plan

    @property
    def exhausted(self) -> bool:
        """Whether no plan exists: every state was seen that can be reached and is not proven a dead end."""
        return self._core.exhausted

    @property
    def states(self) -> int:
        """How many different states were met."""
        return self._core.states

    @property
    def growth(self) -> float:
        """By what factor layers grow, or infinity where there are none: near 1, going on blindly pays (as in Hanoi)."""
        return self._core.growth if isinstance(self._core, Layers) else inf

    @property
    def over(self) -> bool:
        """Whether the search has nothing more to tell."""
        return self._ended

    def advance(self, effort: int, deadline: float) -> None:
        """Go on until it is over, ``effort`` (of about 0.1 microseconds each) is spent or ``deadline`` has come.

        The deadline is one of the monotonic clock. Effort is counted, not measured: the same calls do the same work.
        """
        unchecked = UNCHECKED
        while effort > 0 and not self._ended:
            if unchecked >= UNCHECKED:
                if monotonic() >= deadline:
                    return
                unchecked = 0
            done = next(self._work, -1)
            if done < 0:
                self._ended = True
                return
            effort -= done
            unchecked += done
