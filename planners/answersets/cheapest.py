"""Cheapest plans by answer-set optimisation: proven bounds that rise, and at last a plan that meets them.

Solves ``encodings/cost.lp`` for more and more layers. What the optimum costs bounds every plan from below; an optimum
whose real layers reach the goal by themselves is a cheapest plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import clingo

from nsctl.errors import UnsupportedFeature
from planners.answersets.parallel import fewest_layers
from planners.answersets.solver import Solver
from planners.grounding.invariants import Invariant
from planners.grounding.task import GroundTask, Move, bits

OPTIONS = ("--opt-strategy=usc",)

# The solver's integers have 32 bits.
LARGEST = 2**31 - 1
BEYOND = "costs too large for answer-set optimisation"


def applies(task: GroundTask) -> bool:
    """Whether the costs, all together, are small enough for the solver."""
    return sum(move.cost for move in task.moves) <= LARGEST


class Cheapest:
    """One question: the cheapest plan from ``start`` with the moves ``allowed``. It can pause."""

    def __init__(
        self, task: GroundTask, start: int, allowed: Sequence[int], invariants: Sequence[Invariant] = ()
    ) -> None:
        if not applies(task):
            raise UnsupportedFeature(BEYOND, f"{BEYOND} (more than {LARGEST} units in all) are not supported")
        self._task, self._start = task, start
        self._groups = [i for i in invariants if i.weight(start) == 1 or (i.weight(start) == 0 and not i.exact)]
        self._moves = task.relaxed(start, allowed)[2]
        fewest = fewest_layers(task, start, self._moves)
        self.bound = 0
        """No plan costs less, in units."""
        self.plan: tuple[int, ...] | None = None
        """The cheapest plan so far, as the numbers of its moves; proven cheapest if it costs no more than ``bound``."""
        self.cost: int | None = None
        """What that plan costs, in units."""
        self.unsolvable = fewest is None or bool(task.dead_goals) or not (self._moves or task.reached(start))
        """Whether it is proven that there is no plan."""
        if task.reached(start):
            self.plan, self.cost = (), 0
        self.layers = fewest or 1
        """How many real layers the optimum at work on has."""
        self._costly = any(task.moves[number].cost for number in self._moves)
        self._solver: Solver | None = None
        self._purse, self._enough = 0, 1

    @property
    def over(self) -> bool:
        """Whether the cheapest plan is found and proven, or there is none."""
        return self.unsolvable or (self.cost is not None and self.cost <= self.bound)

    def advance(self, conflicts: int, deadline: float, upper: int | None = None) -> None:
        """Go on for about ``conflicts`` conflicts of the solver, or until ``deadline`` (monotonic clock).

        ``upper`` is the cost of a plan that the caller has; dearer ones are not looked for. An optimisation that was cut
        short begins anew (though not from nothing: what was learned is kept), so conflicts are saved up until there are
        twice as many as the last time.
        """
        self._purse += conflicts
        while self._purse >= self._enough and not self.over and (upper is None or self.bound < upper):
            solver = self._solver or self._build(deadline)
            if solver is None:
                return
            self._limit(solver, upper)
            answer = solver.solve((), deadline, self._purse, self._take)
            self._purse = max(0, self._purse - max(1, answer.conflicts))
            if not answer.proven:
                self.bound = max(self.bound, self._proven_so_far(solver))
                self._enough = max(1, 2 * answer.conflicts)
                return
            self._enough = 1
            if answer.shown is None:
                self._nothing_cheaper(upper)
                return
            self.bound = max(self.bound, self._price(answer.shown))
            self.layers, self._solver = self.layers + 1, None

    def _nothing_cheaper(self, upper: int | None) -> None:
        known = [cost for cost in (upper, self.cost) if cost is not None]
        if known:
            self.bound = max(self.bound, min(known))
        else:
            self.unsolvable = True

    def _build(self, deadline: float) -> Solver | None:
        more = "\n".join(("", *self._facts()))
        solver = Solver(["cost.lp"], self._task, self._groups, more, self._moves, OPTIONS)
        if not solver.unroll(self.layers, deadline, exactly=True):
            return None
        solver.control.ground([("suffix", [clingo.Number(self.layers)])])
        self._solver = solver
        return solver

    def _facts(self) -> Iterator[str]:
        supports = _supports(self._task)
        for number in self._moves:
            move = self._task.moves[number]
            yield f"cost({number},{move.cost})." if move.cost else ""
            reads, changes = _touched(move)
            for bit in bits(reads & self._task.derived):
                reads |= supports[bit]
            yield from (f"changes({number},{bit})." for bit in bits(changes))
            yield from (f"reads({number},{bit})." for bit in bits(reads & ~changes & ~self._task.derived))
        if any(not self._task.moves[number].cost for number in self._moves):
            yield "free."
        wanted, unwanted = self._task.goal
        yield from (f"wanted({bit})." for bit in bits(wanted))
        yield from (f"unwanted({bit})." for bit in bits(unwanted))
        for bit in range(len(self._task.atoms)):
            if not self._task.derived >> bit & 1:
                yield f":- {'not ' * (self._start >> bit & 1)}holds({bit},0)."
        yield from (f":- not valid({number})." for number in range(len(self._groups)))

    def _limit(self, solver: Solver, upper: int | None) -> None:
        """Only answer sets that are cheaper than every plan known."""
        known = [cost for cost in (upper, self.cost) if cost is not None]
        configuration = solver.control.configuration.solve
        assert isinstance(configuration, clingo.Configuration)
        configuration.opt_mode = f"opt,{min(known) - 1}" if known and self._costly else "opt"

    def _take(self, shown: list[tuple[int, ...]]) -> None:
        """Keep the steps in the layers of an answer set if they are a plan without its suffix."""
        steps = sorted((atom for atom in shown if len(atom) == 2), key=lambda atom: (atom[1], atom[0]))
        plan = tuple(move for move, _ in steps)
        state = self._start
        for move in plan:
            state = self._task.apply(self._task.moves[move], state)
        cost = self._price(steps)
        if self._task.reached(state) and (self.cost is None or cost < self.cost):
            self.plan, self.cost = plan, cost

    def _price(self, shown: Sequence[tuple[int, ...]]) -> int:
        return self._task.price(atom[0] for atom in shown)

    def _proven_so_far(self, solver: Solver) -> int:
        lower = solver.control.statistics["summary"].get("lower")
        return int(lower[0]) if lower and self._costly else 0  # without costs there is only the level of the suffix


def _touched(move: Move) -> tuple[int, int]:
    """The atoms that what ``move`` does may depend on, and those that it may change."""
    reads, changes = move.pre | move.npre, move.add | move.delete
    for branch in move.branches:
        reads |= branch.pre | branch.npre
        changes |= branch.add | branch.delete
    return reads, changes


def _supports(task: GroundTask) -> dict[int, int]:
    """For each derived atom, all atoms that its value may depend on."""
    supports: dict[int, int] = {}
    rules = [rule for stratum in task.rules for rule in stratum]
    while True:
        before = dict(supports)
        for rule in rules:
            body = rule.pre | rule.npre
            for bit in bits(body & task.derived):
                body |= supports.get(bit, 0)
            for bit in bits(rule.head):
                supports[bit] = supports.get(bit, 0) | body
        if supports == before:
            return supports
