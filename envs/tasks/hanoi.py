"""Towers of Hanoi: one disc at a time, never a larger on a smaller; a whole tower, or any legal state into any other.

The discs are cubes and the pegs are marks on the table, 0.20 m apart, as in arXiv 2602.19260 (half-sizes 20, 22.5, 25,
27.5 mm for discs 1 to 4; discs 5 and 6 go on by the same 2.5 mm).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

import numpy as np

from envs.suite import TableSuite, Variant
from envs.tasks.boxes import STEPS_A_MOVE, BoxTask, apart
from nsctl.scene import TABLE, Body, Pose
from nsctl.symbolic import Atom, Literal
from nsctl.task import InitialState

PEGS = {"left": 0.20, "middle": 0.0, "right": -0.20}
"""The places and their y [m]; all lie at x = 0.5."""
PEG_X = 0.50
MAX_DISCS, MIN_DISCS_ANY = 6, 3
Towers = dict[str, list[str]]
"""Place -> its discs, lowest first."""

_LAYOUT = 0.02  # m: the three places shift together by up to this much
_STAGGER = 0.003  # m: each disc lies off the tower's axis by up to this much
_TWIST = 0.15  # rad: and is turned by up to this much
_ON_PEG = 0.04  # m: a tower counts while its lowest disc is this near to the middle of the place
_RGB = (
    (0.86, 0.27, 0.22),
    (0.95, 0.66, 0.18),
    (0.24, 0.62, 0.37),
    (0.20, 0.47, 0.76),
    (0.52, 0.34, 0.66),
    (0.35, 0.66, 0.68),
)


def half_size(disc: int) -> float:
    """Half the edge [m] of disc 1 (smallest) to 6."""
    return 0.020 + 0.0025 * (disc - 1)


class TowerTask(BoxTask):
    """What all tower tasks share: cubes called discs, three places, and towers that are legal."""

    domain_pddl = files("envs.tasks").joinpath("hanoi.pddl").read_text()

    def __init__(self, discs: Sequence[int]) -> None:
        self.discs = tuple(f"disc{i}" for i in sorted(discs))  # smallest first
        cubes = [Body(f"disc{i}", "disc", (half_size(i),) * 3, _RGB[i - 1]) for i in sorted(discs)]
        marks = [Body(name, "peg", (0.045, 0.045, 0.0005), (0.55, 0.52, 0.48), movable=False) for name in PEGS]
        super().__init__([*cubes, *marks])
        self.objects = {**{body.name: body.type for body in self.bodies}, TABLE: "surface"}
        onto_pegs = [Atom("smaller", (disc, peg)) for disc in self.discs for peg in PEGS]
        onto_discs = [Atom("smaller", (a, b)) for i, a in enumerate(self.discs) for b in self.discs[i + 1 :]]
        self.facts = frozenset((*onto_pegs, *onto_discs))

    def layout(self, towers: Mapping[str, Sequence[str]], rng: np.random.Generator) -> InitialState:
        """Poses for ``towers`` (place -> its discs, lowest first), with the shifts and twists of the distribution."""
        shift = rng.uniform(-_LAYOUT, _LAYOUT, 2)
        poses: dict[str, Pose] = {}
        for peg, y in PEGS.items():
            centre = np.array([PEG_X, y]) + shift
            poses[peg] = Pose(np.array([*centre, 0.0005]))
            poses |= self.pile(towers.get(peg, ()), centre, rng, stagger=_STAGGER, twist=_TWIST)
        return InitialState(poses)

    def draw_towers(self, rng: np.random.Generator) -> Towers:
        """A legal state, each as likely."""
        towers: Towers = {peg: [] for peg in PEGS}
        for disc in self.discs[::-1]:  # largest first, each onto any place
            towers[rng.choice(list(PEGS))].append(disc)
        return towers

    def standing_as(self, towers: Mapping[str, Sequence[str]]) -> tuple[Literal, ...]:
        """What is on what when these towers stand."""
        pairs = [pair for peg, tower in towers.items() for pair in zip(tower, [peg, *tower], strict=False)]
        return tuple(Literal(Atom("on", pair)) for pair in pairs)

    def is_tower(self, truth: Mapping[str, Pose], peg: str, discs: Sequence[str]) -> bool:
        """Whether ``discs`` (lowest first) truly stand on ``peg``, one on the other."""
        return not discs or (apart(truth[discs[0]], truth[peg]) < _ON_PEG and self.stand(truth, discs))

    def broken_rule(self, truth: Mapping[str, Pose]) -> str:
        """A larger disc that rests on a smaller one, or a disc that is lifted with another on it."""
        pairs = list(self.resting(truth))
        for lower, upper in pairs:
            if self._half[upper] > self._half[lower]:
                return f"{upper} lies on the smaller {lower}"
        return self.carried_with(truth, pairs)


class Hanoi(TowerTask):
    """``hanoi-N``: the whole tower of N discs, from left to right."""

    version = 2

    def __init__(self, count: int) -> None:
        super().__init__(range(1, count + 1))
        self.name = f"hanoi-{count}"
        self.horizon = STEPS_A_MOVE * (2**count - 1)

    @property
    def phrasings(self) -> tuple[str, ...]:
        count = len(self.discs)
        discs = f"{count} discs" if count > 1 else "one disc"
        return (
            f"Move the tower of {discs} from the left peg to the right peg, one disc at a time, "
            "never a larger disc on a smaller one.",
            f"Bring all there is, {discs}, to the right peg. Carry one at a time, and put none on a smaller one.",
            f"Rebuild the tower of {discs} on the right: single moves only, and no disc may lie on one smaller than itself.",
        )

    @property
    def goal(self) -> tuple[Literal, ...]:
        supports = (*self.discs[1:], "right")
        return tuple(Literal(Atom("on", pair)) for pair in zip(self.discs, supports, strict=True))

    def sample(self, rng: np.random.Generator) -> InitialState:
        return self.layout({"left": self.discs[::-1]}, rng)

    def achieved(self, truth: Mapping[str, Pose]) -> bool:
        return self.is_tower(truth, "right", self.discs[::-1])


class HanoiAny(TowerTask):
    """``hanoi-N-any``: any legal state of N discs into any other. Sampling an initial state also draws the goal."""

    version = 1

    def __init__(self, count: int) -> None:
        super().__init__(range(1, count + 1))
        self.name = f"hanoi-{count}-any"
        self.horizon = STEPS_A_MOVE * (2**count - 1)  # no two states are farther apart than the two towers of hanoi-N
        self._wanted: Towers = {"left": [], "middle": [], "right": list(self.discs[::-1])}

    @property
    def phrasings(self) -> tuple[str, ...]:
        towers = "; ".join(f"{peg}: {', '.join(tower) or 'nothing'}" for peg, tower in self._wanted.items())
        onto = [(peg, pair) for peg, tower in self._wanted.items() for pair in zip(tower, ["", *tower], strict=False)]
        supports = ", ".join(f"{disc} on {below or f'the {peg} peg'}" for peg, (disc, below) in onto)
        return (
            f"Move the discs until they stand so, each peg from the bottom up: {towers}. "
            "One disc at a time, never a larger disc on a smaller one.",
            f"Carry one disc at a time, put none on a smaller one, and end with {supports}.",
            f"Rearrange the towers by legal moves. What is wanted, lowest disc first: {towers}. "
            "A move takes one disc, and no disc may lie on one smaller than itself.",
        )

    @property
    def goal(self) -> tuple[Literal, ...]:
        return self.standing_as(self._wanted)

    def sample(self, rng: np.random.Generator) -> InitialState:
        towers = self._wanted = self.draw_towers(rng)
        while towers == self._wanted:
            towers = self.draw_towers(rng)
        return self.layout(towers, rng)

    def achieved(self, truth: Mapping[str, Pose]) -> bool:
        return all(self.is_tower(truth, peg, tower) for peg, tower in self._wanted.items())


class HanoiSuite(TableSuite):
    """The family ``hanoi-1`` to ``hanoi-6``, and ``hanoi-3-any`` to ``hanoi-6-any``."""

    variants = (
        Variant("hanoi-N", Hanoi, range(1, MAX_DISCS + 1), "discs"),
        Variant("hanoi-N-any", HanoiAny, range(MIN_DISCS_ANY, MAX_DISCS + 1), "discs"),
    )
