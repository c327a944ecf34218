"""The landmark-cut heuristic (Helmert, Domshlak, "Landmarks, critical paths and abstractions", ICAPS 2009).

A cut is a set of operators of which every plan must use one: those that cross into the facts from which the goal is
free of charge, each operator being represented by its dearest precondition. Its cheapest cost counts, is taken off all
its operators, and the next cut is sought until the goal costs nothing.

Cuts are landmarks of the state, and of every state that follows by a move which is in none of them. So a successor
starts with its parent's cuts, less those that contain the move, and seeks only what is missing (Pommerening, Helmert,
"Incremental LM-Cut", ICAPS 2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from planners.grounding.task import GroundTask, Move
from planners.search.relaxation import GOAL, Relaxation

NEVER = 1 << 1000
"""The cost of facts that cannot be reached."""

REMEMBERED = 200_000
"""States whose cuts are kept."""

Cut = tuple[int, frozenset[int]]
"""What it costs at least, in units, and its operators."""


class LmCut:
    """Lower bounds, in units, on the cost of reaching ``goal`` (masks of atoms wanted and unwanted) by STRIPS ``moves``.

    ``costs``, where given, says by a move's number what it costs here. See :meth:`of` for a whole task.
    """

    def __init__(
        self, moves: Sequence[tuple[int, Move]], goal: tuple[int, int], costs: Sequence[int] | None = None
    ) -> None:
        self._relaxed = relaxed = Relaxation(moves, goal, costs)
        self._cuts: dict[int, tuple[Cut, ...]] = {}
        self._counts = [len(pre) for pre in relaxed.pre]
        self.effort = 2 * (sum(self._counts) + relaxed.size + len(relaxed.pre)) + 100
        """What one call costs, about, in 0.1 microseconds, if it can start from the parent's cuts."""

    @classmethod
    def of(cls, task: GroundTask, start: int, allowed: Sequence[int]) -> LmCut:
        """The heuristic for the states of a STRIPS task that can be reached from ``start`` by the moves ``allowed``."""
        _, _, happening = task.relaxed(start, allowed)
        return cls([(number, task.moves[number]) for number in happening], task.goal)

    def __call__(self, state: int) -> int | None:
        """The bound for ``state``; ``None`` if it is proven that no plan leads from there."""
        return self._evaluate(state, ())

    def after(self, state: int, parent: int, number: int) -> int | None:
        """The same for a state that move ``number`` leads to from ``parent``; quicker if that was evaluated before."""
        known = self._cuts.get(parent, ())
        operator = self._relaxed.operator.get(number, -1)
        return self._evaluate(state, tuple(cut for cut in known if operator not in cut[1]))

    def _evaluate(self, state: int, known: tuple[Cut, ...]) -> int | None:
        rest = self._relaxed.cost[:]
        for cost, operators in known:
            for operator in operators:
                rest[operator] -= cost
        values, supporters = self._explore(state, rest)
        if values[GOAL] >= NEVER:
            return None
        cuts = [*known]
        while values[GOAL] > 0:
            cut = self._cut(state, rest, values, supporters)
            cost = min([rest[operator] for operator in cut])
            for operator in cut:
                rest[operator] -= cost
            cuts.append((cost, frozenset(cut)))
            self._lower(cut, rest, values, supporters)
        if len(self._cuts) < REMEMBERED:
            self._cuts[state] = tuple(cuts)
        return sum(cost for cost, _ in cuts)

    def _explore(self, state: int, cost: list[int]) -> tuple[list[int], list[int]]:
        """The max heuristic: what each fact costs, and each operator's dearest precondition (-1: out of reach)."""
        relaxed = self._relaxed
        needed_by, adds = relaxed.needed_by, relaxed.add
        missing, supporters, values = self._counts[:], [-1] * len(self._counts), [NEVER] * relaxed.size
        facts = relaxed.facts(state)
        for fact in facts:
            values[fact] = 0
        queue, levels = {0: facts}, [0]
        while levels:
            level = heappop(levels)
            for fact in (current := queue.pop(level)):  # grows while free operators add to it
                if values[fact] < level:
                    continue
                for operator in needed_by[fact]:
                    missing[operator] -= 1
                    if missing[operator]:
                        continue
                    supporters[operator] = fact
                    total = level + cost[operator]
                    for added in adds[operator]:
                        if total < values[added]:
                            values[added] = total
                            if total == level:
                                current.append(added)
                            elif total in queue:
                                queue[total].append(added)
                            else:
                                queue[total] = [added]
                                heappush(levels, total)
        return values, supporters

    def _cut(self, state: int, cost: list[int], values: list[int], supporters: list[int]) -> list[int]:
        """The operators that lead into the facts from which the goal is free."""
        added_by, goal_value = self._relaxed.added_by, values[GOAL]
        zone, crossing = {GOAL}, []
        queue = [GOAL]
        for fact in queue:
            for operator in added_by[fact]:
                supporter = supporters[operator]
                if supporter < 0 or supporter in zone:
                    continue
                if cost[operator]:
                    crossing.append(operator)
                else:
                    zone.add(supporter)
                    queue.append(supporter)
        cut = [operator for operator in dict.fromkeys(crossing) if supporters[operator] not in zone]
        # What is cheaper than the goal is reached without passing the zone; only dearer facts need a look.
        if any(values[supporters[operator]] >= goal_value for operator in cut):
            before = self._before(state, zone, supporters)
            cut = [operator for operator in cut if supporters[operator] in before]
        return cut

    def _before(self, state: int, zone: set[int], supporters: list[int]) -> set[int]:
        """The facts reached from ``state``, each operator from its supporter, without entering ``zone``."""
        needed_by, adds = self._relaxed.needed_by, self._relaxed.add
        queue = self._relaxed.facts(state)
        before = set(queue)
        for fact in queue:
            for operator in needed_by[fact]:
                if supporters[operator] == fact and zone.isdisjoint(adds[operator]):
                    new = [added for added in adds[operator] if added not in before]
                    before.update(new)
                    queue += new
        return before

    def _lower(self, cut: list[int], cost: list[int], values: list[int], supporters: list[int]) -> None:
        """Bring values and supporters up to date after the operators of ``cut`` became cheaper."""
        needed_by, adds, pre = self._relaxed.needed_by, self._relaxed.add, self._relaxed.pre
        queue: dict[int, list[int]] = {}
        levels: list[int] = []
        changed = cut
        fact, level = -1, -1
        while True:
            for operator in changed:
                supporter = supporters[operator]
                if supporter == fact and len(pre[operator]) > 1:
                    supporter = supporters[operator] = max(pre[operator], key=values.__getitem__)
                total = values[supporter] + cost[operator]
                for added in adds[operator]:
                    if total < values[added]:
                        values[added] = total
                        if total in queue:
                            queue[total].append(added)
                        else:
                            queue[total] = [added]
                            heappush(levels, total)
            while levels and not queue[levels[0]]:
                del queue[heappop(levels)]
            if not levels:
                return
            level = levels[0]
            fact = queue[level].pop()
            changed = [o for o in needed_by[fact] if supporters[o] == fact] if values[fact] == level else []
