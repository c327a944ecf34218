"""``move``: one legal move of the Towers of Hanoi, from any legal state. The unit of all comparisons.

``move`` uses discs 1, 2 and 3; ``move-235`` those three sizes, which is how skills are trained on every size.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from envs.suite import TableSuite, Variant
from envs.tasks.boxes import STEPS_A_MOVE
from envs.tasks.hanoi import MAX_DISCS, PEGS, Towers, TowerTask
from nsctl.scene import Pose
from nsctl.symbolic import Literal
from nsctl.task import InitialState, Task


class Move(TowerTask):
    """A random legal state and one random legal move in it. Sampling an initial state also draws the goal."""

    version = 2
    horizon = 2 * STEPS_A_MOVE

    def __init__(self, name: str, discs: Sequence[int]) -> None:
        super().__init__(discs)
        self.name = name
        self._after: Towers = {peg: [] for peg in PEGS}
        self._moved = (self.discs[0], "left", "right")

    @property
    def phrasings(self) -> tuple[str, ...]:
        disc, source, goal = self._moved
        return (
            f"Move {disc} from {source} to {goal}.",
            f"Take {disc} off the {source} peg and put it on the {goal} one.",
            f"Make one move: {disc}, {source} to {goal}.",
        )

    @property
    def goal(self) -> tuple[Literal, ...]:
        return self.standing_as(self._after)

    def sample(self, rng: np.random.Generator) -> InitialState:
        before = self.draw_towers(rng)
        moves = [(a, b) for a in PEGS for b in PEGS if a != b and before[a] and self._fits(before[a][-1], before[b])]
        source, goal = moves[rng.integers(len(moves))]
        self._after = {peg: list(tower) for peg, tower in before.items()}
        disc = self._after[source].pop()
        self._moved = disc, source, goal
        self._after[goal].append(disc)
        return self.layout(before, rng)

    def achieved(self, truth: Mapping[str, Pose]) -> bool:
        return all(self.is_tower(truth, peg, tower) for peg, tower in self._after.items())

    def _fits(self, disc: str, tower: list[str]) -> bool:
        return not tower or self.discs.index(disc) < self.discs.index(tower[-1])


class MoveSuite(TableSuite):
    """The family ``move`` and ``move-ABC`` (any one to three of the disc sizes 1 to 6)."""

    variants = (Variant("move", partial(Move, "move", (1, 2, 3))),)

    def task(self, name: str) -> Task:
        digits = name.removeprefix("move-")
        if re.fullmatch(rf"move-[1-{MAX_DISCS}]{{1,3}}", name) and len(set(digits)) == len(digits):
            return Move(name, [int(digit) for digit in digits])
        return super().task(name)
