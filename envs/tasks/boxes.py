"""Tasks of boxes: how towers are drawn, and what true poses say: which stand on which, which is carried with one on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from nsctl.geometry import box_tilt, from_yaw
from nsctl.scene import Array, Body, Pose
from nsctl.task import Task

STEPS_A_MOVE = 180
"""Horizon for picking a box and putting it down, about twice what the scripted arm needs."""

GAP = 1e-4
"""Metres of air under a box at the start: faces that just touch would settle by the last bit of their heights."""

_ON_AXIS = 0.02  # m: a tower counts while each box is this near to the axis of the one beneath
_LEVEL = 0.006  # m: heights must match this well
_LIFTED = 0.015  # m: and a box is in the air when this far above the table with nothing beneath
_TILT = 0.15  # rad


class BoxTask(Task):
    """A task whose movable bodies are upright boxes. Lengths in metres."""

    def __init__(self, bodies: Sequence[Body]) -> None:
        self.bodies = tuple(bodies)
        self._half = {body.name: body.half_extents[2] for body in bodies if body.movable}

    def pile(
        self,
        names: Sequence[str],
        at: Array,
        rng: np.random.Generator,
        *,
        stagger: float,
        twist: float,
        turn: float = 0.0,
    ) -> dict[str, Pose]:
        """Poses of ``names`` (lowest first) one on the other at a spot [2] of the table.

        Each lies off the tower's axis by up to ``stagger`` along x and y, and is turned by ``turn`` rad, give or take
        ``twist``.
        """
        poses, height = {}, 0.0
        for name in names:
            half = self._half[name]
            middle = [*(at + rng.uniform(-stagger, stagger, 2)), height + GAP + half]
            poses[name] = Pose(np.array(middle), from_yaw(turn + rng.uniform(-twist, twist)))
            height += GAP + 2 * half
        return poses

    def stand(self, truth: Mapping[str, Pose], names: Sequence[str], floor: float = 0.0) -> bool:
        """Whether ``names`` (lowest first) truly stand one on the other, upright, the lowest on a floor at this height."""
        for name in names:
            half = self._half[name]
            if abs(truth[name].position[2] - (floor + half)) > _LEVEL:
                return False
            floor += 2 * half
        return all(apart(truth[above], truth[below]) < _ON_AXIS for below, above in pairwise(names)) and all(
            box_tilt(truth[name].quaternion) < _TILT for name in names
        )

    def resting(self, truth: Mapping[str, Pose]) -> Iterator[tuple[str, str]]:
        """Each pair of a box and one that rests on it: the lower, the upper."""
        at = {name: truth[name].position.tolist() for name in self._half}
        for lower, below in at.items():
            for upper, above in at.items():
                # Plain floats: this runs at every control step for every pair.
                reach = self._half[lower] + self._half[upper]
                if (
                    upper != lower
                    and abs(above[2] - below[2] - reach) < _LEVEL
                    and abs(above[0] - below[0]) < 0.7 * reach
                    and abs(above[1] - below[1]) < 0.7 * reach
                ):
                    yield lower, upper

    def carried_with(self, truth: Mapping[str, Pose], pairs: Sequence[tuple[str, str]]) -> str:
        """The breach of moving a box while another rests on it, in words; ``pairs`` are the :meth:`resting` ones."""
        standing = {upper for _, upper in pairs}
        for lower, upper in pairs:
            if lower not in standing and truth[lower].position[2] > self._half[lower] + _LIFTED:
                return f"{lower} was moved with {upper} on it"
        return ""


def apart(a: Pose, b: Pose) -> float:
    """Distance in the plane, m."""
    return float(np.hypot(*(a.position[:2] - b.position[:2])))
