"""An observation as arrays of float32, and the names of their numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsctl.scene import Observation, Pose

Floats = NDArray[np.float32]

POSE = ("x", "y", "z", "qw", "qx", "qy", "qz")
PROPRIO = (
    *(f"joint_{number}" for number in range(1, 8)),
    *(f"tcp_{part}" for part in POSE),
    *(f"target_{part}" for part in POSE),
    "gripper",
    "gripper_command",
)
"""The 23 numbers that the robot says of itself: rad [7], m and quaternion [7] twice, m, last command."""


def proprio_array(observation: Observation) -> Floats:
    """What the robot says of itself as float32 [23], see :data:`PROPRIO`."""
    own = observation.proprio
    numbers = [*own.joints.tolist(), *_numbers(own.tcp), *_numbers(own.target), own.gripper, own.gripper_command]
    return np.array(numbers, dtype=np.float32)


def objects_array(observation: Observation) -> Floats:
    """The observed poses as float32 [n, 7], in the order of the task's bodies; n is 0 where poses are not observed."""
    poses = [_numbers(pose) for pose in (observation.objects or {}).values()]
    return np.array(poses, dtype=np.float32).reshape(-1, len(POSE))


def _numbers(pose: Pose) -> list[float]:
    return [*pose.position.tolist(), *pose.quaternion.tolist()]
