"""Making a plan shorter or cheaper: drop what is not needed, then search for shortcuts through the states around it.

Dropping is the action elimination of Nakhost and Mueller, "Action elimination and plan neighborhood graph search"
(2010). A shortcut leads from a state on the plan's way to any later point of it. What the rest of the plan needs there
is known by regression, and only what the steps in between change may be changed, so that the search stays small. As
steps of a plan that have nothing to do with each other often alternate, the steps are also rearranged into chains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from time import monotonic
from typing import TypeAlias

from planners.grounding.invariants import Invariant
from planners.grounding.task import GroundTask, Move

# Steps that a shortcut may span, and states that its search may look at; later rounds are more patient.
ROUNDS = ((8, 150), (12, 600), (16, 2_400), (24, 10_000), (40, 40_000))

# Steps of a plan up to which it is looked at as a whole, pair of steps by pair: some milliseconds.
LONGEST = 300

# Effort, in tenths of a microsecond, to look at one move, one later point, or one state.
PER_MOVE, PER_STATE = 1, 20

Cost: TypeAlias = tuple[int, int]
"""Units, and the number of steps, which decides between equals."""


class Windows:
    """Improves one plan, and can pause. ``plan`` is always a plan, never dearer than before."""

    def __init__(
        self,
        task: GroundTask,
        start: int,
        plan: Sequence[int],
        allowed: Sequence[int],
        groups: Sequence[Invariant] = (),
    ) -> None:
        self._task, self._start, self._allowed, self._groups = task, start, allowed, groups
        self.plan = tuple(plan)
        self.over = False
        """Whether all rounds are done and nothing more was found."""
        self._work = self._run()

    @property
    def cost(self) -> int:
        """The plan's cost in units."""
        return _cost(self._task, self.plan)[0]

    def advance(self, effort: int, deadline: float) -> None:
        """Go on for ``effort`` (of about 0.1 microseconds each) or until ``deadline`` (monotonic clock)."""
        while effort > 0 and not self.over and monotonic() < deadline:
            done = next(self._work, -1)
            self.over = done < 0
            effort -= done

    def _run(self) -> Iterator[int]:
        yield from self._eliminate()
        for span, states in ROUNDS:
            for chain in (False, True):
                if chain and not self._rearrange():
                    continue
                yield from self._round(span, states)

    def _eliminate(self) -> Iterator[int]:
        """Drops what is not needed. It counts as no effort, being short, but can pause for the clock."""
        if len(self.plan) <= LONGEST:
            for kept in _trials(self._task, self._start, self.plan):
                self.plan = kept
                yield 0

    def _rearrange(self) -> bool:
        if len(self.plan) > LONGEST:
            return False
        plan = chained(self._task, self.plan)
        changed = plan != self.plan
        self.plan = plan
        return changed

    def _round(self, span: int, states: int) -> Iterator[int]:
        """Shortcuts from every state on the way; after one was taken, those before it get another chance."""
        at = 0
        while at < len(self.plan):
            shortcut = _Shortcut(self._task, self._allowed, self._groups, self.way(), self.plan, at, span)
            yield from shortcut.search(states)
            if shortcut.best is None:
                at += 1
            else:
                until, steps = shortcut.best
                self.plan = (*self.plan[:at], *steps, *self.plan[until:])
                yield from self._eliminate()
                at = max(0, at - span)

    def way(self) -> list[int]:
        """The states that the plan passes, start and end included."""
        return list(_states(self._task, self._start, self.plan))


class _Shortcut:
    """The search from the state after ``at`` steps to any point at most ``span`` steps later."""

    def __init__(
        self,
        task: GroundTask,
        allowed: Sequence[int],
        groups: Sequence[Invariant],
        way: Sequence[int],
        plan: Sequence[int],
        at: int,
        span: int,
    ) -> None:
        self._task, self._source = task, way[at]
        self.best: tuple[int, tuple[int, ...]] | None = None
        """Where the best shortcut ends, as a number of steps of the plan, and its own steps."""
        end = min(len(plan), at + span)
        needs = regressed(task, way, plan, at)
        costs = [_cost(task, plan[at:until]) for until in range(at, end + 1)]
        # Farthest points first: to reach one is to have saved most.
        self._points = [(until, *needs[until - at], costs[until - at]) for until in range(end, at, -1)]
        self._most = costs[-1]
        self._moves = _within(task, allowed, groups, plan[at:end])
        self._saved = (0, 0)

    def search(self, limit: int) -> Iterator[int]:
        """Uniform-cost search through at most ``limit`` states; yields the effort spent."""
        cost: dict[int, Cost] = {self._source: (0, 0)}
        before: dict[int, tuple[int, int]] = {}
        queue = [(0, 0, 0, self._source)]
        effort = PER_MOVE * len(self._task.moves) // 4 + PER_STATE
        while queue and len(before) < limit:
            units, steps, _, state = heappop(queue)
            if cost[state] < (units, steps):
                continue
            self._look(state, (units, steps), before)
            if not self._worth((units, steps)):
                break
            for number, move in self._moves:
                if state & move.pre == move.pre and not state & move.npre:
                    after = (
                        self._task.apply(move, state)
                        if move.branches or self._task.rules
                        else (state & ~move.delete | move.add)
                    )
                    total = units + move.cost, steps + 1
                    if after not in cost or total < cost[after]:
                        cost[after] = total
                        before[after] = number, state
                        heappush(queue, (*total, len(before), after))
            effort += PER_MOVE * (len(self._moves) + len(self._points)) + PER_STATE
            if effort > 2_000:
                yield effort
                effort = 0
        yield effort

    def _worth(self, spent: Cost) -> bool:
        """Whether a shortcut that costs more than ``spent`` could save more than the best so far."""
        return _minus(self._most, spent) > self._saved

    def _look(self, state: int, spent: Cost, before: dict[int, tuple[int, int]]) -> None:
        for until, pre, npre, cost in self._points:
            saved = _minus(cost, spent)
            if saved <= self._saved:
                return
            if state & pre == pre and not state & npre:
                self._saved, self.best = saved, (until, _steps(before, state, self._source))
                return


def eliminated(task: GroundTask, start: int, plan: Sequence[int]) -> tuple[int, ...]:
    """``plan`` without steps that it works without: each step is left out on trial, with all that needed it."""
    *_, kept = tuple(plan), *_trials(task, start, tuple(plan))
    return kept


def _trials(task: GroundTask, start: int, plan: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """What is kept after each trial, until no step of it can be left out."""
    before: tuple[int, ...] | None = None
    while plan != before:
        before, at, state = plan, 0, start
        while at < len(plan):
            shorter = _left_out(task, state, plan, at)
            if shorter is None:
                state = task.apply(task.moves[plan[at]], state)
                at += 1
            else:
                plan = shorter
            yield plan


def _left_out(task: GroundTask, state: int, plan: tuple[int, ...], at: int) -> tuple[int, ...] | None:
    """``plan`` without step ``at``, taken in ``state``, and all that needed it; ``None`` if that misses the goal."""
    kept = list(plan[:at])
    for number in plan[at + 1 :]:
        move = task.moves[number]
        if move.applicable(state):
            kept.append(number)
            state = task.apply(move, state)
    return tuple(kept) if task.reached(state) else None


def regressed(task: GroundTask, way: Sequence[int], plan: Sequence[int], at: int = 0) -> list[tuple[int, int]]:
    """What must hold, and what must not, after ``at`` and more steps of ``plan`` so that its rest still works.

    ``way`` are the states that the plan passes. Conditional effects are asked to do what they do on this way, and what
    rests on derived atoms asks for this very state.
    """
    pre, npre = task.goal
    needs = [_concrete(task, way[len(plan)], pre, npre)]
    for place in range(len(plan) - 1, at - 1, -1):
        move, state = task.moves[plan[place]], way[place]
        add, delete, pre, npre = _as_done(move, state)
        wanted, unwanted = needs[-1]
        pre, npre = pre | wanted & ~add, npre | unwanted & ~(delete & ~add)
        needs.append(_concrete(task, state, pre, npre))
    return needs[::-1]


def _as_done(move: Move, state: int) -> tuple[int, int, int, int]:
    """What ``move`` adds and deletes in ``state``, and what must hold and not hold for it to do just that."""
    add, delete, pre, npre = move.add, move.delete, move.pre, move.npre
    for branch in move.branches:
        missing, present = branch.pre & ~state, branch.npre & state
        if not missing and not present:
            add, delete = add | branch.add, delete | branch.delete
            pre, npre = pre | branch.pre, npre | branch.npre
        elif missing:
            npre |= missing & -missing
        else:
            pre |= present & -present
    return add, delete, pre, npre


def _concrete(task: GroundTask, state: int, pre: int, npre: int) -> tuple[int, int]:
    if not (pre | npre) & task.derived:
        return pre, npre
    fluents = (1 << len(task.atoms)) - 1 & ~task.derived
    return state & fluents, ~state & fluents


def chained(task: GroundTask, plan: Sequence[int]) -> tuple[int, ...]:
    """The same steps in another order that works as well: each as soon as possible after what it rests on."""
    if not task.strips:
        return tuple(plan)
    moves = [task.moves[number] for number in plan]
    users: list[list[int]] = [[] for _ in moves]
    missing = [0] * len(moves)
    for j, move in enumerate(moves):
        for i in range(j):
            if ordered(moves[i], move):
                users[i].append(j)
                missing[j] += 1
    order: list[int] = []
    # The place of the last step that each rests on, latest first; a step is here once all of them have a place.
    ready = [(1, j) for j, count in enumerate(missing) if not count]
    while ready:
        _, step = heappop(ready)
        for j in users[step]:
            missing[j] -= 1
            if not missing[j]:
                heappush(ready, (-len(order), j))
        order.append(step)
    return tuple(plan[i] for i in order)


def ordered(first: Move, second: Move) -> bool:
    """Whether the two cannot change places."""
    deletes, undoes = first.delete & ~first.add, second.delete & ~second.add
    return bool(
        first.add & (second.pre | second.npre | undoes)
        or deletes & (second.npre | second.pre | second.add)
        or second.add & first.npre
        or undoes & first.pre
    )


def _within(
    task: GroundTask, allowed: Sequence[int], groups: Sequence[Invariant], plan: Sequence[int]
) -> list[tuple[int, Move]]:
    """The moves that change nothing but what ``plan`` changes, whole groups taken together."""
    changed = 0
    for number in plan:
        changed |= _touched(task.moves[number])
    touched = changed
    for group in groups:
        if group.members & changed:
            touched |= group.members
    return [(i, task.moves[i]) for i in allowed if not _touched(task.moves[i]) & ~touched]


def _touched(move: Move) -> int:
    whole = move.add | move.delete
    for branch in move.branches:
        whole |= branch.add | branch.delete
    return whole


def _states(task: GroundTask, start: int, plan: Sequence[int]) -> Iterator[int]:
    yield start
    for number in plan:
        start = task.apply(task.moves[number], start)
        yield start


def _steps(before: dict[int, tuple[int, int]], state: int, source: int) -> tuple[int, ...]:
    steps = []
    while state != source:
        number, state = before[state]
        steps.append(number)
    return tuple(reversed(steps))


def _cost(task: GroundTask, plan: Sequence[int]) -> Cost:
    return task.price(plan), len(plan)


def _minus(cost: Cost, spent: Cost) -> Cost:
    return cost[0] - spent[0], cost[1] - spent[1]
