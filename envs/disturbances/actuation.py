"""What goes wrong between a command and the arm: commands come late, the grip loses what it holds."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import ceil

import numpy as np

from envs.disturbances.effect import Effect, Figures, Repeated
from envs.disturbances.surroundings import Surroundings
from envs.engine import MAX_OPENING
from nsctl.scene import Array, Pose, hold_still

LATE = 2
"""Control steps of 50 ms that commands are late at strength 1."""
SLIP_STEPS = 6
"""Control steps for which a slipping grip is open."""


class Lag(Effect):
    """Every command of the episode reaches the arm ``LATE`` x ``strength`` steps late (rounded up)."""

    def begin(self) -> Figures | None:
        steps = ceil(LATE * self.strength)
        self._queue = deque(np.asarray(hold_still(-1.0), dtype=np.float64) for _ in range(steps))
        return {"steps": steps}

    def command(self, action: Array) -> Array:
        self._queue.append(action)
        return self._queue.popleft()


class Slip(Repeated):
    """The grip opens for a moment while a body hangs in it that will fall on the bare table or a bare place."""

    def begin(self) -> Figures | None:
        self._open_until, self._step = -1, 0
        self._before: Mapping[str, Pose] = {}
        return super().begin()

    def before_step(self, step: int) -> Figures | None:
        self._step = step
        return super().before_step(step)

    def strike(self, step: int) -> Figures | None:
        around = Surroundings(self.task, self.engine)
        before, self._before = self._before, around.truth
        for name in sorted(around.touched):
            here = around.truth[name].position
            move = here - before.get(name, around.truth[name]).position
            if before and around[name].movable and around.lands_well(name, move):
                self._open_until, self._before = step + SLIP_STEPS, {}
                return {"body": name, "height": round(float(here[2]), 3)}
        return None

    def opening(self, metres: float) -> float:
        return MAX_OPENING if self._step < self._open_until else metres
