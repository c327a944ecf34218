"""robosuite's stacking world (MuJoCo, 20 Hz, operational-space control, no camera) for `worlds.py`.

Runs in an interpreter of its own, for robosuite 1.5.2 needs mujoco < 3.10 and numpy < 2.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
import robosuite
from robosuite.controllers import load_composite_controller_config
from worlds_rounds import FULL_STEP, serve

EPISODE = 400
"""Control steps between resets."""


class RobosuiteArena:
    """Resets in place of compiling the model anew, which is robosuite's quick way."""

    def __init__(self) -> None:
        self._env = robosuite.make(
            "Stack",
            robots="Panda",
            controller_configs=load_composite_controller_config(controller="BASIC", robot="Panda"),
            has_renderer=False,
            has_offscreen_renderer=False,
            use_camera_obs=False,
            control_freq=20,
            ignore_done=True,
            hard_reset=False,
        )
        versions = {package: version(package) for package in ("robosuite", "mujoco")}
        self.about = {"world": "robosuite", "scene": "Stack", "hz": 20, "versions": versions}
        self.reset()

    def reset(self) -> None:
        self._seen, self._steps, self.over = self._env.reset(), 0, False

    def step(self, move: Any, closed: bool) -> None:
        self._seen = self._env.step(np.array([*(move / FULL_STEP), 0, 0, 0, 1 if closed else -1]))[0]
        self._steps += 1
        self.over = self._steps >= EPISODE

    def tcp(self) -> Any:
        return self._seen["robot0_eef_pos"]

    def block(self) -> Any:
        return self._seen["cubeA_pos"]


if __name__ == "__main__":
    serve(RobosuiteArena)
