"""What goes wrong with the pose tracker for a while. It does not say so: the stated sigma and the channel stay."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from envs.disturbances.effect import Figures, Striking
from nsctl.scene import Pose

JITTER = 0.005
"""Standard deviation [m] along each axis that noise of strength 1 adds to a reading, anew in each step."""
NOISY_STEPS = 40
LOST_STEPS = 20
"""Control steps for which a dropout of strength 1 lasts: one second."""


class Noise(Striking):
    """Once an episode, for ``NOISY_STEPS``; ``strength`` scales the jitter."""

    def begin(self) -> Figures | None:
        self._left = 0
        return super().begin()

    def strike(self, step: int) -> Figures | None:
        self._left, self._sigma = NOISY_STEPS, JITTER * self.strength
        return {"sigma": round(self._sigma, 5), "steps": NOISY_STEPS}

    def read(self, poses: Mapping[str, Pose]) -> Mapping[str, Pose]:
        if not self._left:
            return poses
        self._left -= 1
        shake = self.rng.normal(size=(len(poses), 3)) * self._sigma
        return {n: Pose(p.position + move, p.quaternion) for (n, p), move in zip(poses.items(), shake, strict=True)}


class Dropout(Striking):
    """Once an episode: the body between the fingers is lost, for a hand hides what it holds; without one, any loose body.

    ``strength`` scales how long. Meanwhile the tracker repeats its last reading, as real ones do.
    """

    def begin(self) -> Figures | None:
        self._left, self._body = 0, ""
        self._seen: Pose | None = None
        self._last: Mapping[str, Pose] = {}
        return super().begin()

    def strike(self, step: int) -> Figures | None:
        loose = [body.name for body in self.task.bodies if body.movable]
        hidden = [name for name in loose if name in self.engine.touched()] or loose
        if not hidden or not self._last:
            return None
        self._body = hidden[self.rng.integers(len(hidden))]
        self._left, self._seen = ceil(LOST_STEPS * self.strength), self._last[self._body]
        return {"body": self._body, "steps": self._left}

    def read(self, poses: Mapping[str, Pose]) -> Mapping[str, Pose]:
        if self._left and self._seen is not None:
            self._left -= 1
            poses = {**poses, self._body: self._seen}
        self._last = poses
        return poses
