"""Simulated sensors: a pose tracker for the bodies and encoders for the arm.

The tracker gives true poses with a bias that lasts an episode and a jitter that changes each step; it stands where a
motion-capture system or a pose network would. The encoders jitter by what an industrial arm repeats to. With ``noise`` 0
both hand out the truth, and their channels are labelled so.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nsctl.errors import InvalidValue
from nsctl.geometry import from_rotation_vector, multiply
from nsctl.scene import Array, Channel, Pose

JITTER = 0.3
"""Jitter of a position as a fraction of its bias."""
TURN = 5.0
"""Radians of rotation bias for a metre of position bias: 1 mm goes with 0.3 degrees."""


ENCODER, REPEATABILITY = 1e-4, 1e-4
"""Jitter of the joint angles [rad] and of the tool centre point and gripper opening [m]: the Panda repeats to 0.1 mm."""


class Sensors:
    """``noise`` is the standard deviation [m] of the bias along each axis."""

    def __init__(self, noise: float) -> None:
        if not 0.0 <= noise <= 0.05:
            raise InvalidValue(f"pose noise must lie between 0 and 0.05 m, got {noise}")
        self.noise = noise
        self.channel: Channel = "estimated" if noise else "sim_truth"
        self._rng = np.random.default_rng()
        self._move: dict[str, Array] = {}
        self._turn: dict[str, Array] = {}

    @property
    def sigma(self) -> float:
        """Standard deviation [m] of one reading along one axis."""
        return float(self.noise * np.hypot(1.0, JITTER))

    def reset(self, names: list[str], rng: np.random.Generator) -> None:
        """Draw this episode's biases."""
        self._rng = rng
        draw = rng.normal(size=(len(names), 2, 3)) * self.noise
        self._move = {name: move for name, (move, _) in zip(names, draw, strict=True)}
        self._turn = {name: from_rotation_vector(TURN * turn) for name, (_, turn) in zip(names, draw, strict=True)}

    def feel(self, joints: Array, tcp: Pose, opening: float) -> tuple[Array, Pose, float]:
        """What the arm says of itself at this step."""
        if not self.noise:
            return joints, tcp, opening
        shake = self._rng.normal(size=11)
        position = tcp.position + REPEATABILITY * shake[7:10]
        return joints + ENCODER * shake[:7], Pose(position, tcp.quaternion), opening + float(REPEATABILITY * shake[10])

    def read(self, truth: Mapping[str, Pose]) -> dict[str, Pose]:
        """What the tracker says of ``truth`` at this step."""
        if not self.noise:
            return dict(truth)
        jitter = self._rng.normal(size=(len(truth), 3)) * self.noise * JITTER
        return {
            name: Pose(pose.position + self._move[name] + shake, multiply(self._turn[name], pose.quaternion))
            for (name, pose), shake in zip(truth.items(), jitter, strict=True)
        }
