"""The worlds as Gymnasium environments: ``gymnasium.make("envs.gym:nsctl/Hanoi3-v2", engine="mujoco")``.

Importing this module registers them, which is Gymnasium's way since 1.0 took entry points away. No engine is imported
before an environment is made. The number in an id is the task's own version. ``envs/spaces.py`` says what is observed;
the reward is 1 on success.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from time import monotonic, sleep
from typing import Any

import gymnasium
import numpy as np

from envs.spaces import Arrays, action_space, arrays, check_cameras, observation_space
from envs.starts import read_options
from envs.suite import TableSuite
from envs.world import TableWorld
from nsctl import registry, tasks
from nsctl.contracts import SuiteOptions
from nsctl.disturbance import Disturbance, parse
from nsctl.errors import EpisodeError, InvalidValue
from nsctl.scene import CONTROL_HZ, Image, Observation

BATCH = "envs.mujoco.batch:BatchEnv"
"""What ``gymnasium.make_vec`` makes of our tasks if no ``vectorization_mode`` is named."""


class TableEnv(gymnasium.Env[Arrays, np.ndarray[Any, np.dtype[np.float32]]]):
    """One task as an environment. Episodes are drawn from the seed of :meth:`reset`, one after the other.

    An environment that was never given a seed draws one for itself, so that a vector of them differs. ``disturb`` takes
    what ``nsctl run --disturb`` takes, for example ``("push", "lag:0.5")``.
    """

    metadata = {"render_modes": ["rgb_array", "human"], "render_fps": CONTROL_HZ}  # noqa: RUF012

    def __init__(
        self,
        task: str,
        *,
        engine: str = "mujoco",
        render_mode: str | None = None,
        pose_noise: float = 0.001,
        cameras: Sequence[str] = (),
        disturb: Sequence[str | Disturbance] = (),
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise InvalidValue(f"render_mode must be 'rgb_array', 'human' or None, got {render_mode!r}")
        asked = (disturb,) if isinstance(disturb, str | Disturbance) else disturb
        options = SuiteOptions(
            engine=engine,
            disturb=tuple(d if isinstance(d, Disturbance) else parse(d) for d in asked),
            pose_noise=pose_noise,
            cameras=check_cameras(cameras),
            video=render_mode == "rgb_array",
        )
        self._world = tasks.suite_of(task).world(tasks.find(task), options)
        self.render_mode = render_mode
        self.action_space = action_space()  # type: ignore[assignment]
        self.observation_space = observation_space(len(self._world.task.bodies), options.cameras)
        self._seed: int | None = None
        self._episode, self._closed, self._shown = 0, False, 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Arrays, dict[str, Any]]:
        """Begin an episode: with ``seed`` the first of that seed, otherwise the next one.

        ``options`` may have ``episode`` (its number, from 0) and ``initial_state``, which maps names of bodies to 7
        numbers (position m, quaternion w x y z); bodies that it does not name, and the goal, are as the task draws them.
        """
        self._require_open()
        super().reset(seed=seed)
        given, episode = read_options(options, self._world.task.bodies)
        if seed is not None:
            self._seed, self._episode = seed, 0
        elif self._seed is None:
            self._seed = int(self.np_random.integers(2**31))
        if episode is not None:
            self._episode = episode
        info = {"is_success": False, "seed": self._seed, "episode": self._episode}
        observation = self._start(self._seed, given)
        self._episode += 1
        self._show()
        names = [body.name for body in self._world.task.bodies]
        return arrays(observation), info | {"instruction": observation.instruction, "bodies": names}

    def step(self, action: np.ndarray[Any, np.dtype[np.float32]]) -> tuple[Arrays, float, bool, bool, dict[str, Any]]:
        """One control step (50 ms). Success that has lasted half a second, or a broken rule, terminates the episode."""
        self._require_open()
        observation = self._world.step(action)
        self._show()
        success, violation = self._world.success_at_end, self._world.violation
        terminated = success or bool(violation)
        info = {"is_success": success, "success_once": self._world.success_once, "violation": violation}
        return arrays(observation), float(success), terminated, self._world.over and not terminated, info

    def render(self) -> Image | None:
        """The scene, uint8 [360, 480, 3]; ``None`` in the mode ``human``, whose window follows each step by itself."""
        self._require_open()
        return self._world.render() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Give everything back. Closing twice does no harm; nothing else works afterwards."""
        if not self._closed:
            self._closed = True
            self._world.close()

    def _start(self, seed: int, given: Any) -> Observation:
        if not given:
            return self._world.reset(seed, self._episode)
        if not isinstance(self._world, TableWorld):
            raise InvalidValue(f"the world of {self._world.task.name} takes no options['initial_state']")
        return self._world.reset(seed, self._episode, given)

    def _show(self) -> None:
        """Keep the window up to date, no faster than the world's own time."""
        if self.render_mode == "human":
            sleep(max(0.0, self._shown + 1 / CONTROL_HZ - monotonic()))
            self._world.show()
            self._shown = monotonic()

    def _require_open(self) -> None:
        if self._closed:
            raise EpisodeError("this environment is closed: make a new one")


def register() -> None:
    """Make every task of every suite known to Gymnasium. A suite that breaks is skipped with a warning."""
    for part in registry.parts("envs").values():
        try:
            suite = part.load()()
            versions = {task: int(suite.task(task).version) for task in suite.tasks}
            batch = BATCH if isinstance(suite, TableSuite) else None  # a stranger's world may be any world at all
        except (Exception, SystemExit) as error:  # a stranger's suite may raise anything at all
            why = f"the suite {part.name!r} of {part.distribution} is left out: {type(error).__name__}: {error}"
            warnings.warn(why, RuntimeWarning, stacklevel=2)
            continue
        for task, version in versions.items():
            name = "".join(word.capitalize() for word in task.split("-"))
            gymnasium.register(
                f"nsctl/{name}-v{version}", "envs.gym:TableEnv", vector_entry_point=batch, kwargs={"task": task}
            )


register()
