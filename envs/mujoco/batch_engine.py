"""Many copies of one scene in MuJoCo, stepped by threads: what :mod:`envs.mujoco.engine` does, for all of them at once.

n copies are named by ``ids`` [n]; what is read has a row for each copy of the batch. As after ``mj_step``, poses, contacts
and pictures are those before the last of a control step's substeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from envs.engine import MAX_OPENING
from envs.mujoco.batch_kinematics import BatchKinematics
from envs.mujoco.batch_rotations import quaternions
from envs.mujoco.engine import SUBSTEPS
from envs.mujoco.model import scene_model
from envs.mujoco.picture import Film, PolicyCamera
from envs.panda import FINGERS, HOME, PAD_GAP, PADS
from nsctl.geometry import slid
from nsctl.scene import Array, Body, Image, Pose

Ids = NDArray[np.intp]
_RAMP = np.arange(1, SUBSTEPS + 1)[:, None] / SUBSTEPS  # [SUBSTEPS, 1]
_NONE = int(mujoco.mjtStage.mjSTAGE_NONE)


class BatchEngine:
    """``count`` tables with a Panda and the same bodies on them, on ``threads`` threads (0: one for each core)."""

    def __init__(
        self, bodies: Sequence[Body], count: int, threads: int, cameras: Sequence[str] = (), *, video: bool = False
    ) -> None:
        self._bodies = {body.name: body for body in bodies}
        self._model = scene_model(bodies)
        # Which bodies sleep is no part of a state: only a persistent batch remembers it.
        self._batch, self._arm = Batch(self._model, count, threads, persistent=True), BatchKinematics(count, threads)
        self._scratch = mujoco.MjData(self._model)
        self._qpos, self._ctrl = self._batch.bind("qpos"), self._batch.bind("ctrl")
        self._mocap = self._batch.bind("mocap_pos"), self._batch.bind("mocap_quat")
        self._poses = self._batch.bind("xpos"), self._batch.bind("xquat")
        self._hand = self._batch.bind("site_xpos"), self._batch.bind("site_xmat")
        self._path = np.empty((count, SUBSTEPS, self._model.nu))
        self._ids = [self._model.body(name).id for name in self._bodies]
        self._tcp = self._model.site("tcp").id
        self._fingers = [int(self._model.joint(finger).qposadr[0]) for finger in FINGERS]
        graspable = [self._model.body(b.name).id for b in bodies if b.movable or b.mount]
        self._pads = [self._model.geom(f"{link} pad").id for link in PADS]
        self._graspable = np.flatnonzero(np.isin(self._model.geom_bodyid, graspable))
        self._film = Film(bodies) if video else None
        self._cameras = {name: PolicyCamera(self._model, name) for name in cameras}

    def reset(self, ids: Ids, starts: Sequence[Mapping[str, Pose]]) -> None:
        """Arms at home with open grippers, every body at its pose, everything at rest."""
        self._batch.reset(ids, stage=_NONE)
        self._qpos[ids, :7] = self._ctrl[ids, :7] = HOME
        for address in self._fingers:
            self._qpos[ids, address] = MAX_OPENING / 2
        self._ctrl[ids, 7] = MAX_OPENING / 2
        for row, poses in zip(ids, starts, strict=True):
            for body in self._bodies.values():
                self._put(row, body, poses)
        self._batch.forward(ids)

    def control(self, ids: Ids, position: Array, quaternion: Array, opening: Array) -> None:
        """One control step: tool centre points towards ``position`` [n, 3] and ``quaternion`` [n, 4], pads to [n] m."""
        start, path = self._ctrl[ids, :7], self._path[: len(ids)]
        way = self._arm.solve(start, position, quaternion) - start
        path[:, :, :7] = start[:, None] + _RAMP * way[:, None]  # [n, SUBSTEPS, 7]
        path[:, :, 7] = np.minimum(np.maximum(opening, 0.0), MAX_OPENING)[:, None] / 2
        self._batch.rollout(SUBSTEPS, path, ids=None if len(ids) == self._batch.nsim else ids, record=())

    @property
    def tcp_position(self) -> Array:
        """Where each tool centre point is [count, 3], m."""
        position: Array = self._hand[0][:, self._tcp].copy()
        return position

    @property
    def tcp_quaternion(self) -> Array:
        """How each tool centre point is turned [count, 4]."""
        return quaternions(self._hand[1][:, self._tcp])

    @property
    def joints(self) -> Array:
        """Joint angles [count, 7], rad."""
        angles: Array = self._qpos[:, :7].copy()
        return angles

    @property
    def opening(self) -> Array:
        """Metres between the pads [count]."""
        first, second = self._fingers
        gap: Array = self._qpos[:, first] + self._qpos[:, second] + PAD_GAP
        return gap

    def poses(self) -> Array:
        """True pose of every body [count, bodies, 7]: position m, quaternion."""
        position, quaternion = self._poses
        return np.concatenate([position[:, self._ids], quaternion[:, self._ids]], axis=2)

    def touched(self, row: int) -> bool:
        """Whether a finger pad touches a movable or sliding body in one copy."""
        pairs = self._batch.get_data(row, self._scratch).contact.geom  # [contacts, 2]
        hit = pairs[np.isin(pairs, self._pads).any(axis=1)]
        return bool(np.isin(hit, self._graspable).any())

    def render(self, camera: str, row: int) -> Image:
        """A policy camera's picture of one copy, uint8 [128, 128, 3]."""
        return self._cameras[camera].picture(self._batch.get_data(row, self._scratch))

    def film(self, row: int) -> Image:
        """A prettier picture of one copy, uint8 [360, 480, 3]; only where ``video`` was asked for."""
        assert self._film is not None
        return self._film.picture(self._batch.get_data(row, self._scratch))

    def close(self) -> None:
        for drawer in (*self._cameras.values(), *([self._film] if self._film else ())):
            drawer.close()

    def _put(self, row: int, body: Body, poses: Mapping[str, Pose]) -> None:
        pose = poses[body.name]
        if body.movable or (body.mount and body.mount.travel):
            address = int(self._model.joint(body.name).qposadr[0])
        if body.movable:
            self._qpos[row, address : address + 3] = pose.position
            self._qpos[row, address + 3 : address + 7] = pose.quaternion
        elif body.mount is None:
            mocap = self._model.body(body.name).mocapid[0]
            self._mocap[0][row, mocap], self._mocap[1][row, mocap] = pose.position, pose.quaternion
        elif body.mount.travel:
            self._qpos[row, address] = slid(body.mount, poses[body.mount.on], pose)
