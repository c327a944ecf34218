"""Inverse kinematics of the arm by damped least squares on MuJoCo's Jacobians.

dq = J^T (J J^T + mu^2 I)^-1 e, with e the pose error (Wampler, 1986; Nakamura and Hanafusa, 1986), plus a pull towards
the home posture in the null space, so that the elbow stays where it was. The model holds the arm alone: 0.1 ms a call.
"""

from __future__ import annotations

import mujoco
import numpy as np

from envs.mujoco.panda import panda_spec
from envs.panda import HOME
from nsctl.scene import Array, Pose

DAMPING = 0.02
POSTURE = 0.05
TOLERANCE = 1e-4
"""Metres and radians that are near enough."""
MAX_STEP = 0.3
"""Radians that one iteration may turn a joint."""
_HOME = np.array(HOME)
_DAMPED = DAMPING**2 * np.eye(6)


class ArmKinematics:
    """Finds joint angles [7] that bring the tool centre point to a pose."""

    def __init__(self) -> None:
        self._model = panda_spec("none").compile()
        self._data = mujoco.MjData(self._model)
        self._site = self._model.site("tcp").id
        self._low, self._high = (self._model.jnt_range[:7] + np.array([0.02, -0.02])).T
        # Views of MuJoCo's memory: asking for them anew costs as much as the kinematics.
        self._joints = self._data.qpos[:7]
        self._position, self._axes = self._data.site_xpos[self._site], self._data.site_xmat[self._site]
        self._quaternion = self._data.xquat[self._model.site_bodyid[self._site]]  # the hand's: its axes are the site's
        self._jacobian = np.zeros((6, self._model.nv))  # rows: 3 translation, 3 rotation
        self._error = np.zeros(6)

    def solve(self, start: Array, target: Pose, iterations: int = 4) -> Array:
        """Joint angles [7] near ``start`` whose tool centre point lies at ``target``, as far as limits allow."""
        joints = start.copy()
        for _ in range(iterations):
            error, jacobian = self._linearise(joints, target)
            if max(map(abs, error.tolist())) < TOLERANCE:
                break
            square = jacobian @ jacobian.T + _DAMPED  # [6, 6]
            pull = POSTURE * (_HOME - joints)  # [7]
            step = jacobian.T @ np.linalg.solve(square, error - jacobian @ pull) + pull
            joints = _clip(joints + _clip(step, -MAX_STEP, MAX_STEP), self._low, self._high)
        return joints

    def _linearise(self, joints: Array, target: Pose) -> tuple[Array, Array]:
        """The pose error [6] (metres, then radians) and the Jacobian [6, 7] at ``joints``."""
        data = self._data
        self._joints[:] = joints
        mujoco.mj_kinematics(self._model, data)
        mujoco.mj_comPos(self._model, data)
        mujoco.mj_jacSite(self._model, data, self._jacobian[:3], self._jacobian[3:], self._site)
        self._error[:3] = target.position - self._position
        turn = np.empty(3)
        mujoco.mju_subQuat(turn, target.quaternion, self._quaternion)
        self._error[3:] = self._axes.reshape(3, 3) @ turn  # from the body frame into the world's
        return self._error, self._jacobian[:, :7]


def _clip(values: Array, low: Array | float, high: Array | float) -> Array:
    """What ``np.clip`` gives, in half its time for a few numbers."""
    return np.minimum(np.maximum(values, low), high)
