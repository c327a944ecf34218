"""What all engines at work on one question know together: the best plan, the best proof, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass
class Board:
    """Costs are in units of the task. ``best`` are the numbers of the moves of the cheapest plan so far.

    ``lower`` is a proven lower bound on the cost of every plan, and ``proof`` says what it rests on; ``none`` says in
    words why there is no plan at all, once that is proven.
    """

    lower: int = 0
    proof: str = ""
    best: tuple[int, ...] | None = None
    upper: int | None = None
    engine: str = ""
    none: str = ""

    def offer(self, plan: Sequence[int], cost: int, engine: str) -> None:
        """Take a plan if it is cheaper than the best so far, or as cheap and shorter."""
        better = self.upper is None or (cost, len(plan)) < (self.upper, len(self.best or ()))
        if better:
            self.best, self.upper, self.engine = tuple(plan), cost, engine

    def raise_to(self, lower: int, proof: str) -> None:
        """Take a lower bound if it is higher than the one so far."""
        if lower > self.lower or not self.proof:
            self.lower, self.proof = max(lower, self.lower), proof

    @property
    def settled(self) -> bool:
        """Whether nothing is left to find out: the best plan is proven optimal, or there is none."""
        return bool(self.none) or (self.upper is not None and self.upper <= self.lower)


class Engine(Protocol):
    """One way to search, which can pause."""

    @property
    def over(self) -> bool:
        """Whether it has nothing more to say."""

    def advance(self, board: Board, effort: int, deadline: float) -> None:
        """Work for about ``effort`` (a tenth of a microsecond each) or until ``deadline``; tell ``board`` the news."""
