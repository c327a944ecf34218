"""Which facts can never hold at once: the reachable pairs of literals, h^2 of Haslum and Geffner (2000).

Literals are bits: atom i true is bit i, atom i false is bit n + i. For each literal a mask says with which others it may
hold; a step may be taken if all its preconditions may hold pairwise, and then leaves behind its effects together with
whatever it does not undo. What is missing at the fixpoint is proven out of reach. Conditional effects are taken as if
each could happen or not; derived atoms are left aside, which only makes the answer weaker.
"""

from __future__ import annotations

from collections.abc import Collection
from time import monotonic

from planners.grounding.task import Branch, GroundTask, Move, bits


class Pairs:
    """The fixpoint from one state under the ``allowed`` moves.

    ``complete`` is false if ``effort`` (moves looked at) or the ``deadline`` (monotonic clock) ended it early: then it
    proves nothing.
    """

    def __init__(
        self, task: GroundTask, state: int, allowed: Collection[int], effort: int, deadline: float = float("inf")
    ) -> None:
        self._size = len(task.atoms)
        self._all = (1 << self._size) - 1
        self._base = self._all & ~task.derived
        start = self.literals(state, ~state)
        self.with_ = [start if start >> number & 1 else 0 for number in range(2 * self._size)]
        """For each literal the mask of those with which it may hold; 0 if it never holds."""
        self._known = start
        self.complete = self._close([task.moves[number] for number in allowed], effort, deadline)

    def literals(self, true: int, false: int) -> int:
        """Masks of atoms as one mask of literals, derived atoms left out."""
        return true & self._base | (false & self._base) << self._size

    def excluded(self, wanted: int, unwanted: int) -> tuple[int, int] | None:
        """Two literals (or one, twice), as bits, that never hold at once though asked for; ``None`` if none are."""
        asked = self.literals(wanted, unwanted)
        alone = next((number for number in bits(asked) if not self.with_[number]), None)
        if alone is not None:
            return alone, alone
        for number in bits(asked):
            missing = asked & ~self.with_[number]
            if missing:
                return number, next(bits(missing))
        return None

    def _close(self, moves: list[Move], effort: int, deadline: float) -> bool:
        grown = True
        while grown:
            effort -= len(moves)
            if effort < 0:
                return False
            grown = False
            for number, move in enumerate(moves):
                if number % 64 == 0 and monotonic() >= deadline:
                    return False
                grown |= self._take(move)
        return True

    def _take(self, move: Move) -> bool:
        needs = self.literals(move.pre, move.npre)
        beside = self._beside(needs)
        if beside is None:
            return False
        effects = self.literals(move.add, move.delete)
        grown = self._join(effects, beside & ~self._negated(effects) | effects)
        for branch in move.branches:
            grown |= self._branch(move, branch, needs, effects)
        return grown

    def _branch(self, move: Move, branch: Branch, needs: int, effects: int) -> bool:
        needs |= self.literals(branch.pre, branch.npre)
        beside = self._beside(needs)
        if beside is None:
            return False
        own = self.literals(branch.add, branch.delete)
        joint = beside & ~self._negated(effects | own) | effects | own
        for other in move.branches:
            if self._beside(needs | self.literals(other.pre, other.npre)) is not None:
                joint |= self.literals(other.add, other.delete)
        return self._join(own, joint)

    def _beside(self, needs: int) -> int | None:
        """What may hold beside all of ``needs``; ``None`` if they never hold at once."""
        beside = self._known
        for number in bits(needs):
            beside &= self.with_[number]
        return beside if needs & ~beside == 0 else None

    def _join(self, effects: int, joint: int) -> bool:
        grown = False
        for number in bits(effects):
            new = joint & ~self.with_[number]
            if new:
                grown = True
                self.with_[number] |= new
                for other in bits(new):
                    self.with_[other] |= 1 << number
        self._known |= effects
        return grown

    def _negated(self, literals: int) -> int:
        return literals >> self._size | (literals & self._all) << self._size
