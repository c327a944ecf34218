"""Blocks on a bare table: from any towers to any other towers, one block at a time (the blocks world)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import pairwise, product
from math import comb, factorial

import numpy as np

from envs.suite import TableSuite, Variant
from envs.tasks.boxes import STEPS_A_MOVE, BoxTask
from nsctl.scene import TABLE, Body, Pose
from nsctl.symbolic import Atom, Literal
from nsctl.task import InitialState

BLOCKS = {
    "red": (0.86, 0.22, 0.20),
    "green": (0.24, 0.62, 0.33),
    "blue": (0.18, 0.40, 0.78),
    "yellow": (0.96, 0.80, 0.20),
    "purple": (0.55, 0.32, 0.68),
    "cyan": (0.30, 0.74, 0.80),
}
"""The blocks' names and colours."""
HALF = 0.022
"""Half the edge [m] of every block."""
LEAST = 3
"""Blocks of the smallest task."""

_SPOTS = [np.array(spot) for spot in product((0.38, 0.49, 0.60), (-0.18, 0.0, 0.18))]
"""Where towers may start [m]: whatever stands on them, an open hand with its fingers along y has room at each."""
_OVERREACHED = 4
"""Blocks of a tower over which the forearm still passes to the table behind; a higher one starts behind all others."""
_SCATTER = np.array([0.010, 0.020])  # m: and how far off, along x and y
_STAGGER = 0.002  # m: each block lies off its tower's axis by up to this much
_TURN, _TWIST = 0.12, 0.03  # rad: a tower is turned by up to the one, its blocks against it by up to the other

Towers = tuple[tuple[str, ...], ...]
"""Each tower's blocks, lowest first."""


def draw_towers(blocks: Sequence[str], rng: np.random.Generator) -> Towers:
    """Some towers of all ``blocks``; every set of towers is as likely.

    n blocks make C(n - 1, k - 1) n! / k! sets of k towers (the Lah numbers): for each of them there are k! pairs of an
    order of the blocks and cuts that yield it, so an order and cuts are drawn once k is.
    """
    n = len(blocks)
    sets = np.array([comb(n - 1, k - 1) * factorial(n) // factorial(k) for k in range(1, n + 1)])
    count = 1 + int(rng.choice(n, p=sets / sets.sum()))
    order = [blocks[i] for i in rng.permutation(n)]
    cuts = [0, *sorted(1 + rng.choice(n - 1, count - 1, replace=False)), n]
    return tuple(tuple(order[a:b]) for a, b in pairwise(cuts))


class Stack(BoxTask):
    """``stack-N``: N blocks of one size. Sampling an initial state also draws the goal."""

    version = 1
    domain_pddl = files("envs.tasks").joinpath("stack.pddl").read_text()
    facts: frozenset[Atom] = frozenset()

    def __init__(self, count: int) -> None:
        self.name = f"stack-{count}"
        self.blocks = tuple(BLOCKS)[:count]
        super().__init__([Body(name, "block", (HALF,) * 3, BLOCKS[name]) for name in self.blocks])
        self.objects = {**dict.fromkeys(self.blocks, "block"), TABLE: "surface"}
        self.horizon = STEPS_A_MOVE * 2 * (count - 1)  # the longest of the shortest plans has 2 (N - 1) moves
        self._wanted: Towers = (self.blocks,)

    @property
    def phrasings(self) -> tuple[str, ...]:
        rows = "; ".join(", ".join(tower) for tower in self._wanted)
        supports = ", ".join(f"{x} on {'the table' if below == TABLE else below}" for x, below in self._pairs())
        return (
            f"Build these towers on the table, each named from the bottom up: {rows}.",
            f"Rearrange the blocks until this holds: {supports}.",
            f"What shall stand on the table, lowest block first: {rows}. Move one block at a time.",
        )

    @property
    def goal(self) -> tuple[Literal, ...]:
        return tuple(Literal(Atom("on", pair)) for pair in self._pairs())

    def sample(self, rng: np.random.Generator) -> InitialState:
        start = self._wanted = draw_towers(self.blocks, rng)
        while set(start) == set(self._wanted):
            start = draw_towers(self.blocks, rng)
        spots = [_SPOTS[i] for i in rng.permutation(len(_SPOTS))[: len(start)]]
        if max(map(len, start)) > _OVERREACHED:
            start = tuple(sorted(start, key=len))
            spots.sort(key=lambda spot: float(spot[0]))
        poses: dict[str, Pose] = {}
        for tower, spot in zip(start, spots, strict=True):
            at, turn = spot + rng.uniform(-_SCATTER, _SCATTER), rng.uniform(-_TURN, _TURN)
            poses |= self.pile(tower, at, rng, stagger=_STAGGER, twist=_TWIST, turn=turn)
        return InitialState(poses)

    def achieved(self, truth: Mapping[str, Pose]) -> bool:
        return all(self.stand(truth, tower) for tower in self._wanted)

    def broken_rule(self, truth: Mapping[str, Pose]) -> str:
        """A block that is lifted with another on it."""
        return self.carried_with(truth, list(self.resting(truth)))

    def _pairs(self) -> list[tuple[str, str]]:
        """Each block and what it shall stand on, tower by tower."""
        return [pair for tower in self._wanted for pair in zip(tower, (TABLE, *tower), strict=False)]


class StackSuite(TableSuite):
    """The family ``stack-3`` to ``stack-6``."""

    variants = (Variant("stack-N", Stack, range(LEAST, len(BLOCKS) + 1), "blocks"),)
