"""The little geometry that parts share: turns about the vertical, and how a box lies.

Angles in radians, quaternions (w, x, y, z).
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from nsctl.scene import Array, Mount, Pose

QUARTER = np.pi / 2
OPENED, CLOSED = 0.85, 0.010
"""A sliding body counts as opened from this share of its travel on, and as closed up to so many metres."""


def wrap(angle: float, period: float = 2 * np.pi) -> float:
    """``angle`` brought into [-period/2, period/2)."""
    return float((angle + period / 2) % period - period / 2)


def from_yaw(yaw: float) -> Array:
    """The quaternion [4] of a turn by ``yaw`` about z."""
    return np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])


def multiply(a: Array, b: Array) -> Array:
    """The quaternion of turning by ``b`` first and then by ``a``, both in world axes."""
    # Plain floats: numpy would spend ten microseconds on calls for these few numbers.
    aw, ax, ay, az = a.tolist()
    bw, bx, by, bz = b.tolist()
    w = aw * bw - ax * bx - ay * by - az * bz
    x = aw * bx + ax * bw + ay * bz - az * by
    y = aw * by - ax * bz + ay * bw + az * bx
    z = aw * bz + ax * by - ay * bx + az * bw
    norm = sqrt(w * w + x * x + y * y + z * z)
    return np.array([w / norm, x / norm, y / norm, z / norm])


def from_rotation_vector(vector: Array) -> Array:
    """The quaternion of a turn by |vector| radians about the direction of ``vector`` [3]."""
    angle = float(np.sqrt(vector @ vector))
    if angle < 1e-12:
        return np.array([1.0, 0.0, 0.0, 0.0])
    return np.array([np.cos(angle / 2), *(np.sin(angle / 2) * vector / angle)])


def matrix(quaternion: Array) -> Array:
    """The rotation matrix [3, 3] of a unit quaternion; its columns are the body's axes in the world."""
    w, x, y, z = quaternion.tolist()
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def gripper_yaw(quaternion: Array) -> float:
    """The heading of a gripper that points down: the angle of its x axis about z."""
    axes = matrix(quaternion)
    return float(np.arctan2(axes[1, 0], axes[0, 0]))


def box_yaw(quaternion: Array) -> float:
    """How far a cube is turned about z, in [-pi/4, pi/4), whichever of its faces lies on top."""
    axes = matrix(quaternion)
    flat = int(np.argmin(np.abs(axes[2])))  # the axis that is most nearly level
    return wrap(float(np.arctan2(axes[1, flat], axes[0, flat])), QUARTER)


def box_tilt(quaternion: Array) -> float:
    """How far the face that lies on top leans from level, in radians."""
    return float(np.arccos(np.clip(np.abs(matrix(quaternion)[2]).max(), 0.0, 1.0)))


def mounted(mount: Mount, parent: Pose, slid: float = 0.0) -> Pose:
    """Where a body hangs whose mount's parent lies at ``parent``, when it has slid out by ``slid`` metres."""
    at = np.array(mount.at) + [slid, 0.0, 0.0]
    return Pose(parent.position + matrix(parent.quaternion) @ at, parent.quaternion)


def slid(mount: Mount, parent: Pose, pose: Pose) -> float:
    """How far [m] a mounted body at ``pose`` has slid out: the inverse of :func:`mounted`."""
    at = matrix(parent.quaternion).T @ (pose.position - parent.position)
    return float(at[0] - mount.at[0])
