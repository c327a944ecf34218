"""A scene in a client of its own: the arm, the table, the bodies, and where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from envs.pybullet import bodies as parts
from envs.pybullet.arm import Arm, wxyz, xyzw
from envs.pybullet.client import Client
from nsctl.geometry import mounted, slid
from nsctl.scene import Array, Body, Pose


class Scene:
    """What stands in a client's world. A ``pretty`` one has the arm's meshes; the physics is the same."""

    def __init__(self, bodies: Sequence[Body], *, pretty: bool = False) -> None:
        self.bodies = {body.name: body for body in bodies}
        self.client = Client()
        self._ground = parts.load_ground(self.client, floor_seen=pretty)
        self.parts = parts.load(self.client, bodies)
        self.arm = Arm(self.client, pretty=pretty)
        self.arm.home()

    def poses(self) -> dict[str, Pose]:
        """Where every body is."""
        found: dict[str, Pose] = {}
        for name in self.bodies:
            self._find(name, found)
        return {name: found[name] for name in self.bodies}

    def arrange(self, poses: Mapping[str, Pose]) -> None:
        """Put every body at its pose, at rest."""
        for name, pose in poses.items():
            mount = self.bodies[name].mount
            if mount is None:
                self.put(name, pose)
            elif mount.travel:
                part = self.parts[name]
                self.client.resetJointState(part.tree, part.link, slid(mount, poses[mount.on], pose), 0.0)

    def put(self, name: str, pose: Pose) -> None:
        """Put a body that hangs on nothing at a pose, at rest."""
        tree = self.parts[name].tree
        self.client.resetBasePositionAndOrientation(tree, pose.position.tolist(), xyzw(pose.quaternion))
        self.client.resetBaseVelocity(tree, [0, 0, 0], [0, 0, 0])

    def change(self, name: str, friction: float, mass: float) -> None:
        """Give a movable body the friction and the mass that it was made with times these factors.

        PyBullet multiplies the friction of the two that touch, so a finger, too, feels a body's.
        """
        heavy = parts.mass(self.bodies[name]) * mass
        self.client.changeDynamics(self.parts[name].tree, -1, lateralFriction=friction, mass=heavy)

    def forget_contacts(self) -> None:
        """Drop every pair that was ever near: PyBullet solves contacts in the order in which they were first met."""
        for part in self._ground:
            parts.collide(self.client, part, parts.FIXED)
        for name, part in self.parts.items():
            parts.collide(self.client, part, parts.group(self.bodies[name]))

    def numbers(self) -> Array:
        """Positions and velocities of the arm, then of each body: what it has of them."""
        found = [self.arm.numbers]
        for name, part in self.parts.items():
            body = self.bodies[name]
            if body.mount is None:
                found += map(np.array, self.client.getBasePositionAndOrientation(part.tree))
            elif body.mount.travel:
                found.append(np.array(self.client.getJointState(part.tree, part.link)[:2]))
            if body.movable:
                found += map(np.array, self.client.getBaseVelocity(part.tree))
        return np.concatenate(found)

    def _find(self, name: str, found: dict[str, Pose]) -> Pose:
        """The pose of a body, and on the way those of what it hangs on."""
        if name not in found:
            part, mount = self.parts[name], self.bodies[name].mount
            if mount is None:
                position, quaternion = self.client.getBasePositionAndOrientation(part.tree)
                found[name] = Pose(position, wxyz(quaternion))
            else:
                out = self.client.getJointState(part.tree, part.link)[0] if mount.travel else 0.0
                found[name] = mounted(mount, self._find(mount.on, found), out)
        return found[name]
