"""The work of PyBullet's velocity motors: one substep of a control step takes up speed, the other eleven hold it.

A motor is a constraint, solved in each substep: the first one brings the joint to its new velocity, and those that
follow keep it there against gravity, with a torque that changes as slowly as the pose. So two readings a control step,
of the first substep and of the last, tell all of them; :meth:`MotorWork.add` draws a straight line from the last
substep of one control step to that of the next. Where something stops the arm midway, only the last substep shows it.

PyBullet divides a motor's last impulse by the time step that is set when it is asked. The reading of the first substep
is asked with the time of one substep, that of the last with the time of all, so that it has to be multiplied by twelve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from envs.work import WorkSum
from nsctl.records import RobotWork
from nsctl.scene import Array

_BLOCK = 32
"""Control steps that are kept raw before they are added up: NumPy on all at once is next to nothing for one."""


State = Sequence[Any]
"""What ``getJointStates`` tells of one joint: position, velocity, reaction forces, torque of the motor."""


class MotorWork:
    """Adds up control steps of ``substeps`` substeps of ``timestep`` seconds, over the first ``joints`` joints."""

    def __init__(self, joints: int, substeps: int, timestep: float) -> None:
        self._joints, self._held, self._timestep = joints, substeps - 1, timestep
        self._steps: list[tuple[Sequence[State], Sequence[State], Sequence[State]]] = []
        self._previous: Sequence[State] | None = None
        """The last states that were added up, and the torque [joints] that they tell."""
        self._torque: Array | None = None
        self._sum = WorkSum()

    def add(self, before: Sequence[State], first: Sequence[State], last: Sequence[State]) -> None:
        """One control step: the joints' states before it, after its first substep and after the others."""
        self._steps.append((before, first, last))
        if len(self._steps) == _BLOCK:
            self._add_up()

    def forget(self) -> None:
        """Begin at nought."""
        self._steps, self._previous, self._sum = [], None, WorkSum()

    @property
    def total(self) -> RobotWork:
        """Since this was made, or since :meth:`forget`."""
        self._add_up()
        return self._sum.total

    def _add_up(self) -> None:
        if not self._steps:
            return
        # [control steps, 3 readings, joints, velocity and torque], by way of one flat list: nested ones take twice as long
        flat = [x for step in self._steps for states in step for s in states[: self._joints] for x in (s[1], s[3])]
        read = np.array(flat).reshape(len(self._steps), 3, self._joints, 2)
        velocity, torque = read[..., 0], read[..., 1]
        self._sum.add(torque[:, 1], (velocity[:, 0] + velocity[:, 1]) / 2, self._timestep)
        last = torque[:, 2] * (self._held + 1)
        # The mean substep of those that hold is (held - 1) / 2 before the last, which is held + 1 after the one before.
        held = last + (self._ended(last) - last) * (self._held - 1) / 2 / (self._held + 1)
        self._sum.add(held, (velocity[:, 1] + velocity[:, 2]) / 2, self._timestep * self._held)
        self._previous, self._torque, self._steps = self._steps[-1][2], last[-1], []

    def _ended(self, last: Array) -> Array:
        """The torque at the end of the control step before each; where that is not known, at the end of this one."""
        before = [self._previous, *(step[2] for step in self._steps)]
        ended = np.vstack([last[:1] if self._torque is None else self._torque, last[:-1]])
        follows = [known is step[0] for known, step in zip(before, self._steps, strict=False)]
        return np.where(np.array(follows)[:, None], ended, last)
