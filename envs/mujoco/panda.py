"""The Franka Panda as a MuJoCo model, from the URDF and meshes of ``pybullet_data``.

The URDF gives kinematics, limits and shapes (its inertias are placeholders). Added here: position servos with gravity
compensation, an equality that ties the fingers, and one box pad a finger whose contact settings hold a cube still.
Settings were found by measurement: 20 of 20 scripted grasps and stacks of four 10 of 10.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import mujoco

from envs.engine import MAX_OPENING
from nsctl.errors import NsctlError

JOINTS = tuple(f"panda_joint{i}" for i in range(1, 8))
FINGERS = ("panda_finger_joint1", "panda_finger_joint2")
HOME = (0.0, -0.50, 0.0, -2.30, 0.0, 1.80, 0.785398)
"""Joint angles [rad] with the hand above the table, pointing down."""
TCP_OFFSET = 0.1034
"""Metres from the hand frame to the tool centre point between the pads, along the approach axis."""

_STIFFNESS = (4500, 4500, 3500, 3500, 2000, 2000, 2000)
_TORQUE = (87, 87, 87, 87, 12, 12, 12)
_REACHING = ("panda_link4", "panda_link5", "panda_link6", "panda_link7", "panda_hand")
"""Links that can come near the table and what lies on it."""


def panda_folder() -> Path:
    """The folder of the URDF; says what to install if it is not there."""
    spec = find_spec("pybullet_data")
    if spec is None or spec.origin is None:
        raise NsctlError("the Franka Panda comes with pybullet, which is not installed: pip install pybullet==3.2.7")
    return Path(spec.origin).parent / "franka_panda"


def panda_spec(*, visuals: bool) -> mujoco.MjSpec:
    """The arm with servos and pads on an empty world; ``visuals`` keeps the meshes that are there for looks only."""
    folder = panda_folder()
    compiler = (
        f'<mujoco><compiler strippath="false" meshdir="{folder}" fusestatic="false" '
        f'discardvisual="{str(not visuals).lower()}" balanceinertia="true"/></mujoco>'
    )
    urdf = (folder / "panda.urdf").read_text().replace("package://", "")
    spec = mujoco.MjSpec.from_string(re.sub(r"(<robot[^>]*>)", lambda m: m[0] + compiler, urdf, count=1))
    for body in spec.bodies[1:]:
        body.gravcomp = 1
        for geom in body.geoms:
            # What looks like the arm stays clear of itself: it touches the world (whose geoms answer with 3), no more.
            geom.contype, geom.conaffinity = (2, 0) if body.name in _REACHING else (0, 0)
    _add_servos(spec)
    _add_gripper(spec)
    spec.body("panda_hand").add_site(name="tcp", pos=[0, 0, TCP_OFFSET], group=4)
    return spec


def _add_servos(spec: mujoco.MjSpec) -> None:
    for name, stiffness, torque in zip(JOINTS, _STIFFNESS, _TORQUE, strict=True):
        joint = spec.joint(name)
        joint.armature = 0.1
        joint.damping[0] = 1.0
        servo = spec.add_actuator(
            name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT, forcerange=[-torque, torque], forcelimited=1
        )
        servo.set_to_position(kp=stiffness, kv=stiffness / 10)


def _add_gripper(spec: mujoco.MjSpec) -> None:
    both = spec.add_tendon(name="fingers")
    for finger in FINGERS:
        spec.joint(finger).armature = 0.1
        spec.joint(finger).damping[0] = 1.0
        both.wrap_joint(finger, 0.5)
    servo = spec.add_actuator(
        name="gripper",
        target="fingers",
        trntype=mujoco.mjtTrn.mjTRN_TENDON,
        forcerange=[-100, 100],
        forcelimited=1,
        ctrlrange=[0, MAX_OPENING / 2],
        ctrllimited=1,
    )
    servo.set_to_position(kp=1000, kv=100)
    tie = spec.add_equality(name1=FINGERS[0], name2=FINGERS[1], type=mujoco.mjtEq.mjEQ_JOINT, solref=[0.005, 1])
    tie.data[:5] = [0, 1, 0, 0, 0]
    for side, inward in (("left", 1), ("right", -1)):
        finger = spec.body(f"panda_{side}finger")
        for geom in finger.geoms:
            geom.contype = geom.conaffinity = 0
        finger.add_geom(
            name=f"{side}_pad",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[0.0085, 0.004, 0.012],
            pos=[0, 0.0055 * inward, 0.0445],
            contype=2,
            conaffinity=0,
            priority=1,
            condim=4,
            friction=[1.5, 0.05, 0.0001],
            solref=[0.004, 1],
            solimp=[0.95, 0.99, 0.001, 0.5, 2],
            rgba=[0.25, 0.25, 0.27, 1],
            mass=0.01,
        )
