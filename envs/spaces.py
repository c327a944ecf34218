"""What a world looks like to Gymnasium: spaces with real bounds, and an observation as arrays.

An observation is a dict of ``proprio`` float32 [23], ``objects`` float32 [n, 7] (position m, quaternion w x y z, in the
order of ``task.bodies``) and, if cameras were asked for, ``images``: a dict of camera -> uint8 [128, 128, 3]. A reading
beyond its bound, such as the place of a body that flew off the table and far away, is given as the bound.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from envs.cameras import POLICY, SIZE
from envs.engine import MAX_OPENING
from envs.panda import JOINTS, PAD_GAP, urdf_path
from envs.world import WORKSPACE
from nsctl.errors import InvalidValue, UnknownName
from nsctl.observation_arrays import objects_array, proprio_array
from nsctl.scene import ACTION_SIZE, Array, Observation

Arrays = dict[str, Any]
Reading = NDArray[np.float32]

REACH, SHOULDER = 0.95, 0.333
"""The tool centre point cannot be farther than this from the shoulder [m], which is so high above the base [m]."""
FLOOR = -0.4
"""Height of the floor that the table stands on [m]."""
HAND = np.array([[-REACH, -REACH, FLOOR], [REACH, REACH, SHOULDER + REACH]])
"""Where the tool centre point can be: low and high corner [m]."""
BODIES = np.array([[-1.5, -2.0, FLOOR - 0.1], [2.5, 2.0, SHOULDER + REACH + 0.1]])
"""Where a body is shown: low and high corner [m]."""
JOINT_MARGIN = 0.1
"""Radians by which a joint may read more than its limit: limits are springs in a simulation, and the arm is strong."""
PAD_MARGIN = 0.005
"""Metres by which the pads may read more than they travel, for the same reason."""
_UNIT = np.array([[-1.0] * 4, [1.0] * 4])


def action_space() -> spaces.Box:
    """End-effector delta x y z, delta roll pitch yaw, gripper: float32 [7] in [-1, 1]."""
    return spaces.Box(-1.0, 1.0, (ACTION_SIZE,), np.float32)


def observation_space(bodies: int, cameras: Sequence[str] = ()) -> spaces.Dict:
    """The space of the observations of a world with so many bodies and these cameras."""
    own, poses = proprio_bounds(), np.tile(pose_bounds()[:, None], (1, bodies, 1))  # [2, 23], [2, bodies, 7]
    parts: dict[str, spaces.Space[Any]] = {
        "proprio": spaces.Box(own[0], own[1], dtype=np.float32),
        "objects": spaces.Box(poses[0], poses[1], dtype=np.float32),
    }
    if cameras:
        parts["images"] = spaces.Dict({name: spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8) for name in cameras})
    return spaces.Dict(parts)


@cache
def proprio_bounds() -> Reading:
    """Lowest and highest readings of the arm [2, 23]: joints, tool centre point, its target, opening, command."""
    joints = joint_limits() + JOINT_MARGIN * np.array([[-1.0], [1.0]])
    fingers = np.array([[0.0, -1.0], [MAX_OPENING + PAD_GAP + PAD_MARGIN, 1.0]])
    return np.concatenate([joints, HAND, _UNIT, WORKSPACE, _UNIT, fingers], axis=1).astype(np.float32)


@cache
def pose_bounds() -> Reading:
    """Lowest and highest numbers of a body's pose [2, 7]."""
    return np.concatenate([BODIES, _UNIT], axis=1).astype(np.float32)


def joint_limits() -> Array:
    """The lowest and the highest angle of each joint [2, 7], rad, as the arm's URDF states them."""
    found = {joint.get("name"): joint.find("limit") for joint in ElementTree.parse(urdf_path()).iter("joint")}
    limits = [limit for name in JOINTS if (limit := found[name]) is not None]
    return np.array([[float(limit.attrib[side]) for limit in limits] for side in ("lower", "upper")])


def check_cameras(cameras: Sequence[str]) -> tuple[str, ...]:
    """The names of policy cameras; an unknown one is answered with those that there are."""
    if isinstance(cameras, str):
        raise InvalidValue(f"cameras must be a sequence of names such as [{cameras!r}], got {cameras!r}")
    for name in cameras:
        if name not in POLICY:
            raise UnknownName("camera", str(name), POLICY)
    return tuple(dict.fromkeys(cameras))


def arrays(observation: Observation) -> Arrays:
    """An observation as arrays that share no memory with it."""
    found: Arrays = {
        "proprio": within(proprio_array(observation), proprio_bounds()),
        "objects": within(objects_array(observation), pose_bounds()),
    }
    if observation.images is not None:
        found["images"] = {name: picture.copy() for name, picture in observation.images.items()}
    return found


def within(readings: ArrayLike, bounds: Reading) -> Reading:
    """``readings`` [..., k] as float32, none beyond its ``bounds`` [2, k]."""
    result: Reading = np.minimum(np.maximum(np.array(readings, dtype=np.float32), bounds[0]), bounds[1])
    return result
