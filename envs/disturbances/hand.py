"""What a meddling hand does: it pushes a body, or snatches it and puts it down elsewhere.

It leaves alone what a gripper could not take: bodies too wide, bodies with something on them, bodies under a roof. A
snatched body comes to lie on the bare table, or on what the task's facts call larger, so that no rule is broken.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.disturbances.effect import Figures, Repeated, Striking
from envs.disturbances.surroundings import Surroundings
from envs.engine import Engine
from nsctl.geometry import from_yaw
from nsctl.scene import TABLE, Pose

PUSH_SPEED = (0.6, 1.0)
"""m/s given to a pushed body: at friction 1 it slides two to five centimetres."""
_TWIST = 0.7
"""Radians by which a body on the table is turned at most."""


class Push(Striking):
    """Once an episode; ``strength`` scales the speed."""

    def strike(self, step: int) -> Figures | None:
        around = Surroundings(self.task, self.engine)
        loose = [name for name in around.free() if name not in around.touched]
        return push(self.engine, around, _one_of(loose, self.rng), self.strength, self.rng) if loose else None


class Snatch(Repeated):
    """Any number of times an episode."""

    def strike(self, step: int) -> Figures | None:
        around = Surroundings(self.task, self.engine)
        free = around.free()
        return snatch(self.engine, around, _one_of(free, self.rng), self.rng) if free else None


class Hand(Repeated):
    """A push or a snatch, as it comes, any number of times an episode."""

    def strike(self, step: int) -> Figures | None:
        around = Surroundings(self.task, self.engine)
        free = around.free()
        if not free:
            return None
        name = _one_of(free, self.rng)
        if name not in around.touched and self.rng.random() < 0.5:
            deed, done = "push", push(self.engine, around, name, 1.0, self.rng)
        else:
            deed, done = "snatch", snatch(self.engine, around, name, self.rng)
        return done and {"deed": deed, **done}


def push(
    engine: Engine, around: Surroundings, name: str, strength: float, rng: np.random.Generator
) -> dict[str, Any] | None:
    """Push a body in a direction that is drawn; ``None`` if it would topple or bump into something."""
    heading, speed = rng.uniform(0, 2 * np.pi), strength * rng.uniform(*PUSH_SPEED)
    velocity = speed * np.array([np.cos(heading), np.sin(heading), 0.0])
    if not around.slides_well(name, velocity):
        return None
    engine.push(name, velocity.tolist())
    return {"body": name, "speed": round(speed, 3), "heading": round(heading, 3)}


def snatch(engine: Engine, around: Surroundings, name: str, rng: np.random.Generator) -> dict[str, Any] | None:
    """Put a body elsewhere; ``None`` if there is no room for it."""
    supports, half = around.supports(name), around[name].half_extents[2]
    if supports and rng.random() < 0.6:
        onto = _one_of(supports, rng)
        base = around.truth[onto].position
        at, turn = [base[0], base[1], base[2] + around[onto].half_extents[2] + half], 0.0
    else:
        onto, spot, turn = TABLE, around.free_spot(name, rng), rng.uniform(-_TWIST, _TWIST)
        if spot is None:
            return None
        at = [*spot, half]
    engine.place(name, Pose(np.array(at), from_yaw(turn)))
    return {"body": name, "onto": onto, "from_grip": name in around.touched}


def _one_of(names: list[str], rng: np.random.Generator) -> str:
    return names[rng.integers(len(names))]
