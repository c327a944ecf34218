"""The kinematics of many arms at once: the steps of :mod:`envs.mujoco.kinematics`, one array for all (n arms)."""

from __future__ import annotations

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.mujoco.batch_rotations import rotations_between
from envs.mujoco.kinematics import DAMPING, MAX_STEP, POSTURE, TOLERANCE
from envs.mujoco.panda import panda_spec
from envs.panda import HOME
from nsctl.scene import Array

_HOME = np.array(HOME)
_DAMPED = DAMPING**2 * np.eye(6)
_POSITIONS = int(mujoco.mjtStage.mjSTAGE_POS)


class BatchKinematics:
    """Finds joint angles that bring each of ``count`` tool centre points to its pose."""

    def __init__(self, count: int, threads: int) -> None:
        model = panda_spec("none").compile()
        self._batch = Batch(model, count, threads)
        self._site = model.site("tcp").id
        self._hand = int(model.site_bodyid[self._site])
        self._root = int(model.body_rootid[self._hand])
        self._low, self._high = (model.jnt_range[:7] + np.array([0.02, -0.02])).T
        self._joints = self._batch.bind("qpos")  # [count, joints and fingers], written to
        self._position, self._axes = self._batch.bind("site_xpos"), self._batch.bind("site_xmat")
        self._quaternion = self._batch.bind("xquat")
        self._motion, self._centre = self._batch.bind("cdof"), self._batch.bind("subtree_com")

    def solve(self, start: Array, position: Array, quaternion: Array, iterations: int = 4) -> Array:
        """Joint angles [n, 7] near ``start`` [n, 7] for targets at ``position`` [n, 3] and ``quaternion`` [n, 4]."""
        result, joints = start.copy(), start
        left = np.arange(len(start))  # the arms that are not there yet
        for _ in range(iterations):
            error, jacobian = self._linearise(joints, position, quaternion)
            far = np.abs(error).max(axis=1) >= TOLERANCE
            if not far.all():
                left, joints, error, jacobian = left[far], joints[far], error[far], jacobian[far]
                position, quaternion = position[far], quaternion[far]
                if not len(left):
                    break
            joints = result[left] = self._improved(joints, error, jacobian)
        return result

    def _improved(self, joints: Array, error: Array, jacobian: Array) -> Array:
        across = jacobian.transpose(0, 2, 1)  # [n, 7, 6]
        square = jacobian @ across  # [n, 6, 6]
        square += _DAMPED
        pull = POSTURE * (_HOME - joints)  # [n, 7]
        wanted = error[..., None] - jacobian @ pull[..., None]  # [n, 6, 1]
        step = (across @ np.linalg.solve(square, wanted))[..., 0] + pull
        step = np.minimum(np.maximum(step, -MAX_STEP), MAX_STEP)
        improved: Array = np.minimum(np.maximum(joints + step, self._low), self._high)
        return improved

    def _linearise(self, joints: Array, position: Array, quaternion: Array) -> tuple[Array, Array]:
        """The pose errors [n, 6] (metres, then radians) and the Jacobians [n, 6, 7] at ``joints``."""
        n = len(joints)
        ids = None if n == self._batch.nsim else np.arange(n)
        self._joints[:n, :7] = joints
        self._batch.forward(ids, stage=_POSITIONS)
        here, axes = self._position[:n, self._site], self._axes[:n, self._site]  # [n, 3], [n, 9]
        turn = rotations_between(quaternion, self._quaternion[:n, self._hand])
        error = np.empty((n, 6))
        error[:, :3] = position - here
        error[:, 3:] = (axes.reshape(-1, 3, 3) @ turn[..., None])[..., 0]
        return error, self._jacobian(here)

    def _jacobian(self, point: Array) -> Array:
        """How points [n, 3] of the hands move with the joints [n, 6, 7], from the joints' motion axes: ``mj_jac``."""
        n = len(point)
        axis, shift = self._motion[:n, :7, :3], self._motion[:n, :7, 3:]  # [n, 7, 3], about the tree's centre of mass
        x, y, z = (point - self._centre[:n, self._root]).T[..., None]  # [n, 1] each
        result = np.empty((n, 6, 7))
        result[:, 0] = shift[..., 0] + (axis[..., 1] * z - axis[..., 2] * y)
        result[:, 1] = shift[..., 1] + (axis[..., 2] * x - axis[..., 0] * z)
        result[:, 2] = shift[..., 2] + (axis[..., 0] * y - axis[..., 1] * x)
        result[:, 3:] = axis.transpose(0, 2, 1)
        return result
