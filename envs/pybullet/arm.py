"""The Panda in PyBullet: the house's URDF, servos as fast as those of the MuJoCo engine, tied fingers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import exp, pi
from typing import Any

import numpy as np

from envs.engine import MAX_OPENING
from envs.panda import FINGERS, HAND, HOME, JOINTS, PAD_GAP, PADS, REACHING, TCP_OFFSET, TORQUE, meshes, urdf_path
from envs.pybullet.bodies import ARM, Part, collide, load_urdf
from envs.pybullet.client import Client
from nsctl.geometry import matrix
from nsctl.scene import CONTROL_HZ, Array, Pose

LAG = 0.1
"""Time constant of the servos [s]: damping over stiffness of those in the MuJoCo engine."""
GRIP = 40.0
"""Largest force of a finger [N]."""
_PAD_FRICTION = 1.5
_WHITE = '<material name="dress"><color rgba="0.93 0.93 0.92 1"/></material>'
_PERIOD = 1 / CONTROL_HZ
_DECAY = exp(-_PERIOD / LAG)


class Arm:
    """The arm among a client's bodies. A ``pretty`` one looks like its meshes, where there are any."""

    def __init__(self, client: Client, *, pretty: bool = False) -> None:
        self._client = client
        urdf = urdf_path().read_text()
        # Identified inertias come from the file; by default PyBullet would guess them from the shapes.
        inertia = client.URDF_USE_INERTIA_FROM_FILE
        self.tree = load_urdf(client, _dressed(urdf) if pretty else urdf, useFixedBase=True, flags=inertia)
        info = [client.getJointInfo(self.tree, i) for i in range(client.getNumJoints(self.tree))]
        links = {"panda_link0": -1, **{joint[12].decode(): joint[0] for joint in info}}
        joints = {joint[1].decode(): joint[0] for joint in info}
        self.pads = tuple(links[pad] for pad in PADS)
        self._hand = links[HAND]
        self._axes = [joints[name] for name in (*JOINTS, *FINGERS)]
        self._seen: Sequence[Any] | None = None
        self._seen_tcp: Pose | None = None
        for name, link in links.items():
            collide(client, Part(self.tree, link), ARM if name in REACHING else 0)
        for pad in self.pads:
            client.changeDynamics(self.tree, pad, lateralFriction=_PAD_FRICTION)
        self._tie_fingers()

    def home(self) -> None:
        """At rest above the table, open."""
        self.stand(np.array([*HOME, MAX_OPENING / 2, MAX_OPENING / 2]))

    def stand(self, axes: Array) -> None:
        """At rest with the joints (rad) and the fingers (m) at these positions [9]."""
        for axis, position in zip(self._axes, axes.tolist(), strict=True):
            self._client.resetJointState(self.tree, axis, position, 0.0)
        self.look_again()

    def drive(self, start: Array, goal: Array, opening: float) -> None:
        """Set the servos for one control step in which their targets [7] run from ``start`` to ``goal``.

        A servo follows its target with a lag: q' = (r(t) - q) / LAG. PyBullet's motors hold a velocity, so each gets
        the mean one of that equation's solution over the step, the target being a ramp.
        """
        here = self.axes
        lead = np.empty(9)  # how far each joint has come to be at the end of the step, less the goal
        slope = (goal - start) * (LAG / _PERIOD)
        lead[:7] = (here[:7] - start + slope) * _DECAY - slope
        lead[7:] = (here[7:] - opening / 2) * _DECAY  # at once: its force, not its path, is what grasps
        velocities = (np.array([*goal, opening / 2, opening / 2]) + lead - here) / _PERIOD
        self._client.setJointMotorControlArray(
            self.tree,
            self._axes,
            self._client.VELOCITY_CONTROL,
            targetVelocities=velocities.tolist(),
            forces=[*TORQUE, GRIP, GRIP],
        )

    @property
    def states(self) -> Sequence[Any]:
        """What PyBullet tells of the joints and the fingers [9], asked once a moment (see :meth:`look_again`)."""
        if self._seen is None:
            self._seen = self._read(self._axes)
        return self._seen

    def joint_states(self) -> Sequence[Any]:
        """Those of the joints [7] alone, asked now."""
        return self._read(self._axes[:7])

    def look_again(self) -> None:
        """The arm may have moved."""
        self._seen = self._seen_tcp = None

    @property
    def axes(self) -> Array:
        """Positions [9] of the joints (rad) and of the fingers (m)."""
        return np.array([state[0] for state in self.states])

    @property
    def numbers(self) -> Array:
        """Positions and velocities [18]."""
        return np.array([state[:2] for state in self.states]).T.flatten()

    @property
    def opening(self) -> float:
        left, right = self.states[7:]
        return float(left[0] + right[0]) + PAD_GAP

    @property
    def tcp(self) -> Pose:
        """Where the tool centre point is, asked once a moment."""
        self._seen_tcp = self._seen_tcp or self._read_tcp()
        return self._seen_tcp

    def _read(self, axes: list[int]) -> Sequence[Any]:
        states: Sequence[Any] = self._client.getJointStates(self.tree, axes)
        return states

    def _read_tcp(self) -> Pose:
        hand = self._client.getLinkState(self.tree, self._hand, computeForwardKinematics=1)
        quaternion = wxyz(hand[5])
        return Pose(np.array(hand[4]) + TCP_OFFSET * matrix(quaternion)[:, 2], quaternion)

    def _tie_fingers(self) -> None:
        left, right = self.pads
        tie = self._client.createConstraint(
            self.tree, left, self.tree, right, self._client.JOINT_GEAR, [1, 0, 0], [0, 0, 0], [0, 0, 0]
        )
        self._client.changeConstraint(tie, gearRatio=-1, erp=0.1, maxForce=50)


def _dressed(urdf: str) -> str:
    """The URDF with meshes in place of the primitives that are drawn."""
    for link, path in meshes().items():
        turn = pi if link == PADS[1] else 0.0
        look = f'<visual><origin rpy="0 0 {turn}"/><geometry><mesh filename="{path}"/></geometry>{_WHITE}</visual>'
        start = urdf.index(f'<link name="{link}">')
        end = urdf.index("</link>", start)
        bare = re.sub(r"<visual>.*?</visual>", "", urdf[start:end], flags=re.DOTALL)
        urdf = urdf[:start] + bare + look + urdf[end:]
    return urdf


def wxyz(quaternion: tuple[float, float, float, float]) -> Array:
    """PyBullet's (x, y, z, w) as the house's (w, x, y, z)."""
    x, y, z, w = quaternion
    return np.array([w, x, y, z])


def xyzw(quaternion: Array) -> tuple[float, ...]:
    """The house's (w, x, y, z) as PyBullet's (x, y, z, w)."""
    w, x, y, z = quaternion.tolist()
    return x, y, z, w
