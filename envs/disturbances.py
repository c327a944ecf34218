"""What a meddling hand does to a world: once an episode it pushes a disc or snatches it away.

A snatched disc is put where the task's rules allow: on another place or larger disc, or on the bare table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from envs.engine import Engine
from nsctl.geometry import from_yaw
from nsctl.scene import Array, Pose
from nsctl.symbolic import Atom
from nsctl.task import Task

PUSH_SPEED = (0.6, 1.0)
"""m/s given to a pushed body: at friction 1 it slides two to five centimetres."""
LATEST = 0.3
"""A disturbance comes within this share of the horizon, while a capable agent is still at work."""
_REACH = ((0.38, -0.32), (0.62, 0.32))
"""Where a snatched body is put down on the table: low and high corner, x and y [m]."""
_ELBOW_ROOM = 0.09
"""Metres that it is kept from every other body there."""
_CROWDED = 0.06
"""Metres around a place within which a body takes it up."""


class Meddler:
    """Disturbs one episode at a step that is drawn beforehand."""

    def __init__(self, task: Task, rng: np.random.Generator) -> None:
        self._bodies, self._facts = {b.name: b for b in task.bodies}, task.facts
        self._rng = rng
        self.step = int(rng.integers(20, max(21, int(LATEST * task.horizon))))

    def strike(self, engine: Engine) -> Mapping[str, Any]:
        """Push or snatch a body that nothing lies on; says what was done, for the record."""
        truth, held = engine.poses(), engine.touched()
        movable = [name for name, body in self._bodies.items() if body.movable]
        free = [name for name in movable if not self._taken(name, truth)]
        name = free[self._rng.integers(len(free))]
        if name not in held and self._rng.random() < 0.5:
            heading, speed = self._rng.uniform(0, 2 * np.pi), self._rng.uniform(*PUSH_SPEED)
            engine.push(name, [speed * np.cos(heading), speed * np.sin(heading), 0.0])
            return {"step": self.step, "kind": "push", "body": name, "speed": round(float(speed), 3)}
        supports = [s for s in self._bodies if Atom("smaller", (name, s)) in self._facts and s not in held]
        supports = [s for s in supports if not self._taken(s, truth)]
        onto = supports[self._rng.integers(len(supports))] if supports and self._rng.random() < 0.6 else "table"
        turn = from_yaw(self._rng.uniform(-0.7, 0.7) if onto == "table" else 0.0)
        engine.place(name, Pose(self._spot(name, onto, truth), turn))
        kind = "snatch from the grip" if name in held else "snatch"
        return {"step": self.step, "kind": kind, "body": name, "onto": onto}

    def _taken(self, name: str, truth: Mapping[str, Pose]) -> bool:
        """Whether something lies on a body, or at a place."""
        here, body = truth[name].position, self._bodies[name]
        low, near = (body.half_extents[2], body.half_extents[0]) if body.movable else (0.0, _CROWDED)
        others = (truth[o].position for o, b in self._bodies.items() if b.movable and o != name)
        return any(there[2] > here[2] + low and np.hypot(*(there[:2] - here[:2])) < near for there in others)

    def _spot(self, name: str, onto: str, truth: Mapping[str, Pose]) -> Array:
        """Where the middle of the body comes to lie [3]."""
        half = self._bodies[name].half_extents[2]
        if onto == "table":
            return np.array([*self._free_spot(name, truth), half])
        base = truth[onto].position
        return np.array([base[0], base[1], base[2] + self._bodies[onto].half_extents[2] + half])

    def _free_spot(self, name: str, truth: Mapping[str, Pose]) -> Array:
        others = np.array([pose.position[:2] for other, pose in truth.items() if other != name])  # [n, 2]
        spots = self._rng.uniform(_REACH[0], _REACH[1], size=(64, 2))
        room = np.linalg.norm(spots[:, None] - others, axis=2).min(axis=1)  # [64]
        roomy = spots[room > _ELBOW_ROOM]
        spot: Array = roomy[0] if len(roomy) else spots[int(room.argmax())]
        return spot
