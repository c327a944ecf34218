"""The simulated sensors of :mod:`envs.sensors` for many worlds at once, each with its own stream of random numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.mujoco.batch_rotations import products
from envs.sensors import ENCODER, JITTER, REPEATABILITY, TURN, Sensors
from nsctl.geometry import from_rotation_vector
from nsctl.scene import Array

_JITTER = np.array([ENCODER] * 7 + [REPEATABILITY] * 3)
_OWN = 11
"""Random numbers that the arm's own sensors take a step: 7 joints, 3 of the tool centre point, the opening."""


class BatchSensors:
    """``noise`` is the standard deviation [m] of the tracker's bias along each axis; n worlds are read at a time."""

    def __init__(self, count: int, bodies: int, noise: float) -> None:
        self.noise = Sensors(noise).noise  # which refuses nonsense
        self._rngs = [np.random.default_rng(0) for _ in range(count)]
        self._move, self._turn = np.zeros((count, bodies, 3)), np.zeros((count, bodies, 4))

    def reset(self, row: int, rng: np.random.Generator) -> None:
        """Draw the biases of one world's episode."""
        self._rngs[row] = rng
        draw = rng.normal(size=(len(self._move[row]), 2, 3)) * self.noise
        self._move[row] = draw[:, 0]
        self._turn[row] = [from_rotation_vector(TURN * turn) for turn in draw[:, 1]]

    def read(self, ids: NDArray[np.intp], arm: Array, opening: Array, poses: Array) -> tuple[Array, Array, Array]:
        """What is felt and seen of joints and tool centre point [n, 10], opening [n] and poses [n, bodies, 7]."""
        if not self.noise:
            return arm, opening, poses
        shake = np.empty((len(ids), _OWN + 3 * poses.shape[1]))
        for row, numbers in zip(ids, shake, strict=True):
            self._rngs[row].standard_normal(out=numbers)
        arm = arm + _JITTER * shake[:, : _OWN - 1]
        jitter = shake[:, _OWN:].reshape(len(ids), -1, 3) * self.noise * JITTER
        seen = np.concatenate(
            [poses[..., :3] + self._move[ids] + jitter, products(self._turn[ids], poses[..., 3:])], axis=2
        )
        return arm, opening + REPEATABILITY * shake[:, _OWN - 1], seen
