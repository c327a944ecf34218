"""What is not as it was when the agent was made: how slippery and heavy bodies are, where the cameras stand.

Each is drawn once an episode, after the scene has settled, so that initial states are the same with and without.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.cameras import FIXED, POLICY
from envs.disturbances.effect import Effect, Figures

FRICTION, MASS = 2.0, 3.0
"""Strength 1 draws a factor between 1/2 and 2 (friction) or 1/3 and 3 (mass), log-uniformly."""
SHIFT = 0.02
"""Metres by which strength 1 moves a camera."""


class _Alteration(Effect):
    """One factor an episode for every loose body."""

    what: str
    most: float

    def begin(self) -> Figures | None:
        factor = round(float(self.most ** (self.strength * self.rng.uniform(-1.0, 1.0))), 4)
        changed: dict[str, Any] = {self.what: factor}
        for body in self.task.bodies:
            if body.movable:
                self.engine.alter(body.name, **changed)
        return {"factor": factor}


class Friction(_Alteration):
    """Sliding friction of every loose body. What a finger feels of it is the engine's affair: on MuJoCo nothing."""

    what, most = "friction", FRICTION


class Mass(_Alteration):
    """Mass of every loose body."""

    what, most = "mass", MASS


class CameraShift(Effect):
    """Each fixed camera of the policy is moved by ``SHIFT`` x ``strength`` in a direction of its own."""

    def begin(self) -> Figures | None:
        shifts = {}
        for name in (name for name in POLICY if name in FIXED):
            direction = self.rng.normal(size=3)
            shifts[name] = np.round(SHIFT * self.strength * direction / np.linalg.norm(direction), 5).tolist()
            self.engine.move_camera(name, shifts[name])
        return {"shift": shifts}
