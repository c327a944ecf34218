"""Plans in layers of several steps at once: longer than needed, but found with few layers and so soon.

Of the steps in one layer some order works (exists-step plans, see ``encodings/exists.lp``), and in that order they are
handed out. A step with conditional effects, or with preconditions on derived atoms, has its layer to itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from planners.answersets.solver import Found, NoPlan, Solver, Undecided
from planners.grounding.invariants import Invariant
from planners.grounding.task import GroundTask, bits

__all__ = ["Found", "LayerSearch", "NoPlan", "Parallel", "Undecided", "fewest_layers"]

# Conflicts that one number of layers gets at a time; the next number is larger by one part in so many; how many numbers
# of layers are looked at before the smallest has its turn again.
SLICE = 200
GROWTH = 4
AT_ONCE = 4


class Parallel:
    """A warm solver over layers."""

    def __init__(self, task: GroundTask, invariants: Sequence[Invariant]) -> None:
        self._task = task
        self._solver = Solver(["exists.lp"], task, invariants, "\n".join(("", *_facts(task))))

    @property
    def conflicts(self) -> int:
        """The solver's conflicts in all questions so far."""
        return self._solver.conflicts

    def ask(
        self, start: int, avoided: Sequence[int], layers: int, deadline: float, conflicts: int | None = None
    ) -> Found | NoPlan | Undecided:
        """Is there a plan from ``start`` to the goal in at most ``layers`` (one or more) layers?

        Uses no move of ``avoided``. Undecided if ``conflicts`` or the time until ``deadline`` (monotonic clock) were not
        enough. That there is none in so many layers says nothing about the number of steps.
        """
        if self._task.dead_goals:
            return NoPlan(0)
        if not self._solver.unroll(layers, deadline):
            return Undecided(0, late=True)
        assumptions = [*self._solver.start(start), *self._solver.goal(layers)]
        assumptions += self._solver.banned((), avoided)
        answer = self._solver.solve(assumptions, deadline, conflicts)
        if answer.shown is None:
            return NoPlan(answer.conflicts) if answer.proven else Undecided(answer.conflicts, answer.late)
        found: list[list[int]] = [[] for _ in range(layers)]
        for move, t in sorted(answer.shown):
            if t <= layers:
                found[t - 1].append(move)
        plan = tuple(move for layer in found for move in _in_order(self._task, layer))
        return Found(plan, answer.conflicts)


class LayerSearch:
    """Looks for a first plan over growing numbers of layers, and can pause.

    Often a few layers too few are hard to refute where a few more are easy to fill. So every number of layers gets a
    slice of conflicts, and whoever has had its slice without a result waits while larger numbers have theirs.
    """

    def __init__(self, parallel: Parallel, start: int, avoided: Sequence[int], fewest: int) -> None:
        self._parallel, self._start, self._avoided = parallel, start, avoided
        self._open = [max(1, fewest)]
        self._turn = 0

    def advance(self, conflicts: int, deadline: float) -> Found | Undecided:
        """Go on for about ``conflicts`` conflicts of the solver, or until ``deadline`` (monotonic clock)."""
        spent = 0
        while True:
            layers = self._open[self._turn]
            answer = self._parallel.ask(self._start, self._avoided, layers, deadline, SLICE)
            spent += max(1, answer.conflicts)
            if isinstance(answer, Found):
                return Found(answer.plan, spent)
            if isinstance(answer, NoPlan):
                self._refuted(layers)
            elif answer.late:
                return Undecided(spent, late=True)
            else:
                self._next()
            if spent >= conflicts:
                return Undecided(spent, late=False)

    def _refuted(self, layers: int) -> None:
        self._open = [n for n in self._open if n > layers] or [layers + 1]
        self._turn = 0

    def _next(self) -> None:
        self._turn += 1
        if self._turn == len(self._open):
            largest = self._open[-1]
            self._open.append(largest + max(1, largest // GROWTH))
            if len(self._open) > AT_ONCE:
                self._turn = 0


def fewest_layers(task: GroundTask, start: int, allowed: Sequence[int]) -> int | None:
    """A lower bound on the layers of any plan of ``allowed`` moves; ``None`` if the goal cannot be reached at all.

    Layer by layer everything happens that could if nothing were ever undone (the h-max heuristic of unit costs).
    """
    state, failed = start, ~start | task.derived
    waiting, layers = list(allowed), 0
    wanted, unwanted = task.goal
    while wanted & ~state or unwanted & ~failed:
        can_hold, can_fail, before = state, failed, (state, failed)
        still = []
        for number in waiting:
            move = task.moves[number]
            if move.pre & ~state or move.npre & ~failed:
                still.append(number)
                continue
            can_hold, can_fail = can_hold | move.add, can_fail | move.delete
            for branch in move.branches:
                can_hold, can_fail = can_hold | branch.add, can_fail | branch.delete
        waiting = still
        state, failed = _derive(task, can_hold, can_fail), can_fail
        if (state, failed) == before:
            return None
        layers += 1
    return layers


def _derive(task: GroundTask, can_hold: int, can_fail: int) -> int:
    """``can_hold`` with all that the axioms might derive."""
    rules = [rule for stratum in task.rules for rule in stratum]
    while True:
        before = can_hold
        for rule in rules:
            if not rule.pre & ~can_hold and not rule.npre & ~can_fail:
                can_hold |= rule.head
        if can_hold == before:
            return can_hold


def _lone(task: GroundTask, number: int) -> bool:
    move = task.moves[number]
    return bool(move.branches or (move.pre | move.npre) & task.derived)


def _in_order(task: GroundTask, layer: Sequence[int]) -> Iterator[int]:
    """The moves of one layer, each before all that take away what it needs."""
    left = list(layer)
    while left:
        for number in left:
            move = task.moves[number]
            others = [task.moves[i] for i in left if i != number]
            if not any(move.delete & ~move.add & o.pre or move.add & o.npre for o in others):
                break
        else:
            raise AssertionError(f"the encoding let a circle of steps pass: {left}")
        left.remove(number)
        yield number


@dataclass
class _Value:
    """An atom being true (or false) and the moves that need it, take it away, or both."""

    keepers: set[int] = field(default_factory=set)
    takers: set[int] = field(default_factory=set)
    breakers: set[int] = field(default_factory=set)


def _facts(task: GroundTask) -> Iterator[str]:
    values: dict[int, _Value] = {}
    for number, move in enumerate(task.moves):
        if _lone(task, number):
            yield f"lone({number})."
            continue
        for sign, needs, breaks in ((0, move.pre, move.delete & ~move.add), (1, move.npre, move.add)):
            for bit in bits(needs | breaks):
                value = values.setdefault(2 * bit + sign, _Value())
                kind = value.breakers if not needs >> bit & 1 else value.takers if breaks >> bit & 1 else value.keepers
                kind.add(number)
    for key, value in values.items():
        if len(value.takers) > 1:
            yield from (f"rival({number},{key})." for number in sorted(value.takers))
    ordered = _circular(values)
    yield from (f"ordered({number})." for number in sorted(ordered))
    for key, value in values.items():
        parts = {"keeper": value.keepers, "taker": value.takers, "breaker": value.breakers}
        lines = [f"{name}({number},{key})." for name, found in parts.items() for number in sorted(found & ordered)]
        yield from [f"value({key}).", *lines] if lines else []


def _circular(values: dict[int, _Value]) -> set[int]:
    """The moves that could wait for each other in a circle: what is left when the ends of all chains are cut off."""
    left = {number for value in values.values() for number in (*value.keepers, *value.takers, *value.breakers)}
    while True:
        waiting: set[int] = set()
        waited: set[int] = set()
        for value in values.values():
            keepers, takers, breakers = value.keepers & left, value.takers & left, value.breakers & left
            if keepers:
                waiting |= takers | breakers
            elif takers:
                waiting |= breakers
            if breakers:
                waited |= keepers | takers
            elif takers:
                waited |= keepers
        if waiting & waited == left:
            return left
        left = waiting & waited
