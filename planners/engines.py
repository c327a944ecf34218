"""The engines of the portfolio: each wraps one search so that it can pause, and shares its bounds and plans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import monotonic

from planners.answersets.cheapest import Cheapest
from planners.answersets.horizons import Horizons
from planners.answersets.parallel import LayerSearch, Parallel, fewest_layers
from planners.answersets.solver import Found, NoPlan, Undecided
from planners.board import Board
from planners.grounding.invariants import Invariant
from planners.grounding.restriction import Ban
from planners.grounding.task import GroundTask
from planners.search.explicit import Search
from planners.search.greedy import Greedy
from planners.search.patterns import best_heuristic
from planners.search.symmetry import Symmetry
from planners.search.windows import Windows

# Effort, in tenths of a microsecond as everywhere, measured on the development tasks of benchmarks/planner.py.
EFFORT_PER_CONFLICT = 1500
EFFORT_TO_BUILD = 50
"""For each atom that a move needs or changes: the program's facts."""
EFFORT_TO_UNROLL = 30
"""For each atom that a move needs or changes and each step."""


# Effort to choose pattern databases with.
PATTERNS = 1_000_000


@dataclass(frozen=True)
class View:
    """What one question looks like to the searches over states: the task, where to start, with which moves."""

    task: GroundTask
    start: int
    moves: Sequence[int]
    symmetry: Symmetry | None


class Explicit:
    """Breadth-first, uniform-cost or A* search over states."""

    def __init__(self, search: Search, name: str, proof: str, bounds_only: bool = False) -> None:
        """``bounds_only`` where there are rules that states know nothing of: they make plans fewer, never more."""
        self._search, self._name, self._proof, self._bounds_only = search, name, proof, bounds_only

    @property
    def over(self) -> bool:
        """Whether it has nothing more to say."""
        return self._search.over

    def advance(self, board: Board, effort: int, deadline: float) -> None:
        """Look at more states."""
        search = self._search
        search.advance(effort, deadline)
        if search.exhausted:
            assert board.best is None, "a plan in hand, and a proof that there is none"
            board.none = f"all {search.states} states that can be reached were seen; none is a goal"
        elif search.plan is not None and not self._bounds_only:
            board.offer(search.plan, search.bound, self._name)
        board.raise_to(search.bound, self._proof)


class Solvers:
    """The warm solvers over one task, each made when it is first asked for."""

    def __init__(self, task: GroundTask, groups: Sequence[Invariant], rules: str = "") -> None:
        self.task, self.groups, self.rules = task, groups, rules

    @cached_property
    def sequential(self) -> Horizons:
        """One step at a time; the only one that knows the user's rules."""
        return Horizons(self.task, self.groups, self.rules)

    def ask(
        self,
        start: int,
        bans: Iterable[Ban],
        steps: int,
        deadline: float,
        conflicts: int | None = None,
        different_from: Iterable[Sequence[int]] = (),
        near: Sequence[int] = (),
    ) -> Found | NoPlan | Undecided:
        """Ask :attr:`sequential` for a plan of exactly ``steps`` steps that breaks none of the ``bans``."""
        horizons, bans = self.sequential, tuple(bans)
        avoided = sorted({number for ban in bans if ban.always for number in ban.moves})
        tokens = [horizons.forbid(ban.moves, ban.pre, ban.npre) for ban in bans if not ban.always]
        try:
            return horizons.ask(start, avoided, steps, deadline, conflicts, different_from, near)
        finally:
            for token in tokens:
                horizons.lift(token)

    @cached_property
    def parallel(self) -> Parallel:
        """Several steps to a layer."""
        return Parallel(self.task, self.groups)


class Informed:
    """A* with an admissible heuristic, which is built when its first turn comes."""

    def __init__(self, solvers: Solvers, view: View, patterns: bool) -> None:
        self._solvers, self._view = solvers, view
        self._effort = PATTERNS if patterns else 0
        self._name = "A* with pattern databases and landmark cuts" if patterns else "A* with landmark cuts"
        self._explicit: Explicit | None = None

    @property
    def over(self) -> bool:
        """Whether it has nothing more to say."""
        return self._explicit is not None and self._explicit.over

    def advance(self, board: Board, effort: int, deadline: float) -> None:
        """Look at more states."""
        if self._explicit is None:
            task, start, moves = self._view.task, self._view.start, self._view.moves
            groups = self._solvers.groups
            now = monotonic()
            heuristic = best_heuristic(task, start, moves, groups, self._effort, now + (deadline - now) / 4)
            search = Search(task, start, moves, heuristic, symmetry=self._view.symmetry, groups=groups)
            self._explicit = Explicit(search, self._name, f"{self._name} saw every state that might be nearer")
        self._explicit.advance(board, effort, deadline)


class Optimising:
    """Answer-set optimisation over layers and a relaxed rest: the cheapest plan where costs differ."""

    def __init__(self, solvers: Solvers, view: View) -> None:
        self._cheapest = Cheapest(view.task, view.start, view.moves, solvers.groups)
        self._task = view.task
        self._saved = -EFFORT_TO_BUILD * view.task.size

    @property
    def over(self) -> bool:
        """Whether it has nothing more to say."""
        return self._cheapest.over

    def advance(self, board: Board, effort: int, deadline: float) -> None:
        """Raise the bound, or find a plan that meets it."""
        self._saved += effort
        if self._saved <= 0:
            return
        self._cheapest.advance(max(1, self._saved // EFFORT_PER_CONFLICT), deadline, board.upper)
        self._saved = 0
        if self._cheapest.unsolvable:
            board.none = "answer-set optimisation over layers and a relaxed rest has no answer"
            return
        if self._cheapest.plan is not None and self._cheapest.cost is not None:
            board.offer(self._cheapest.plan, self._cheapest.cost, "answer-set optimisation")
        board.raise_to(self._cheapest.bound, "answer-set optimisation over all layers and a relaxed rest")


class Sequential:
    """The warm answer-set solver, one step at a time: is there a plan of n steps? Of n + 1? For equal costs only.

    Unrolling long plans of large tasks takes long, so effort is saved up for it before it begins.
    """

    over = False

    def __init__(self, solvers: Solvers, start: int, bans: Sequence[Ban], cost: int) -> None:
        self._solvers, self._start, self._bans, self._cost = solvers, start, bans, cost
        self._size = solvers.task.size
        self._horizons: Horizons | None = None
        self._saved = -EFFORT_TO_BUILD * self._size

    def advance(self, board: Board, effort: int, deadline: float) -> None:
        """Refute horizons, or find a plan, with as many conflicts as the effort allows."""
        self._saved += effort
        while not board.settled and self._saved > 0 and monotonic() < deadline:
            steps = max(1, -(-board.lower // self._cost))
            unrolled = self._horizons.unrolled if self._horizons else 0
            unrolling = EFFORT_TO_UNROLL * self._size * max(0, steps - unrolled)
            if self._saved < unrolling:
                return
            budget = max(1, (self._saved - unrolling) // EFFORT_PER_CONFLICT)
            self._horizons = self._solvers.sequential
            answer = self._solvers.ask(self._start, self._bans, steps, deadline, budget)
            self._saved -= unrolling + EFFORT_PER_CONFLICT * max(1, answer.conflicts)
            if isinstance(answer, Undecided):
                continue
            refuted = steps - isinstance(answer, Found)
            board.raise_to((refuted + 1) * self._cost, f"the answer-set solver refuted every plan of {refuted} steps")
            if isinstance(answer, Found):
                board.offer(answer.plan, steps * self._cost, "sequential answer sets")


class Layered:
    """Parallel answer sets: a first plan, several steps to a layer."""

    def __init__(self, solvers: Solvers, view: View) -> None:
        usable = set(view.moves)
        self._solvers, self._start = solvers, view.start
        self._avoided = [number for number in range(len(view.task.moves)) if number not in usable]
        self._fewest = fewest_layers(view.task, view.start, view.moves) or 1
        self._search: LayerSearch | None = None
        self._saved = -EFFORT_TO_BUILD * solvers.task.size
        self.over = False

    def advance(self, board: Board, effort: int, deadline: float) -> None:
        """Look for a plan over growing numbers of layers."""
        self._saved += effort
        if self._saved <= 0:
            return
        if self._search is None:
            self._search = LayerSearch(self._solvers.parallel, self._start, self._avoided, self._fewest)
        answer = self._search.advance(max(1, self._saved // EFFORT_PER_CONFLICT), deadline)
        self._saved -= EFFORT_PER_CONFLICT * answer.conflicts
        if isinstance(answer, Found):
            board.offer(answer.plan, self._solvers.task.price(answer.plan), "parallel answer sets")
            self.over = True


class Hasty:
    """Greedy search for a first plan."""

    def __init__(self, view: View, search: Search) -> None:
        """``search`` goes over the same moves, and lends its tables."""
        self._view, self._successors = view, search.successors
        self._search: Greedy | None = None

    @property
    def over(self) -> bool:
        """Whether there is a plan, or nothing is left to look at."""
        return self._search is not None and self._search.over

    def advance(self, board: Board, effort: int, deadline: float) -> None:
        """Follow the most promising states."""
        if self._search is None:
            self._search = Greedy(self._view.task, self._view.start, self._view.moves, self._successors)
        self._search.advance(effort, deadline)
        if self._search.plan is not None:
            board.offer(self._search.plan, self._view.task.price(self._search.plan), "greedy search")


class Improving:
    """Shortcuts through the best plan so far."""

    def __init__(self, task: GroundTask, start: int, allowed: Sequence[int], groups: Sequence[Invariant]) -> None:
        self._task, self._start, self._allowed, self._groups = task, start, allowed, groups
        self._windows: Windows | None = None

    @property
    def over(self) -> bool:
        """Whether it knows no further shortcut."""
        return self._windows is not None and self._windows.over

    def advance(self, board: Board, effort: int, deadline: float) -> None:
        """Look for shortcuts, if there is a plan."""
        if board.best is None:
            return
        if self._windows is None or (board.upper or 0) < self._windows.cost:
            self._windows = Windows(self._task, self._start, board.best, self._allowed, self._groups)
        self._windows.advance(effort, deadline)
        if (self._windows.cost, len(self._windows.plan)) < (board.upper or 0, len(board.best)):
            board.offer(self._windows.plan, self._windows.cost, f"{board.engine}, shortened")
