"""The Panda as a MuJoCo model: the house's URDF, position servos with gravity compensation, tied fingers, holding pads.

Servo and contact settings were found by measurement: 20 of 20 scripted grasps and stacks of four 10 of 10.
"""

from __future__ import annotations

import re
from typing import Literal

import mujoco

from envs.engine import MAX_OPENING
from envs.panda import FINGERS, HAND, JOINTS, PADS, REACHING, TCP_OFFSET, TORQUE, meshes, urdf_path

_STIFFNESS = (4500, 4500, 3500, 3500, 2000, 2000, 2000)
_COMPILER = '<mujoco><compiler fusestatic="false" discardvisual="{discard}"/></mujoco>'
_LOOKS, _HIDDEN = 1, 3
"""Geom groups: what is drawn, and what is not."""

Looks = Literal["none", "primitives", "meshes"]


def panda_spec(looks: Looks) -> mujoco.MjSpec:
    """The arm with servos and pads on an empty world; ``looks`` add what is drawn and touches nothing."""
    compiler = _COMPILER.format(discard=str(looks == "none").lower())
    urdf = re.sub(r"(<robot[^>]*>)", lambda m: m[0] + compiler, urdf_path().read_text(), count=1)
    spec = mujoco.MjSpec.from_string(urdf)
    for body in spec.bodies[1:]:
        body.gravcomp = 1
        for geom in body.geoms:
            # The arm stays clear of itself: it touches the world (whose geoms answer with 3), no more.
            drawn = geom.contype == 0
            geom.group = _LOOKS if drawn else _HIDDEN
            geom.contype, geom.conaffinity = (2, 0) if not drawn and body.name in REACHING else (0, 0)
    _add_servos(spec)
    _add_gripper(spec)
    if looks == "meshes":
        _dress(spec)
    spec.body(HAND).add_site(name="tcp", pos=[0, 0, TCP_OFFSET], group=4)
    return spec


def _dress(spec: mujoco.MjSpec) -> None:
    """Meshes in place of the primitives that are drawn, where there are any."""
    for link, path in meshes().items():
        body, name = spec.body(link), path.stem
        for geom in body.geoms:
            geom.group = _HIDDEN
        if not any(mesh.name == name for mesh in spec.meshes):
            spec.add_mesh(name=name, file=str(path))
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname=name,
            contype=0,
            conaffinity=0,
            group=_LOOKS,
            mass=0,
            quat=[0, 0, 0, 1] if link == PADS[1] else [1, 0, 0, 0],
            rgba=[0.93, 0.93, 0.92, 1],
        )


def _add_servos(spec: mujoco.MjSpec) -> None:
    for name, stiffness, torque in zip(JOINTS, _STIFFNESS, TORQUE, strict=True):
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
    for link in PADS:
        (pad,) = (geom for geom in spec.body(link).geoms if geom.contype)
        pad.name, pad.priority, pad.condim = f"{link} pad", 2, 4
        pad.friction = [1.5, 0.05, 0.0001]
        pad.solref[:2], pad.solimp = [0.004, 1], [0.95, 0.99, 0.001, 0.5, 2]
