"""One question to the portfolio: which engines work on it, in which order, and when it is answered.

The order is fixed and every slice is counted in effort, not in seconds, so the same question gets the same answer:

1. the delete relaxation, which proves at once that some goals are out of reach;
2. a slice of blind search over states, which settles every small task;
3. for the cheapest plan, A* and the warm solver in turns with growing slices; for a first plan, greedy search, and
   parallel answer sets in turns with it where that takes long, shortened afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from nsctl.errors import UnsupportedFeature
from planners.answersets.cheapest import applies
from planners.board import Board, Engine
from planners.engines import (
    Explicit,
    Hasty,
    Improving,
    Informed,
    Layered,
    Optimising,
    Sequential,
    Solvers,
    View,
)
from planners.grounding.invariants import Invariant
from planners.grounding.restriction import Ban
from planners.grounding.task import GroundTask
from planners.search.explicit import Search
from planners.search.symmetry import Symmetry

SLICE = 200_000
"""Effort (0.1 microseconds each) of the blind slice; about 20 ms."""
GROWTH = 2
"""How much longer each round of slices is than the one before."""
NARROW, LONG = 1.2, 40_000_000
"""Where layers of blind search grow by less than this factor, it goes on for so long: the whole space is small."""
BROAD = 1.5
"""Where layers grow by less than this factor, blind search keeps having turns."""
FAVOUR = 4
"""Turns of the solver for each of A* where one hand does everything, and of A* for each of the solver elsewhere: orders
of steps that have nothing to do with each other are what the solver is weak on."""
CUTS = 1_000_000
"""Effort of A* with landmark cuts alone, and of the first of the rounds that follow."""
HASTE = 500_000
"""Effort of the first greedy search, before others have their turn."""
IMPROVING = 300_000
"""Effort for shortcuts through a first plan."""


@dataclass(frozen=True)
class Question:
    """From ``start`` to the goal of ``task`` with the moves ``allowed``; the ``bans`` are why not with all.

    ``solvers`` and their groups belong to the same task, or to one whose moves are the first of this one's. ``slice`` is
    the effort of the first blind slice; without one, everything is left to the answer-set solvers.
    """

    task: GroundTask
    solvers: Solvers
    start: int
    allowed: Sequence[int]
    bans: Sequence[Ban]
    optimal: bool
    deadline: float
    slice: int = SLICE


def settle(question: Question) -> Board:
    """The board when the question is answered, or when its time is over."""
    board, task = Board(), question.task
    can_hold, can_fail, reachable = task.relaxed(question.start, question.allowed)
    if missing := task.unreachable(can_hold, can_fail):
        names = ", ".join(missing)
        without = " without the steps to avoid" if question.bans else ""
        board.none = f"no sequence of steps makes {names} true{without}, even if nothing were undone"
    elif task.reached(question.start) and not question.solvers.rules:
        board.offer((), 0, "")
        board.raise_to(0, "the goal holds already")
    else:
        turns = _Turns(question, reachable)
        for engine, effort in turns.all(board):
            engine.advance(board, effort, question.deadline)
            if board.settled or monotonic() >= question.deadline:
                break
    return board


class _Turns:
    """Whose turn it is, and with how much effort."""

    def __init__(self, question: Question, reachable: Sequence[int]) -> None:
        self._question = question
        task, start, groups = question.task, question.start, question.solvers.groups
        self._view = View(task, start, reachable, Symmetry.of(task, reachable, question.deadline))
        costs = {task.moves[i].cost for i in reachable}
        self._unit = min(costs) if len(costs) == 1 else 0
        name = "uniform-cost search" if len(costs) > 1 else "breadth-first search"
        self._search = Search(task, start, reachable, symmetry=self._view.symmetry, groups=groups)
        ruled = bool(question.solvers.rules)
        self._blind = Explicit(self._search, name, f"{name} saw every state that is nearer", bounds_only=ruled)
        self._hasty = Hasty(self._view, self._search)
        self._improving = Improving(task, start, reachable, groups)

    def all(self, board: Board) -> Iterator[tuple[Engine, int]]:
        """The turns for this question."""
        if self._question.solvers.rules:
            return self.ruled()
        return self.optimal() if self._question.optimal else self.first(board)

    def ruled(self) -> Iterator[tuple[Engine, int]]:
        """Until there is a plan that keeps the user's rules: blind search says where the solver begins."""
        if not self._unit:
            raise UnsupportedFeature(
                "rules where costs differ", "rules are supported only where all steps cost the same"
            )
        if self._question.slice:
            yield self._blind, self._question.slice
        yield from _rounds([self._solver()], SLICE)

    def optimal(self) -> Iterator[tuple[Engine, int]]:
        """Until the cheapest plan is proven."""
        question = self._question
        if not question.slice:
            yield from _rounds([self._solver()], SLICE)
            return
        yield self._blind, question.slice
        if self._search.growth < NARROW:
            yield self._blind, LONG
        yield self._hasty, HASTE
        engines = [self._solver()] if self._unit or applies(question.task) else []
        narrow = [self._blind] if self._search.growth < BROAD or not question.task.strips else []
        informed: list[Engine] = []
        if question.task.strips:
            yield Informed(question.solvers, self._view, patterns=False), CUTS
            yield self._hasty, 4 * HASTE
            yield self._improving, IMPROVING
            informed = [Informed(question.solvers, self._view, patterns=True)]
        if one_hand(question.task, self._view.moves, question.solvers.groups):
            yield from _rounds([*engines * FAVOUR, *informed, *narrow], CUTS)
        else:
            yield from _rounds([*informed * FAVOUR, *engines, *narrow], CUTS)

    def _solver(self) -> Engine:
        """The answer-set engine that finds cheapest plans."""
        question = self._question
        if self._unit:
            return Sequential(question.solvers, question.start, question.bans, self._unit)
        return Optimising(question.solvers, self._view)

    def first(self, board: Board) -> Iterator[tuple[Engine, int]]:
        """Until there is a plan, and shortcuts through it were sought."""
        question = self._question
        engines: list[Engine] = []
        if question.slice:
            yield self._blind, question.slice // 2
            if self._search.growth < NARROW:
                yield self._blind, LONG
            yield self._hasty, 4 * HASTE
            engines += [self._hasty, self._hasty, self._blind]
        solvers = question.solvers
        if question.task is not solvers.task:  # layers have no states between their steps, so bans become moves
            solvers = Solvers(question.task, solvers.groups)
        engines.append(Layered(solvers, self._view))
        for turn in _rounds(engines, 2 * HASTE):
            if board.best is not None:
                break
            yield turn
        yield self._improving, IMPROVING


def one_hand(task: GroundTask, moves: Sequence[int], groups: Sequence[Invariant]) -> bool:
    """Whether every move changes one and the same group, such as what the one hand holds: so all must take turns."""
    return any(all((task.moves[i].add | task.moves[i].delete) & group.members for i in moves) for group in groups)


def _rounds(engines: Sequence[Engine], effort: int) -> Iterator[tuple[Engine, int]]:
    """Each engine in turn, in rounds that grow, until all are over."""
    while any(not engine.over for engine in engines):
        yield from ((engine, effort) for engine in engines if not engine.over)
        effort *= GROWTH
