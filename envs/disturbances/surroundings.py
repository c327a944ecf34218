"""What lies around a body: whether a hand could take it, and where there is room on the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from envs.engine import MAX_OPENING, Engine
from nsctl.geometry import matrix, slid
from nsctl.scene import CONTROL_HZ, Array, Body, Box
from nsctl.symbolic import Atom
from nsctl.task import Task

REACH = ((0.36, -0.23), (0.64, 0.23))
"""Where a hand puts a body down on the table: low and high corner, x and y [m]."""
_FETCH = ((0.32, -0.27), (0.68, 0.27))
"""Where the arm can fetch a body that slid or fell there, likewise."""
_ROOM, _LEAST_ROOM = 0.045, 0.025
"""Metres that it keeps there from everything else, so that fingers fit between; the lesser where the table is full."""
_PALM, _PALM_HEIGHT = 0.06, 0.035
"""Metres more that it keeps from what is so much taller that a gripper around it would hit it with its palm."""
_ARM_HEIGHT, _ARM_ROOM = 0.20, 0.15
"""A tool centre point below this height [m] is in the way within that radius [m]."""
_CROWDED = 0.06
"""Metres around the middle of a place within which a body takes it up."""
_CLEARANCE, _BUMP = 0.03, 0.015
"""Metres that a body which falls, or slides, keeps from everything else."""
_SQUAT = 1.2
"""Height over width up to which a body that is pushed slides; a taller one topples."""
_GRAVITY = 9.81
_SPARE = 0.01
"""Metres by which a body must be narrower than the open gripper to be taken."""

Part = tuple[Array, Array, Array]
"""A box in the world: its middle [3], its turn [3, 3] and half its size [3]."""


class Surroundings:
    """The true scene at one moment, as a hand finds it."""

    def __init__(self, task: Task, engine: Engine) -> None:
        self._bodies, self._facts = {body.name: body for body in task.bodies}, task.facts
        self.truth, self.touched, self._tcp = engine.poses(), engine.touched(), engine.tcp.position

    def __getitem__(self, name: str) -> Body:
        return self._bodies[name]

    def free(self) -> list[str]:
        """The bodies that a hand could take: loose, narrow enough, and nothing solid above them."""
        return [
            name for name, body in self._bodies.items() if body.movable and _narrow(body) and not self.covered(name)
        ]

    def covered(self, name: str) -> bool:
        """Whether something solid is above a body or place: another body, or the roof over a closed drawer."""
        here, reach = self.truth[name].position, 0.5 * self._bodies[name].half_extents[0]
        return any(part[0][2] - part[2][2] > here[2] and _gap(here, part) < reach for part in self._solid_but(name))

    def slides_well(self, name: str, velocity: Array) -> bool:
        """Whether a body that is pushed with ``velocity`` [3] would neither topple nor bump into anything beside it."""
        here, half = self.truth[name].position, self._bodies[name].half_extents
        end = here + velocity * np.linalg.norm(velocity) / (2 * _GRAVITY)  # at friction 1
        parts = [
            part
            for part in self._solid_but(name)
            if abs(part[0][2] - here[2]) < 0.9 * (half[2] + part[2][2]) or self._tall(name, part)
        ]
        path = ((here + end) / 2, end)
        squat = half[2] <= _SQUAT * min(half[:2])
        return squat and _within(end, _FETCH) and all(self._room(name, spot, parts) > _BUMP for spot in path)

    def lands_well(self, name: str, move: Array) -> bool:
        """Whether a body that hangs in the air and moves by ``move`` [3] a step would fall on the bare table.

        That is, off all that stands there and where the arm can fetch it.
        """
        here = self.truth[name].position
        height = float(here[2] - self._bodies[name].half_extents[2])
        if height < _CLEARANCE:
            return False
        steps = CONTROL_HZ * np.sqrt(2 * height / _GRAVITY) + 1  # the grip takes about a step to open
        path = [here + share * steps * move for share in (0.0, 0.5, 1.0)]
        parts = list(self._solid_but(name))
        return _within(path[-1], _FETCH) and all(self._room(name, spot, parts) > _CLEARANCE for spot in path)

    def supports(self, name: str) -> list[str]:
        """Bodies and places that lie bare and that the task calls fit to carry ``name`` (its facts ``smaller``).

        None while the gripper has another body: that one may be on its way to the same place.
        """
        if self.touched - {name}:
            return []
        fit = [s for s in self._bodies if Atom("smaller", (name, s)) in self._facts]
        return [s for s in fit if not (self.covered(s) if self._bodies[s].movable else self._crowded(s))]

    def free_spot(self, name: str, rng: np.random.Generator) -> Array | None:
        """A spot [2] on the table with room around it for the body; ``None`` if there is none."""
        spots = rng.uniform(*REACH, size=(64, 2))
        parts = [self._footprint(other) for other in self._bodies if other != name]
        room = np.array([min(self._room(name, spot, parts), self._off_the_arm(spot)) for spot in spots])  # [64]
        best = int(np.minimum(room, _ROOM).argmax())  # the first that is roomy, else the roomiest
        return spots[best] if room[best] > _LEAST_ROOM else None

    def _crowded(self, place: str) -> bool:
        """Whether some loose body lies so near to the middle of a place that it leaves no room there."""
        loose = (self.truth[name] for name, body in self._bodies.items() if body.movable)
        return any(np.hypot(*(pose.position - self.truth[place].position)[:2]) < _CROWDED for pose in loose)

    def _room(self, name: str, spot: Array, parts: Iterable[Part]) -> float:
        """Metres between a body at ``spot`` and the nearest part, less what the palm takes beside a tall one."""
        gaps = (_gap(spot, part) - _PALM * self._tall(name, part) for part in parts)
        return min(gaps, default=np.inf) - self._bodies[name].half_extents[0]

    def _tall(self, name: str, part: Part) -> bool:
        middle, turn, half = part
        return bool(middle[2] + np.abs(turn[2]) @ half > self._bodies[name].half_extents[2] + _PALM_HEIGHT)

    def _off_the_arm(self, spot: Array) -> float:
        low = self._tcp[2] < _ARM_HEIGHT
        return float(np.hypot(*(spot - self._tcp[:2]))) - _ARM_ROOM if low else np.inf

    def _footprint(self, name: str) -> Part:
        """The box around a body or place; that of a drawer takes up all that it can slide over."""
        body, pose = self._bodies[name], self.truth[name]
        turn, half, middle = matrix(pose.quaternion), np.array(body.half_extents), pose.position
        if body.mount is not None and body.mount.travel:
            out = slid(body.mount, self.truth[body.mount.on], pose)
            middle = middle + turn @ np.array([body.mount.travel / 2 - out, 0.0, 0.0])
            half = half + np.array([body.mount.travel / 2, 0.0, 0.0])
        return middle, turn, half

    def _solid_but(self, name: str) -> Iterator[Part]:
        """The solid boxes of every other body. A place has none."""
        for other, body in self._bodies.items():
            if other != name:
                pose, turn = self.truth[other], matrix(self.truth[other].quaternion)
                for box in (Box(body.half_extents),) if body.movable else body.boxes:
                    yield pose.position + turn @ np.array(box.at), turn, np.array(box.half_extents)


def _narrow(body: Body) -> bool:
    return 2 * min(body.half_extents[:2]) < MAX_OPENING - _SPARE


def _within(spot: Array, corners: tuple[tuple[float, float], tuple[float, float]]) -> bool:
    return all(low <= x <= high for x, low, high in zip(spot[:2], *corners, strict=True))


def _gap(spot: Array, part: Part) -> float:
    """Metres in the plane from a spot to a box; 0 inside it. One that has tipped over counts as long as it is now."""
    middle, turn, half = part
    upright = abs(turn[2, 2]) >= 0.99
    extents, axes = (half, turn[:2, :2]) if upright else (np.abs(turn) @ half, np.eye(2))
    offset = np.abs(axes.T @ (spot[:2] - middle[:2]))
    return float(np.hypot(*np.maximum(offset - extents[:2], 0.0)))
