"""The worlds as Gymnasium environments: ``gymnasium.make("envs.gym:nsctl/Hanoi3-v1", engine="mujoco")``.

Importing this module registers them, which is Gymnasium's way since 1.0 took entry points away. No engine is imported
before an environment is made. The number in an id is the task's own version.

Observations are a dict of ``proprio`` float32 [23] (joints rad [7], measured tool centre point m and quaternion [7], the
commanded one [7], gripper opening m, last gripper command) and ``objects`` float32 [n, 7] (position m, quaternion
w x y z), in the order of ``task.bodies``. The reward is 1 on success.
"""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from nsctl import registry
from nsctl.contracts import SuiteOptions
from nsctl.scene import ACTION_SIZE, CONTROL_HZ, Image, Observation

_POSE_BOUND = np.array([5.0] * 3 + [1.01] * 4, dtype=np.float32)
_PROPRIO_BOUND = np.array([4.0] * 7 + [*_POSE_BOUND, *_POSE_BOUND] + [0.1, 1.0], dtype=np.float32)
"""Largest magnitude of each number: rad, m, quaternion parts; the table is 0.8 m wide and the arm reaches 0.9 m."""

Arrays = dict[str, np.ndarray[Any, np.dtype[np.float32]]]


class TableEnv(gymnasium.Env[Arrays, np.ndarray[Any, np.dtype[np.float32]]]):
    """One task as an environment. Episodes are drawn from the seed of :meth:`reset`, one after the other.

    An environment that was never given a seed draws one for itself, so that a vector of them differs.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": CONTROL_HZ}  # noqa: RUF012

    def __init__(
        self, task: str, *, engine: str = "mujoco", render_mode: str | None = None, pose_noise: float = 0.001
    ) -> None:
        suite = registry.load("envs", task.split("-")[0])()
        options = SuiteOptions(engine=engine, pose_noise=pose_noise, video=render_mode is not None)
        self.render_mode = render_mode
        self._world = suite.world(suite.task(task), options)
        self._seed: int | None = None
        self._episode = 0
        self.action_space = spaces.Box(-1.0, 1.0, (ACTION_SIZE,), np.float32)
        count = len(self._world.task.bodies)
        self.observation_space = spaces.Dict(  # type: ignore[assignment]
            {
                "proprio": spaces.Box(-_PROPRIO_BOUND, _PROPRIO_BOUND, dtype=np.float32),
                "objects": spaces.Box(
                    -np.tile(_POSE_BOUND, (count, 1)), np.tile(_POSE_BOUND, (count, 1)), dtype=np.float32
                ),
            }
        )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Arrays, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self._seed, self._episode = seed, 0
        elif self._seed is None:
            self._seed = int(self.np_random.integers(2**31))
        observation = self._world.reset(self._seed, self._episode)
        self._episode += 1
        return _arrays(observation), {
            "is_success": False,
            "instruction": observation.instruction,
            "bodies": list(observation.objects or {}),
        }

    def step(self, action: np.ndarray[Any, np.dtype[np.float32]]) -> tuple[Arrays, float, bool, bool, dict[str, Any]]:
        observation = self._world.step(action)
        success = self._world.success_at_end
        info = {"is_success": success, "success_once": self._world.success_once}
        return _arrays(observation), float(success), success, self._world.over and not success, info

    def render(self) -> Image | None:
        return self._world.render() if self.render_mode else None

    def close(self) -> None:
        self._world.close()


def register() -> None:
    """Make every task of every suite known to Gymnasium. A suite that breaks is skipped with a warning."""
    for part in registry.parts("envs").values():
        try:
            suite = part.load()()
            versions = {task: int(suite.task(task).version) for task in suite.tasks}
        except (Exception, SystemExit) as error:  # a stranger's suite may raise anything at all
            why = f"the suite {part.name!r} of {part.distribution} is left out: {type(error).__name__}: {error}"
            warnings.warn(why, RuntimeWarning, stacklevel=2)
            continue
        for task, version in versions.items():
            name = "".join(word.capitalize() for word in task.split("-"))
            gymnasium.register(f"nsctl/{name}-v{version}", entry_point="envs.gym:TableEnv", kwargs={"task": task})


def _arrays(observation: Observation) -> Arrays:
    p = observation.proprio
    tcp, target = ([*pose.position, *pose.quaternion] for pose in (p.tcp, p.target))
    poses = (observation.objects or {}).values()
    return {
        "proprio": np.array([*p.joints, *tcp, *target, p.gripper, p.gripper_command], dtype=np.float32),
        "objects": np.array([[*pose.position, *pose.quaternion] for pose in poses], dtype=np.float32),
    }


register()
