"""Towers of Hanoi: move a tower from the left place to the right one, one disc at a time, never a larger on a smaller.

The discs are cubes and the pegs are marks on the table, 0.20 m apart, as in arXiv 2602.19260 (half-sizes 20, 22.5, 25,
27.5 mm for discs 1 to 4; discs 5 and 6 go on by the same 2.5 mm).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import pairwise

import numpy as np

from envs.world import TableWorld
from nsctl.contracts import SuiteOptions
from nsctl.errors import InvalidValue, UnknownName
from nsctl.geometry import box_tilt, from_yaw
from nsctl.scene import Body, Pose
from nsctl.symbolic import Atom, Literal
from nsctl.task import InitialState, Task

PEGS = {"left": 0.20, "middle": 0.0, "right": -0.20}
"""The places and their y [m]; all lie at x = 0.5."""
PEG_X = 0.50
MAX_DISCS = 6
STEPS_A_MOVE = 180
"""Horizon for one move, about twice what the scripted arm needs."""

_LAYOUT = 0.02  # m: the three places shift together by up to this much
_STAGGER = 0.003  # m: each disc lies off the tower's axis by up to this much
_TWIST = 0.15  # rad: and is turned by up to this much
_ON_AXIS = 0.02  # m: a tower counts while each disc is this near to the axis of the one beneath
_ON_PEG = 0.04  # m: and its lowest disc this near to the middle of the place
_LEVEL = 0.006  # m: heights must match this well
_LIFTED = 0.015  # m: and a disc is in the air when this far above the table with nothing beneath
_TILT = 0.15  # rad
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


class TowerTask(Task):
    """What all tower tasks share: cubes called discs, three places, and towers that are legal."""

    domain_pddl = files("envs.tasks").joinpath("hanoi.pddl").read_text()

    def __init__(self, discs: Sequence[int]) -> None:
        self.discs = tuple(f"disc{i}" for i in sorted(discs))  # smallest first
        cubes = [Body(f"disc{i}", "disc", (half_size(i),) * 3, _RGB[i - 1]) for i in sorted(discs)]
        marks = [Body(name, "peg", (0.045, 0.045, 0.0005), (0.55, 0.52, 0.48), movable=False) for name in PEGS]
        self.bodies = (*cubes, *marks)
        self._half = {body.name: body.half_extents[2] for body in cubes}
        self.objects = {**{body.name: body.type for body in self.bodies}, "table": "surface"}
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
            height = 0.0
            for name in towers.get(peg, ()):
                half = self.body(name).half_extents[2]
                offset = rng.uniform(-_STAGGER, _STAGGER, 2)
                poses[name] = Pose(
                    np.array([*(centre + offset), height + half]), from_yaw(rng.uniform(-_TWIST, _TWIST))
                )
                height += 2 * half
        return InitialState(poses)

    def is_tower(self, truth: Mapping[str, Pose], peg: str, discs: Sequence[str]) -> bool:
        """Whether ``discs`` (lowest first) truly stand on ``peg``, one on the other."""
        height = 0.0
        for name in discs:
            half = self.body(name).half_extents[2]
            if abs(truth[name].position[2] - (height + half)) > _LEVEL:
                return False
            height += 2 * half
        return (
            (not discs or _apart(truth[discs[0]], truth[peg]) < _ON_PEG)
            and all(_apart(truth[above], truth[below]) < _ON_AXIS for below, above in pairwise(discs))
            and all(box_tilt(truth[name].quaternion) < _TILT for name in discs)
        )

    def broken_rule(self, truth: Mapping[str, Pose]) -> str:
        """A larger disc that rests on a smaller one, or a disc that is lifted with another on it."""
        at = {name: truth[name].position.tolist() for name in self.discs}
        for i, lower in enumerate(self.discs):
            for j, upper in enumerate(self.discs):
                if i == j or not self._rests(at[upper], upper, at[lower], lower):
                    continue
                if j > i:
                    return f"{upper} lies on the smaller {lower}"
                if self._in_the_air(lower, at):
                    return f"{lower} was moved with {upper} on it"
        return ""

    def _rests(self, upper: Sequence[float], name: str, lower: Sequence[float], other: str) -> bool:
        reach, rise = self._half[name] + self._half[other], upper[2] - lower[2]
        beside = abs(upper[0] - lower[0]) > 0.7 * reach or abs(upper[1] - lower[1]) > 0.7 * reach
        return not beside and abs(rise - reach) < _LEVEL

    def _in_the_air(self, name: str, at: Mapping[str, Sequence[float]]) -> bool:
        if at[name][2] < self._half[name] + _LIFTED:
            return False
        return not any(o != name and self._rests(at[name], name, at[o], o) for o in self.discs)


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
        return (
            f"Move the tower of {count} discs from the left peg to the right peg, one disc at a time, "
            "never a larger disc on a smaller one.",
            f"Bring all {count} discs to the right peg. Carry one at a time, and put none on a smaller one.",
            f"Rebuild the tower of {count} on the right: single moves only, and no disc may lie on one smaller than itself.",
        )

    @property
    def goal(self) -> tuple[Literal, ...]:
        supports = (*self.discs[1:], "right")
        return tuple(Literal(Atom("on", pair)) for pair in zip(self.discs, supports, strict=True))

    def sample(self, rng: np.random.Generator) -> InitialState:
        return self.layout({"left": self.discs[::-1]}, rng)

    def achieved(self, truth: Mapping[str, Pose]) -> bool:
        return self.is_tower(truth, "right", self.discs[::-1])


class HanoiSuite:
    """The family ``hanoi-1`` to ``hanoi-6``."""

    tasks = tuple(f"hanoi-{n}" for n in range(1, MAX_DISCS + 1))

    def task(self, name: str) -> Task:
        match = re.fullmatch(r"hanoi-(\d+)", name)
        if not match:
            raise UnknownName("task", name, self.tasks)
        count = int(match[1])
        if not 1 <= count <= MAX_DISCS:
            raise InvalidValue(f"hanoi-N takes 1 to {MAX_DISCS} discs, got {count}")
        return Hanoi(count)

    def world(self, task: Task, options: SuiteOptions) -> TableWorld:
        return TableWorld(task, options)


def _apart(a: Pose, b: Pose) -> float:
    """Distance in the plane, m."""
    return float(np.hypot(*(a.position[:2] - b.position[:2])))
