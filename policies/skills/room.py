"""Where the open hand has room: which heading to grasp or to let go with, and where on the table to put a thing down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nsctl.geometry import QUARTER, matrix, wrap
from nsctl.scene import Array, SceneEstimate

BELOW, PALM = 0.014, 0.035
"""How far the fingers reach below the tool centre point, and how far above it the palm begins [m]."""
_FINGERS, _PALM = (0.035, 0.055), (0.034, 0.105)
"""Half the room [m] that open fingers and the palm take: across the fingers, and along the line between them."""
TURN = 1.75
"""Largest turn of the hand [rad]: joint 7 ends a little after."""

TABLE_GRID = [np.array([x, y]) for x in np.arange(0.36, 0.625, 0.02) for y in np.arange(-0.20, 0.205, 0.02)]
"""Spots of the table where a thing may be put down, x and y [m]."""
_ROOMY, _TIGHT = (0.085, 0.14), (0.062, 0.10)
"""Metres between middles, across and along the fingers' line, that keep two blocks out of each other's way: with towers on
both of them, or as they stand."""
_FOREARM = 0.09
"""Half the width of the forearm, and what lies beneath it, with some air [m]."""
_EDGE = 0.02
"""Metres to be kept from fixtures and places."""


@dataclass(frozen=True, eq=False)
class Obstacle:
    """An upright box in the hand's way: its middle [3], half its size in the plane along its own axes [2], and these
    axes' heading; ``top`` is its height [m]. All but what is movable is a ``fixture``."""

    middle: Array
    half: Array
    heading: float
    top: float
    fixture: bool

    def reach(self, axis: Array) -> float:
        """Half its extent along a unit vector of the plane [m]."""
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        return float(self.half[0] * abs(axis @ [cos, sin]) + self.half[1] * abs(axis @ [-sin, cos]))


def obstacles(scene: SceneEstimate, target: str) -> list[Obstacle]:
    """Every solid thing of the scene but the target."""
    return list(_obstacles(scene, target))


def _obstacles(scene: SceneEstimate, target: str) -> Iterator[Obstacle]:
    for name, estimate in scene.objects.items():
        axes, body = matrix(estimate.pose.quaternion), estimate.body
        if body.movable and name != target:
            half = np.array(body.half_extents)
            yield _upright(axes, estimate.pose.position, half, fixture=False)
        for box in body.boxes:
            middle = estimate.pose.position + axes @ np.array(box.at)
            yield _upright(axes, middle, np.array(box.half_extents), fixture=True)


def _upright(axes: Array, middle: Array, half: Array, *, fixture: bool) -> Obstacle:
    """The box as seen from above; one that was tipped over counts as the square that contains it."""
    height = float(np.abs(axes[2]) @ half)
    if abs(axes[2, 2]) > 0.9:
        return Obstacle(middle, half[:2], float(np.arctan2(axes[1, 0], axes[0, 0])), middle[2] + height, fixture)
    return Obstacle(middle, np.abs(axes[:2]) @ half, 0.0, middle[2] + height, fixture)


def best_heading(scene: SceneEstimate, target: str, at: Array, square: float, now: float) -> float:
    """The heading for the hand at ``at`` [3] with most room about it.

    It is ``square`` or some quarter turns from it, and of several with the same room the one nearest to ``now``.
    """
    things = obstacles(scene, target)
    within = [h for h in (square + k * QUARTER for k in (0, 1, -1, 2)) if abs(wrap(h)) < TURN]
    return wrap(max(within, key=lambda h: round(_room(things, at, h), 3) - 1e-6 * abs(wrap(h - now))))


def _room(things: list[Obstacle], at: Array, heading: float) -> float:
    """Metres between the hand at ``at`` and the nearest obstacle, capped at zero: 0 means free."""
    across, along = np.array([np.cos(heading), np.sin(heading)]), np.array([-np.sin(heading), np.cos(heading)])
    room = 0.0
    for thing in things:
        offset = thing.middle[:2] - at[:2]
        for level, (wide, long) in ((at[2] - BELOW, _FINGERS), (at[2] + PALM, _PALM)):
            if thing.top > level:
                gaps = (
                    abs(float(offset @ axis)) - limit - thing.reach(axis)
                    for axis, limit in ((across, wide), (along, long))
                )
                room = min(room, max(gaps))
    return room


def free_spot(scene: SceneEstimate, target: str) -> Array:
    """Where to put ``target`` down on the table [2]: the nearest spot with room about it, or else the roomiest.

    Spots that nothing stands before come first.
    """
    here, half = scene[target].pose.position[:2], scene[target].body.half_extents[:2]
    movable = [t.middle[:2] for t in obstacles(scene, target) if not t.fixture]
    kept = [e for e in scene.objects.values() if not e.body.movable]
    open_spots = [
        s for s in TABLE_GRID if not any(_inside(s, half, e.pose.position, e.body.half_extents) for e in kept)
    ]
    nearest = sorted(
        open_spots or TABLE_GRID, key=lambda s: (any(_behind(s, m) for m in movable), float(np.hypot(*(s - here))))
    )
    for wide, long in (_ROOMY, _TIGHT):
        for spot in nearest:
            if all(abs(spot[0] - m[0]) > wide or abs(spot[1] - m[1]) > long for m in movable):
                return spot
    return max(nearest, key=lambda s: min((float(np.hypot(*(s - m))) for m in movable), default=1.0))


def _behind(spot: Array, other: Array) -> bool:
    """Whether the forearm passes over ``other`` to reach ``spot``: a high tower there would be in its way later."""
    far = float(np.hypot(*spot))
    ahead = float(other @ spot) / far
    return ahead < far - 0.05 and abs(float(other[0] * spot[1] - other[1] * spot[0])) / far < _FOREARM


def _inside(spot: Array, half: tuple[float, ...], middle: Array, extents: tuple[float, float, float]) -> bool:
    """Whether a box of half size ``half`` at ``spot`` comes too near to a rectangle of the table."""
    return all(abs(spot[i] - middle[i]) < half[i] + extents[i] + _EDGE for i in (0, 1))
