"""Success, breaches and time of many episodes at once, judged as :class:`envs.world.TableWorld` judges one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.mujoco.batch_engine import BatchEngine, Ids
from envs.world import PATIENCE, STABLE_STEPS
from nsctl.scene import Array, Pose
from nsctl.task import Task


class BatchJudge:
    """The verdicts on one episode of each of ``tasks``.

    Asking a task costs more than all else that Python does here: while no body has moved (one that lies still sleeps, and
    then its pose does not change in the least), a verdict stands.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks, count = tasks, len(tasks)
        self._names = [body.name for body in tasks[0].bodies]
        self._judged: Array = np.full((count, len(self._names), 7), np.inf)
        self._achieved = np.zeros(count, dtype=bool)
        self._rules = [""]  # breaches by number; 0 is none
        self._breach, self._before, self._violation = (np.zeros(count, dtype=np.int64) for _ in range(3))
        self._horizon = np.zeros(count, dtype=np.int64)
        self._steps, self._stable, self._breached = (np.zeros(count, dtype=np.int64) for _ in range(3))
        self.once = np.zeros(count, dtype=bool)

    def begin(self, row: int) -> None:
        """Forget the last episode of one task."""
        self._judged[row] = np.inf
        self._steps[row] = self._stable[row] = self._breached[row] = 0
        self._before[row] = self._violation[row] = 0
        self.once[row] = False
        self._horizon[row] = self._tasks[row].horizon

    def __call__(self, ids: Ids, engine: BatchEngine, poses: Array) -> None:
        """Another control step of episodes ``ids`` led to ``poses`` [count, bodies, 7]."""
        moved = ids[(poses[ids] != self._judged[ids]).any(axis=(1, 2))]
        for row in moved.tolist():
            self._ask(row, poses[row])
        self._steps[ids] += 1
        good = self._achieved[ids]
        self.once[ids] |= good
        lasting = good.copy()
        for place in np.flatnonzero(good).tolist():
            lasting[place] = not engine.touched(int(ids[place]))
        self._stable[ids] = np.where(lasting, self._stable[ids] + 1, 0)
        breach, before = self._breach[ids], self._before[ids]
        self._breached[ids] = np.where(breach == before, self._breached[ids] + 1, 1) * (breach > 0)
        self._before[ids] = breach
        broken = ids[(self._breached[ids] >= STABLE_STEPS) & (self._violation[ids] == 0)]
        self._violation[broken] = self._breach[broken]

    @property
    def success(self) -> NDArray[np.bool_]:
        """Which episodes have succeeded [count]: as ``TableWorld.success_at_end``."""
        result: NDArray[np.bool_] = (self._stable >= STABLE_STEPS) & ~self.violated
        return result

    @property
    def violated(self) -> NDArray[np.bool_]:
        """Which episodes a broken rule has made hopeless [count]."""
        result: NDArray[np.bool_] = self._violation > 0
        return result

    @property
    def violations(self) -> NDArray[Any]:
        """The rules that were broken [count], as text; empty if none was."""
        return np.array([self._rules[number] for number in self._violation.tolist()], dtype=object)

    @property
    def over(self) -> NDArray[np.bool_]:
        """Which episodes are over [count]."""
        result: NDArray[np.bool_] = (self._stable >= PATIENCE) | self.violated | (self._steps >= self._horizon)
        return result

    def _ask(self, row: int, poses: Array) -> None:
        task = self._tasks[row]
        truth = {name: _trusted(pose) for name, pose in zip(self._names, poses.copy(), strict=True)}
        self._achieved[row], breach = task.achieved(truth), task.broken_rule(truth)
        if breach not in self._rules:
            self._rules.append(breach)
        self._breach[row] = self._rules.index(breach)
        self._judged[row] = poses


def _trusted(pose: Array) -> Pose:
    """A pose [7] that an engine vouches for: the checks of :class:`Pose` would take longer than the verdict."""
    made = object.__new__(Pose)
    object.__setattr__(made, "position", pose[:3])
    object.__setattr__(made, "quaternion", pose[3:])
    return made
