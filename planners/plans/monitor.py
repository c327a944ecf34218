"""Does the rest of the plan still work from here? Asked at every tick of the loop, so answered by a few bit operations.

The goal is regressed through the plan, last step first: what must hold before each suffix of the plan so that the
suffix reaches the goal (its weakest precondition; the kernels of the triangle tables of Fikes, Hart and Nilsson,
"Learning and executing generalized robot plans", 1972). A state that satisfies the condition of some suffix can go on
there, whatever brought it about: luck that makes steps needless, or a mishap that undoes some.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from nsctl.errors import DomainError
from nsctl.symbolic import Literal, Plan, PlanStep, SymbolicState
from planners.grounding.task import Branch, GroundTask, Move, bits

LIMIT = 32
"""Alternatives of one weakest precondition; where conditional effects would need more, suffixes are simulated."""

Masks: TypeAlias = tuple[int, int]
"""Atoms that must hold and atoms that must not."""
Alternatives: TypeAlias = tuple[Masks, ...]
"""Any one of them is enough; none at all can never be satisfied."""


class PlanMonitor:
    """Watches one plan, given as the numbers of its moves, over one ground task.

    ``goal`` (masks of what must and must not hold at the end) is the task's own, if not given.
    """

    def __init__(self, task: GroundTask, moves: Sequence[int], goal: Masks | None = None) -> None:
        self.task, self.moves = task, tuple(moves)
        self.goal = task.goal if goal is None else goal
        self._steps = [tuple(task.moves[n] for n in task.numbers[task.names[move]]) for move in self.moves]
        self.kernels: list[Alternatives] = [(self.goal,)]
        """The weakest precondition of each suffix, for as many of the last suffixes as could be regressed."""
        if goal is None and task.dead_goals:
            self.kernels = [()]
        self._regress()
        self._simulated = len(self.moves) + 1 - len(self.kernels)
        self._entries = self._ordered()

    @classmethod
    def of(cls, task: GroundTask, plan: Plan) -> PlanMonitor:
        """A monitor of a plan of steps; refuses a step that the task does not have."""
        return cls(task, [_number(task, step) for step in plan])

    def check(self, state: int) -> int | None:
        """The number of the step from which on the plan leads from ``state`` to the goal; ``None`` if from none.

        Of several such steps it is the last, so that nothing is done that luck has done already; the number of steps
        says that the goal holds. A plan without needless steps that goes as expected is never left.
        """
        for number, pre, npre in self._entries:
            if state & pre == pre and not state & npre:
                return number
        return next((n for n in reversed(range(self._simulated)) if self._works(state, n)), None)

    def entry(self, state: SymbolicState) -> int | None:
        """The same for a state of atoms."""
        return self.check(self.task.state(state))

    def missing(self, state: SymbolicState, number: int) -> tuple[Literal, ...]:
        """What does not hold but would have to, so that the plan worked from step ``number`` on; the fewest literals.

        Empty if it works; also where conditional effects or axioms keep the condition from being known.
        """
        if number < self._simulated:
            return ()
        mask = self.task.state(state)
        lacks = [(pre & ~mask, npre & mask) for pre, npre in self.kernels[number - self._simulated]]
        fewest = min(lacks, key=lambda lack: lack[0].bit_count() + lack[1].bit_count(), default=(0, 0))
        return self.task.literals(*fewest)

    def _regress(self) -> None:
        if self.task.rules:
            return
        for step in reversed(self._steps):
            kernel = _before(step, self.kernels[0])
            if kernel is None:
                return
            self.kernels.insert(0, kernel)

    def _ordered(self) -> list[tuple[int, int, int]]:
        """Entry points with their masks, the last first."""
        numbered = enumerate(self.kernels, start=self._simulated)
        return [(number, *masks) for number, kernel in reversed(list(numbered)) for masks in kernel]

    def _works(self, state: int, number: int) -> bool:
        for alternatives in self._steps[number:]:
            move = next((move for move in alternatives if move.applicable(state)), None)
            if move is None:
                return False
            state = self.task.apply(move, state)
        wanted, unwanted = self.goal
        return bool(self.kernels[-1]) and state & wanted == wanted and not state & unwanted


def _number(task: GroundTask, step: PlanStep) -> int:
    found = task.numbers.get((step.operator, step.arguments))
    if not found:
        raise DomainError(f"{step} is no step of this problem: static facts or types rule it out")
    return found[0]


def _before(alternatives: Iterable[Move], after: Alternatives) -> Alternatives | None:
    """The weakest precondition of one step, whose moves differ in preconditions only; ``None`` beyond ``LIMIT``."""
    try:
        return _smallest(masks for move in alternatives for end in after for masks in _regressed(move, *end))
    except _TooMany:
        return None


class _TooMany(Exception):
    """A condition grew beyond ``LIMIT`` alternatives."""


def _regressed(move: Move, pre: int, npre: int) -> Alternatives:
    """What must hold before ``move`` so that it can be taken and ``pre`` holds after it, and nothing of ``npre``."""
    touched = 0
    for branch in move.branches:
        touched |= branch.add | branch.delete
    if pre & move.delete & ~move.add & ~touched or npre & move.add:
        return ()
    rest = pre & ~move.add & ~touched | move.pre, npre & ~move.delete & ~touched | move.npre
    whole: Alternatives = () if rest[0] & rest[1] else (rest,)
    for atom in bits((pre & ~move.add | npre) & touched):
        whole = _smallest(_joined(whole, tuple(_ways(move, 1 << atom, wanted=bool(pre >> atom & 1)))))
    return whole


def _ways(move: Move, atom: int, wanted: bool) -> Iterator[Masks]:
    """How ``atom``, which conditional effects change, comes to be true (or false) after ``move``."""
    adding = [branch for branch in move.branches if branch.add & atom]
    deleting = [branch for branch in move.branches if branch.delete & atom]
    if wanted:
        yield from ((branch.pre, branch.npre) for branch in adding)
        if not move.delete & atom:
            yield from _joined([(atom, 0)], _none_fires(deleting))
        return
    gone = [(0, 0)] if move.delete & atom else [(0, atom), *((b.pre, b.npre) for b in deleting)]
    yield from _joined(gone, _none_fires(adding))


def _none_fires(branches: Iterable[Branch]) -> Alternatives:
    whole: Alternatives = ((0, 0),)
    for branch in branches:
        refuted = [(0, 1 << i) for i in bits(branch.pre)] + [(1 << i, 0) for i in bits(branch.npre)]
        whole = _smallest(_joined(whole, refuted))
    return whole


def _joined(some: Iterable[Masks], others: Sequence[Masks]) -> Iterator[Masks]:
    """Both at once, in every way that does not contradict itself."""
    for pre, npre in some:
        for also, nalso in others:
            if not (pre | also) & (npre | nalso):
                yield pre | also, npre | nalso


def _smallest(found: Iterable[Masks]) -> Alternatives:
    """Without those that ask for all that another one asks for, and more; raises :class:`_TooMany`."""
    kept: list[Masks] = []
    for pre, npre in sorted(set(found), key=lambda m: (m[0].bit_count() + m[1].bit_count(), m)):
        if not any(pre & p == p and npre & n == n for p, n in kept):
            kept.append((pre, npre))
    if len(kept) > LIMIT:
        raise _TooMany
    return tuple(kept)
