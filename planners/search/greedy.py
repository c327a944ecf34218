"""A first plan, soon: greedy best-first search by relaxed plans, helpful moves first.

The estimate of a state is the number of steps of a relaxed plan, one that works if nothing is ever undone, put together
from the cheapest way to each fact (the FF heuristic of Hoffmann and Nebel, 2001, over additive costs). Moves of the
relaxed plan are *preferred*: their successors wait in a queue of their own, which is served more often after progress.
States are estimated when they are taken out of a queue, not when they are put in (the lazy search with preferred
operators of Richter and Helmert, 2009). Estimates prove nothing, so this search gives a plan or no answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from time import monotonic

from planners.grounding.task import GroundTask, Move
from planners.search.relaxation import GOAL, Relaxation
from planners.search.successors import GeneralSuccessors, Successors

BOOST = 1000
"""Turns by which the preferred queue is ahead after the estimate has become smaller than ever."""
FAR = 1 << 40
"""The estimate where the goal is out of reach of the relaxation."""


class Estimates:
    """The FF heuristic over unit costs, with the moves that its relaxed plan begins with."""

    def __init__(self, task: GroundTask, allowed: Sequence[int]) -> None:
        self._relaxed = Relaxation(list(_relaxed_moves(task, allowed)), task.goal)
        self._counts = [len(pre) for pre in self._relaxed.pre]
        self._price = [0 if number in self._free() else 1 for number in range(len(self._counts))]
        self.exact = task.strips
        """Whether an estimate of :data:`FAR` proves a dead end."""
        self.effort = sum(self._counts) + self._relaxed.size + 50
        """What one estimate costs, about, in 0.1 microseconds."""

    def __call__(self, state: int) -> tuple[int, frozenset[int]]:
        """The estimate for ``state``, and the relaxed plan's operators (see :meth:`operator`)."""
        supporters = self._explore(state)
        if supporters[GOAL] < 0:
            return FAR, frozenset()
        plan: set[int] = set()
        pre, queue, seen = self._relaxed.pre, [GOAL], {GOAL}
        for fact in queue:
            operator = supporters[fact]
            if operator < 0 or operator in plan:
                continue
            plan.add(operator)
            for needed in pre[operator]:
                if needed not in seen:
                    seen.add(needed)
                    queue.append(needed)
        return sum(self._price[operator] for operator in plan), frozenset(plan)

    def operator(self, number: int) -> int:
        """The relaxed operator of a move; -1 if the move does not matter."""
        return self._relaxed.operator.get(number, -1)

    def _free(self) -> set[int]:
        """The goal's own operator, and those of axioms."""
        return {0, *(o for o, cost in enumerate(self._relaxed.cost) if cost < 0)}

    def _explore(self, state: int) -> list[int]:
        """For each fact the operator that reaches it most cheaply; -1 if it holds already or is out of reach."""
        relaxed = self._relaxed
        needed_by, adds, price = relaxed.needed_by, relaxed.add, self._price
        missing, total = self._counts[:], [0] * len(self._counts)
        values, supporters = [FAR] * relaxed.size, [-1] * relaxed.size
        facts = relaxed.facts(state)
        for fact in facts:
            values[fact] = 0
        queue, levels = {0: facts}, [0]
        while levels:
            level = heappop(levels)
            for fact in (current := queue.pop(level)):  # grows while free operators add to it
                if values[fact] < level:
                    continue
                if fact == GOAL:
                    return supporters
                for operator in needed_by[fact]:
                    missing[operator] -= 1
                    total[operator] += level
                    if missing[operator]:
                        continue
                    reached = total[operator] + price[operator]
                    for added in adds[operator]:
                        if reached < values[added]:
                            values[added], supporters[added] = reached, operator
                            if reached == level:
                                current.append(added)
                            elif reached in queue:
                                queue[reached].append(added)
                            else:
                                queue[reached] = [added]
                                heappush(levels, reached)
        return supporters


class Greedy:
    """The search; it can pause."""

    def __init__(
        self, task: GroundTask, start: int, allowed: Sequence[int], successors: Successors | GeneralSuccessors
    ) -> None:
        self._task, self._start, self._successors = task, start, successors
        self._estimates = Estimates(task, allowed)
        self.plan: tuple[int, ...] | None = None
        self.over = False
        """Whether a plan was found, or no state is left that might lead to one."""
        self._work = self._run()

    def advance(self, effort: int, deadline: float) -> None:
        """Go on for ``effort`` (of about 0.1 microseconds each) or until ``deadline`` (monotonic clock)."""
        while effort > 0 and not self.over and monotonic() < deadline:
            done = next(self._work, -1)
            self.over = done < 0
            effort -= done

    def _run(self) -> Iterator[int]:
        before: dict[int, tuple[int, int]] = {}
        closed: set[int] = set()
        queues = (_Queue(), _Queue())  # all successors, preferred ones
        lead = [0, 0]
        best = FAR
        queues[0].push(0, (self._start, -1, -1))
        while queues[0] or queues[1]:
            which = 1 if queues[1] and (not queues[0] or lead[1] <= lead[0]) else 0
            lead[which] += 1
            state, parent, number = queues[which].pop()
            if state in closed:
                continue
            closed.add(state)
            if number >= 0:
                before[state] = parent, number
            if self._task.reached(state):
                self.plan = _way(before, state)
                return
            estimate, relaxed_plan = self._estimates(state)
            yield self._estimates.effort + self._expand(state, estimate, relaxed_plan, closed, queues)
            if estimate < best:
                best = estimate
                lead[1] -= BOOST

    def _expand(
        self, state: int, estimate: int, plan: frozenset[int], closed: set[int], queues: tuple[_Queue, _Queue]
    ) -> int:
        if estimate == FAR and self._estimates.exact:
            return 0
        found = self._successors.of(state)
        everything, preferred = queues
        for after, _, number in found:
            if after not in closed:
                everything.push(estimate, (after, state, number))
                if self._estimates.operator(number) in plan:
                    preferred.push(estimate, (after, state, number))
        return 20 + 12 * len(found)


class _Queue:
    """First by estimate, then first come, first served."""

    def __init__(self) -> None:
        self._buckets: dict[int, deque[tuple[int, int, int]]] = {}
        self._keys: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._keys)

    def push(self, key: int, entry: tuple[int, int, int]) -> None:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = deque()
            heappush(self._keys, key)
        bucket.append(entry)

    def pop(self) -> tuple[int, int, int]:
        key = self._keys[0]
        bucket = self._buckets[key]
        entry = bucket.popleft()
        if not bucket:
            del self._buckets[key]
            heappop(self._keys)
        return entry


def _relaxed_moves(task: GroundTask, allowed: Sequence[int]) -> Iterator[tuple[int, Move]]:
    """The moves; conditional effects and axioms as moves of their own, the latter free (marked by a cost of -1)."""
    for number in allowed:
        move = task.moves[number]
        yield number, Move(move.pre, move.npre, move.add, move.delete)
        for branch in move.branches:
            pre, npre = move.pre | branch.pre, move.npre | branch.npre
            yield number, Move(pre, npre, branch.add, branch.delete)
    for stratum in task.rules:
        for rule in stratum:
            yield -1, Move(rule.pre, rule.npre, rule.head, 0, -1)


def _way(before: dict[int, tuple[int, int]], state: int) -> tuple[int, ...]:
    steps = []
    while state in before:
        state, number = before[state]
        steps.append(number)
    return tuple(reversed(steps))
