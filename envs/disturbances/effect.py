"""What a disturbance is in one episode: an effect that may act on the bodies, the commands and the readings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from envs.engine import Engine
from nsctl.scene import Array, Pose
from nsctl.task import Task

LATEST = 0.2
"""What comes at a moment comes within this share of the horizon, while a capable agent is still at work."""
_EARLIEST = 20

Figures = Mapping[str, Any]
"""What was drawn or done, for the record."""


class Effect:
    """One disturbance in one episode. This base does nothing; a kind overrides what it needs.

    All that a kind draws comes from ``rng``, which is its own.
    """

    def __init__(self, strength: float, rng: np.random.Generator, task: Task, engine: Engine) -> None:
        self.strength, self.rng, self.task, self.engine = strength, rng, task, engine

    def begin(self) -> Figures | None:
        """The scene has settled; what is returned is recorded."""
        return None

    def before_step(self, step: int) -> Figures | None:
        """Control step ``step`` (from 0) is about to be made; what is returned is recorded."""
        return None

    def command(self, action: Array) -> Array:
        """The action [7] that reaches the arm when the agent gives ``action``."""
        return action

    def opening(self, metres: float) -> float:
        """The opening that the pads are driven to when ``metres`` are commanded."""
        return metres

    def read(self, poses: Mapping[str, Pose]) -> Mapping[str, Pose]:
        """What the tracker tells when it has read ``poses``."""
        return poses


class Striking(Effect, ABC):
    """Strikes at moments drawn beforehand; where it cannot at one, at the first step after it at which it can."""

    def begin(self) -> Figures | None:
        last = max(_EARLIEST + 1, int(LATEST * self.task.horizon))
        self._due = sorted(self.rng.integers(_EARLIEST, last, size=self.times()).tolist())
        return None

    def before_step(self, step: int) -> Figures | None:
        if not self._due or step < self._due[0]:
            return None
        done = self.strike(step)
        if done is not None:
            self._due.pop(0)
        return done

    def times(self) -> int:
        """How many strikes this episode has."""
        return 1

    @abstractmethod
    def strike(self, step: int) -> Figures | None:
        """Do it and say what was done; ``None`` if it cannot be done at this step."""


class Repeated(Striking):
    """Strikes a number of times an episode whose mean is ``strength``."""

    def times(self) -> int:
        return int(self.strength) + int(self.rng.random() < self.strength % 1)
