"""The work of position servos in MuJoCo, substep by substep.

MuJoCo solves a substep of ``implicitfast`` with the servo's damping at the velocity that comes out of it. A servo of
force F(q, v) = kp (u - q) - kv v that is not at its limit has therefore pushed with ::

    F_k - kv (v_k+1 - v_k)

where F_k is what ``actuator_force`` reads. That times the mean of v_k and v_k+1 is what the substep added to the kinetic
energy, whatever the mass. At its limit a servo pushes with the limit. Our arm floats on MuJoCo's gravity compensation, a
passive force that a real arm's motors would have to bring up: it is added to the torque. It follows the pose alone, so
that two readings a control step do.
"""

from __future__ import annotations

import mujoco
import numpy as np

from envs.work import WorkSum
from nsctl.records import RobotWork
from nsctl.scene import Array

_BLOCK = 32
"""Control steps that are kept raw before they are added up: NumPy on all at once is next to nothing for one."""


class ServoWork:
    """Records the first ``joints`` joints of ``data``, driven by servos of the same numbers with gear 1.

    A control step is a call of :meth:`begin` for the rows to fill, after each of its ``substeps`` a copy of ``velocity``
    into one and of ``force`` into the other of a pair, and a call of :meth:`end`. All are views of bytes: copying one
    takes half the time of copying an array, and a substep has no time to spare.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, joints: int, substeps: int) -> None:
        self.velocity, self.force = raw(data.qvel[:joints]), raw(data.actuator_force[:joints])
        self._live, self._gravity = data.qvel[:joints], data.qfrc_gravcomp[:joints]
        self._damping = -model.actuator_biasprm[:joints, 2]
        limited = model.actuator_forcelimited[:joints].astype(bool)
        self._limit = np.where(limited, model.actuator_forcerange[:joints, 1], np.inf)
        self._timestep = model.opt.timestep
        self._ramp = (np.arange(substeps) + 0.5)[:, None] / substeps  # [substeps, 1]
        self._velocities = np.zeros((_BLOCK, substeps + 1, joints))
        self._forces = np.zeros((_BLOCK, substeps, joints))
        self._supports = np.zeros((_BLOCK, 2, joints))
        pairs = zip(self._velocities, self._forces, strict=True)
        self._rows = [list(zip(map(raw, v[1:]), map(raw, f), strict=True)) for v, f in pairs]
        self._filled, self._sum = 0, WorkSum()

    def begin(self) -> list[tuple[memoryview, memoryview]]:
        """Where the velocity and the force after each substep go."""
        if self._filled == _BLOCK:
            self._add_up()
        self._velocities[self._filled, 0] = self._live
        self._supports[self._filled, 0] = self._gravity
        return self._rows[self._filled]

    def end(self) -> None:
        """All substeps are done."""
        self._supports[self._filled, 1] = self._gravity
        self._filled += 1

    def forget(self) -> None:
        """Begin at nought."""
        self._filled, self._sum = 0, WorkSum()

    @property
    def total(self) -> RobotWork:
        """Since this was made, or since :meth:`forget`."""
        self._add_up()
        return self._sum.total

    def _add_up(self) -> None:
        before, after = self._velocities[: self._filled, :-1], self._velocities[: self._filled, 1:]
        force = self._forces[: self._filled]  # [control steps, substeps, joints], as the velocities
        servo = force - self._damping * (after - before) * (np.abs(force) < self._limit)
        first, last = self._supports[: self._filled, None, 0], self._supports[: self._filled, None, 1]
        self._sum.add(servo + first + self._ramp * (last - first), (before + after) / 2, self._timestep)
        self._filled = 0


def raw(row: Array) -> memoryview:
    """The bytes of a contiguous array, to be copied to and from."""
    return memoryview(row).cast("B")  # type: ignore[arg-type]
