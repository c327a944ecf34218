"""What a meddling hand does to a world: once an episode it pushes a body or snatches it away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from envs.engine import Engine
from nsctl.geometry import from_yaw
from nsctl.scene import Array, Body, Pose

PUSH_SPEED = (0.6, 1.0)
"""m/s given to a pushed body: at friction 1 it slides two to five centimetres."""
LATEST = 0.3
"""A disturbance comes within this share of the horizon, while a capable agent is still at work."""
_REACH = ((0.38, -0.32), (0.62, 0.32))
"""Where a snatched body is put down: low and high corner, x and y [m]."""
_ELBOW_ROOM = 0.09
"""Metres that it is kept from every other body."""


class Meddler:
    """Disturbs one episode at a step that is drawn beforehand."""

    def __init__(self, bodies: Sequence[Body], horizon: int, rng: np.random.Generator) -> None:
        self._bodies = {b.name: b for b in bodies}
        self._rng = rng
        self.step = int(rng.integers(20, max(21, int(LATEST * horizon))))

    def strike(self, engine: Engine) -> Mapping[str, Any]:
        """Push or snatch a body that nothing lies on; says what was done, for the record."""
        truth, held = engine.poses(), engine.touched()
        free = [name for name, body in self._bodies.items() if body.movable and not self._covered(name, truth)]
        name = free[self._rng.integers(len(free))]
        if name not in held and self._rng.random() < 0.5:
            heading, speed = self._rng.uniform(0, 2 * np.pi), self._rng.uniform(*PUSH_SPEED)
            engine.push(name, [speed * np.cos(heading), speed * np.sin(heading), 0.0])
            return {"step": self.step, "kind": "push", "body": name, "speed": round(float(speed), 3)}
        spot = self._free_spot(name, truth)
        engine.place(
            name, Pose(np.array([*spot, self._bodies[name].half_extents[2]]), from_yaw(self._rng.uniform(-0.7, 0.7)))
        )
        kind = "snatch from the grip" if name in held else "snatch"
        return {"step": self.step, "kind": kind, "body": name, "to": [round(float(c), 3) for c in spot]}

    def _covered(self, name: str, truth: Mapping[str, Pose]) -> bool:
        here, half = truth[name].position, self._bodies[name].half_extents[2]
        return any(
            body.movable
            and other != name
            and truth[other].position[2] > here[2] + half
            and np.hypot(*(truth[other].position[:2] - here[:2])) < half
            for other, body in self._bodies.items()
        )

    def _free_spot(self, name: str, truth: Mapping[str, Pose]) -> Array:
        others = np.array([pose.position[:2] for other, pose in truth.items() if other != name])  # [n, 2]
        spots = self._rng.uniform(_REACH[0], _REACH[1], size=(64, 2))
        room = np.linalg.norm(spots[:, None] - others, axis=2).min(axis=1)  # [64]
        roomy = spots[room > _ELBOW_ROOM]
        spot: Array = roomy[0] if len(roomy) else spots[int(room.argmax())]
        return spot
