"""panda-gym's stacking world (PyBullet, 25 Hz) for `worlds.py`."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import gymnasium
import numpy as np
import panda_gym  # noqa: F401 - registers the worlds
from worlds_rounds import FULL_STEP, serve

EPISODE = 200
"""Control steps between resets."""


class PandaGymArena:
    """Its own time limit and Gymnasium's checks are left out: the bare world is the quickest that it can be."""

    def __init__(self, name: str = "PandaStack-v3") -> None:
        self._env: Any = gymnasium.make(name, disable_env_checker=True).unwrapped
        hz = 1 / (self._env.sim.timestep * self._env.sim.n_substeps)
        versions = {package: version(package) for package in ("panda-gym", "pybullet")}
        self.about = {"world": "panda-gym", "scene": name, "hz": round(hz, 3), "versions": versions}
        self.reset()

    def reset(self) -> None:
        self._seen, self._steps, self.over = self._env.reset()[0]["observation"], 0, False

    def step(self, move: Any, closed: bool) -> None:
        action = np.array([*(move / FULL_STEP), -1 if closed else 1], dtype=np.float32)
        self._seen = self._env.step(action)[0]["observation"]
        self._steps += 1
        self.over = self._steps >= EPISODE

    def tcp(self) -> Any:
        return self._seen[:3]

    def block(self) -> Any:
        return self._seen[7:10]


if __name__ == "__main__":
    serve(PandaGymArena)
