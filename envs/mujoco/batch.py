"""A native batch of one task for Gymnasium: many worlds in one MuJoCo call, on threads.

``BatchEnv("hanoi-3", num_envs=64, threads=2)`` gives what 64 :class:`envs.gym.TableEnv` in a ``SyncVectorEnv`` give, bit
for bit, several times as fast: physics and Jacobians run on ``mujoco.batch``'s threads, the rest is done for all rows at
once, and a task is asked for a verdict only when one of its bodies has moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from envs.cameras import SIZE
from envs.engine import MAX_OPENING
from envs.mujoco.batch_engine import BatchEngine, Ids
from envs.mujoco.batch_judge import BatchJudge
from envs.mujoco.batch_rotations import from_rotation_vectors, products
from envs.mujoco.batch_sensors import BatchSensors
from envs.spaces import Arrays, action_space, check_cameras, observation_space, pose_bounds, proprio_bounds, within
from envs.starts import read_options, replaced, streams
from envs.suite import TableSuite
from envs.world import MAX_LEAD, SETTLING_STEPS, WORKSPACE
from nsctl import tasks
from nsctl.disturbance import Disturbance
from nsctl.errors import EpisodeError, InvalidValue
from nsctl.observation_arrays import PROPRIO
from nsctl.scene import ACTION_SIZE, CONTROL_HZ, MAX_ROTATION, MAX_TRANSLATION, Image, Pose

Flags = NDArray[np.bool_]


class BatchEnv(VectorEnv[Arrays, ArrayLike, NDArray[Any]]):
    """``num_envs`` worlds of ``task`` on ``threads`` threads (all cores if ``None``), reset in the step after their end.

    Observations, rewards and infos are those of :class:`envs.gym.TableEnv`. There is no engine but ``mujoco``, and nothing
    disturbs a batch: ``engine`` and ``disturb`` are there to be refused with what would help.
    """

    metadata = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": CONTROL_HZ,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        task: str,
        num_envs: int = 1,
        *,
        threads: int | None = None,
        engine: str = "mujoco",
        render_mode: str | None = None,
        pose_noise: float = 0.001,
        cameras: Sequence[str] = (),
        disturb: Sequence[str | Disturbance] = (),
    ) -> None:
        _check(num_envs, threads, render_mode)
        _check_table(task, engine, disturb)
        self.num_envs, self.render_mode = num_envs, render_mode
        self._tasks = [tasks.find(task) for _ in range(num_envs)]
        self._bodies = self._tasks[0].bodies
        self._names = check_cameras(cameras)
        self._engine = BatchEngine(self._bodies, num_envs, threads or 0, self._names, video=render_mode is not None)
        self._sensors = BatchSensors(num_envs, len(self._bodies), pose_noise)
        self._judge = BatchJudge(self._tasks)
        self.single_action_space = action_space()
        self.single_observation_space = observation_space(len(self._bodies), self._names)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._position, self._quaternion = np.zeros((num_envs, 3)), np.zeros((num_envs, 4))
        self._gripper = np.zeros(num_envs)
        self._seeds: list[int | None] = [None] * num_envs
        self._episodes, self._ended = [0] * num_envs, np.zeros(num_envs, dtype=bool)
        self._begun = False
        self._seen: Arrays = {
            "proprio": np.zeros((num_envs, len(PROPRIO)), dtype=np.float32),
            "objects": np.zeros((num_envs, len(self._bodies), 7), dtype=np.float32),
        }
        if self._names:
            pictures = {name: np.zeros((num_envs, SIZE, SIZE, 3), dtype=np.uint8) for name in self._names}
            self._seen["images"] = pictures

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Arrays, dict[str, Any]]:
        """Begin an episode everywhere. Seeds as in ``SyncVectorEnv``: one for each world, or the first of as many."""
        self._require_open()
        seeds = [seed + row for row in range(self.num_envs)] if isinstance(seed, int) else seed
        if seeds is not None and len(seeds) != self.num_envs:
            raise InvalidValue(f"there must be a seed for each of the {self.num_envs} worlds, got {len(seeds)}")
        if negative := [own for own in seeds or () if own is not None and own < 0]:
            raise InvalidValue(f"a seed must be >= 0, got {negative[0]}")
        given, episode = read_options(options, self._bodies)
        super().reset(seed=seed if isinstance(seed, int) else None)
        for row, own in enumerate(seeds or ()):
            if own is not None:
                self._seeds[row], self._episodes[row] = own, 0
        if episode is not None:
            self._episodes = [episode] * self.num_envs
        infos: dict[str, Any] = {}
        self._begin(np.arange(self.num_envs), infos, given)
        self._ended[:] = False
        self._begun = True
        return self._copy(), infos

    def step(self, actions: ArrayLike) -> tuple[Arrays, NDArray[np.float64], Flags, Flags, dict[str, Any]]:
        """One control step everywhere; where an episode ended in the last one, the next begins and its action is lost."""
        self._require_open()
        if not self._begun:
            raise EpisodeError("no episode has begun: call reset() before step()")
        command = np.asarray(actions, dtype=np.float64)
        if command.shape != (self.num_envs, ACTION_SIZE) or not np.isfinite(command).all():
            raise InvalidValue(
                f"actions are {self.num_envs} x {ACTION_SIZE} finite numbers in [-1, 1], got {actions!r}"
            )
        infos: dict[str, Any] = {}
        at_work, anew = np.flatnonzero(~self._ended), np.flatnonzero(self._ended)
        if len(at_work):
            self._advance(at_work, np.clip(command[at_work], -1.0, 1.0))
        working = ~self._ended
        success = self._judge.success & working
        terminated = (success | self._judge.violated) & working
        truncated = self._judge.over & ~terminated & working
        if len(at_work):
            self._note(infos, "is_success", at_work, success[at_work])
            self._note(infos, "success_once", at_work, self._judge.once[at_work])
            self._note(infos, "violation", at_work, self._judge.violations[at_work])
        if len(anew):
            self._begin(anew, infos, {})
        self._ended = terminated | truncated
        return self._copy(), success.astype(np.float64), terminated, truncated, infos

    def render(self) -> tuple[Image, ...] | None:
        """A picture of each world, uint8 [360, 480, 3], if ``render_mode`` asks for them."""
        self._require_open()
        return tuple(self._engine.film(row) for row in range(self.num_envs)) if self.render_mode else None

    def close_extras(self, **_: Any) -> None:
        """Called once by :meth:`close`."""
        self._engine.close()

    def _begin(self, ids: Ids, infos: dict[str, Any], given: Mapping[str, Pose]) -> None:
        """Begin the next episode of some worlds and note it in ``infos``."""
        starts, sensing = [], []
        for row in ids.tolist():
            task, seed = self._tasks[row], self._seed(row)
            start, senses, _, wording = map(np.random.default_rng, streams(task, seed, self._episodes[row]))
            drawn = task.sample(start).poses
            starts.append(replaced(self._bodies, drawn, given) if given else drawn)
            task.phrase(wording)
            sensing.append(senses)
        self._engine.reset(ids, starts)
        self._position[ids], self._quaternion[ids] = self._engine.tcp_position[ids], self._engine.tcp_quaternion[ids]
        self._gripper[ids] = -1.0
        for _ in range(SETTLING_STEPS):
            self._drive(ids)
        for row, senses in zip(ids.tolist(), sensing, strict=True):
            self._sensors.reset(row, senses)
            self._judge.begin(row)
        self._look(ids, self._engine.poses())
        self._tell(ids, infos)

    def _seed(self, row: int) -> int:
        seed = self._seeds[row]
        if seed is None:
            seed = self._seeds[row] = int(self.np_random.integers(2**31))
        return seed

    def _tell(self, ids: Ids, infos: dict[str, Any]) -> None:
        rows = ids.tolist()
        self._note(infos, "is_success", ids, np.zeros(len(ids), dtype=bool))
        self._note(infos, "instruction", ids, np.array([self._tasks[row].instruction for row in rows], dtype=object))
        names = np.empty(len(rows), dtype=object)
        for place in range(len(rows)):
            names[place] = [body.name for body in self._bodies]
        self._note(infos, "bodies", ids, names)
        self._note(infos, "seed", ids, np.array([self._seeds[row] for row in rows]))
        self._note(infos, "episode", ids, np.array([self._episodes[row] for row in rows]))
        for row in rows:
            self._episodes[row] += 1

    def _advance(self, ids: Ids, action: NDArray[np.float64]) -> None:
        """One control step of some worlds by ``action`` [n, 7], judged and looked at."""
        measured = self._engine.tcp_position[ids]
        wanted = self._position[ids] + action[:, :3] * MAX_TRANSLATION
        near = np.minimum(np.maximum(wanted, measured - MAX_LEAD), measured + MAX_LEAD)
        self._position[ids] = np.minimum(np.maximum(near, WORKSPACE[0]), WORKSPACE[1])
        turns = from_rotation_vectors(action[:, 3:6] * MAX_ROTATION)
        self._quaternion[ids] = products(turns, self._quaternion[ids])
        self._gripper[ids] = action[:, 6]
        self._drive(ids)
        poses = self._engine.poses()
        self._judge(ids, self._engine, poses)
        self._look(ids, poses)

    def _drive(self, ids: Ids) -> None:
        opening = MAX_OPENING * (1.0 - self._gripper[ids]) / 2
        self._engine.control(ids, self._position[ids], self._quaternion[ids], opening)

    def _look(self, ids: Ids, poses: NDArray[np.float64]) -> None:
        """Read the sensors of some worlds; ``poses`` [num_envs, bodies, 7] are the true ones of all."""
        arm = np.concatenate([self._engine.joints, self._engine.tcp_position], axis=1)[ids]
        arm, opening, seen = self._sensors.read(ids, arm, self._engine.opening[ids], poses[ids])
        target = self._position[ids], self._quaternion[ids]
        hand = opening[:, None], self._gripper[ids, None]
        own = np.concatenate([arm, self._engine.tcp_quaternion[ids], *target, *hand], axis=1)  # [n, 23]
        self._seen["proprio"][ids] = within(own, proprio_bounds())
        self._seen["objects"][ids] = within(seen, pose_bounds())
        for name in self._names:
            for row in ids.tolist():
                self._seen["images"][name][row] = self._engine.render(name, row)

    def _note(self, infos: dict[str, Any], key: str, ids: Ids, values: NDArray[Any]) -> None:
        """Write ``values`` of some worlds into ``infos`` as Gymnasium does: an array, and which of its rows count."""
        if key not in infos:
            blank = np.full(self.num_envs, None)
            infos[key] = blank if values.dtype.hasobject else np.zeros(self.num_envs, dtype=values.dtype)
            infos[f"_{key}"] = np.zeros(self.num_envs, dtype=bool)
        infos[key][ids], infos[f"_{key}"][ids] = values, True

    def _copy(self) -> Arrays:
        return {
            key: {name: part.copy() for name, part in value.items()} if isinstance(value, dict) else value.copy()
            for key, value in self._seen.items()
        }

    def _require_open(self) -> None:
        if self.closed:
            raise EpisodeError("this batch is closed: make a new one")


def _check(num_envs: int, threads: int | None, render_mode: str | None) -> None:
    for name, value in (("num_envs", num_envs), ("threads", 1 if threads is None else threads)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidValue(f"{name} must be an integer >= 1, got {value!r}")
    if render_mode not in (None, "rgb_array"):
        raise InvalidValue(f"the native batch renders 'rgb_array' or nothing, got render_mode={render_mode!r}")


def _check_table(task: str, engine: str, disturb: Sequence[str | Disturbance]) -> None:
    """Refuse what single worlds can do and a batch cannot."""
    instead = "pass vectorization_mode='sync' or 'async' to make_vec"
    if engine != "mujoco":
        raise InvalidValue(f"the native batch runs on mujoco alone, got engine={engine!r}: {instead}")
    if disturb:
        raise InvalidValue(f"nothing disturbs the native batch, got disturb={disturb!r}: {instead}")
    if not isinstance(tasks.suite_of(task), TableSuite):
        raise InvalidValue(f"the native batch knows worlds of our own alone, not that of {task!r}: {instead}")
