"""The MuJoCo engine: 20 substeps of 2.5 ms a control step, servo targets interpolated over them.

A target that jumps every 50 ms makes the cube slip by millimetres in the hand; an interpolated one by tenths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from envs.engine import MAX_OPENING, asked_for, require_fixed, require_movable, required_film
from envs.mujoco.kinematics import ArmKinematics
from envs.mujoco.model import TIMESTEP, scene_model
from envs.mujoco.picture import Film, PolicyCamera
from envs.mujoco.window import Window
from envs.mujoco.work import ServoWork, raw
from envs.panda import FINGERS, HOME, PAD_GAP, PADS
from nsctl.errors import InvalidValue
from nsctl.geometry import slid
from nsctl.records import RobotWork
from nsctl.scene import CONTROL_HZ, Array, Body, Image, Pose

SUBSTEPS = round(1 / (CONTROL_HZ * TIMESTEP))
_RAMP = np.arange(1, SUBSTEPS + 1)[:, None] / SUBSTEPS  # [SUBSTEPS, 1]
_ALTERED = ("geom_friction", "body_mass", "body_inertia", "cam_pos")
"""The parts of a model that :meth:`MujocoEngine.alter` and :meth:`MujocoEngine.move_camera` write to."""


@dataclass(frozen=True, eq=False)
class SavedState:
    """A moment of a scene."""

    data: mujoco.MjData
    changes: Mapping[str, Array]
    """What had been altered of the model; empty if nothing had."""


class MujocoEngine:
    """A Panda at a table in MuJoCo. See :class:`envs.engine.Engine` for what each method must do."""

    name = "mujoco"

    def __init__(self, bodies: Sequence[Body], cameras: tuple[str, ...] = (), *, video: bool = False) -> None:
        self._bodies = {body.name: body for body in bodies}
        self._model = scene_model(bodies)
        self._data = mujoco.MjData(self._model)
        self._arm, self._work = ArmKinematics(), ServoWork(self._model, self._data, joints=7, substeps=SUBSTEPS)
        self._path = np.empty((SUBSTEPS, 8))
        self._targets, self._command = [raw(row) for row in self._path], raw(self._data.ctrl)
        self._tcp = self._model.site("tcp").id
        self._fingers = [int(self._model.joint(f).qposadr[0]) for f in FINGERS]
        self._ids = {name: self._model.body(name).id for name in self._bodies}
        graspable = [b.name for b in bodies if b.movable or b.mount]
        self._names = {g: n for n in graspable for g in np.flatnonzero(self._model.geom_bodyid == self._ids[n])}
        self._pads = frozenset(self._model.geom(f"{link} pad").id for link in PADS)
        self._first, self._altered = deepcopy(self._model), False
        self._film = Film(bodies) if video else None
        self._window: Window | None = None
        self._cameras = {name: PolicyCamera(self._model, name) for name in cameras}

    def reset(self, poses: Mapping[str, Pose]) -> None:
        self._change({})
        mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[:7] = self._data.ctrl[:7] = HOME
        for address in self._fingers:
            self._data.qpos[address] = MAX_OPENING / 2
        self._data.ctrl[7] = MAX_OPENING / 2
        for name, pose in poses.items():
            mount = self._bodies[name].mount
            self._set_pose(name, pose, poses[mount.on] if mount else None)
        mujoco.mj_forward(self._model, self._data)
        self._work.forget()

    def control(self, target: Pose, opening: float) -> None:
        start, path = self._data.ctrl[:7].copy(), self._path
        path[:, :7] = start + _RAMP * (self._arm.solve(start, target) - start)
        path[:, 7] = min(max(opening, 0.0), MAX_OPENING) / 2  # at once: its force, not its path, is what grasps
        model, data, step, work, command = self._model, self._data, mujoco.mj_step, self._work, self._command
        velocity, force = work.velocity, work.force
        for targets, (velocities, forces) in zip(self._targets, work.begin(), strict=True):
            command[:] = targets
            step(model, data)
            velocities[:], forces[:] = velocity, force
        work.end()

    @property
    def work(self) -> RobotWork:
        return self._work.total

    def forget_work(self) -> None:
        self._work.forget()

    @property
    def tcp(self) -> Pose:
        quaternion = np.empty(4)
        mujoco.mju_mat2Quat(quaternion, self._data.site_xmat[self._tcp])
        return Pose(self._data.site_xpos[self._tcp], quaternion)

    @property
    def joints(self) -> Array:
        return np.array(self._data.qpos[:7])

    @property
    def opening(self) -> float:
        return float(sum(self._data.qpos[address] for address in self._fingers)) + PAD_GAP

    def poses(self) -> Mapping[str, Pose]:
        positions, quaternions = self._data.xpos, self._data.xquat
        return {name: Pose(positions[i], quaternions[i]) for name, i in self._ids.items()}

    def touched(self) -> frozenset[str]:
        pairs = self._data.contact.geom.tolist()  # [contacts, 2]
        hit = {g for pair in pairs if not self._pads.isdisjoint(pair) for g in pair}
        return frozenset(self._names[g] for g in hit if g in self._names)

    def place(self, name: str, pose: Pose) -> None:
        require_movable(name, self._bodies)
        self._set_pose(name, pose)
        mujoco.mj_forward(self._model, self._data)

    def push(self, name: str, velocity: Sequence[float]) -> None:
        require_movable(name, self._bodies)
        self._data.joint(name).qvel[:3] = velocity

    def alter(self, name: str, *, friction: float = 1.0, mass: float = 1.0) -> None:
        require_movable(name, self._bodies)
        body, geom = self._ids[name], self._model.geom(name).id
        self._model.geom_friction[geom, 0] = self._first.geom_friction[geom, 0] * friction
        self._model.body_mass[body] = self._first.body_mass[body] * mass
        self._model.body_inertia[body] = self._first.body_inertia[body] * mass
        mujoco.mj_setConst(self._model, mujoco.MjData(self._model))
        self._altered = True

    def move_camera(self, name: str, shift: Sequence[float]) -> None:
        require_fixed(name)
        place = np.add(self._first.camera(name).pos, shift)
        # Where bodies may sleep, MuJoCo computes what is fixed to the world at a reset and never again.
        self._model.camera(name).pos = self._data.camera(name).xpos = place
        self._altered = True

    def numbers(self) -> Array:
        d = self._data  # how long a body has lain still decides when it falls asleep, so it is part of the state
        return np.concatenate([d.qpos, d.qvel, d.mocap_pos.flat, d.mocap_quat.flat, d.tree_asleep])

    def save(self) -> SavedState:
        # MuJoCo's own state vector leaves out which bodies sleep: copy everything, which is as quick.
        data = mujoco.MjData(self._model)
        mujoco.mj_copyData(data, self._model, self._data)
        return SavedState(data, {f: getattr(self._model, f).copy() for f in _ALTERED} if self._altered else {})

    def restore(self, state: SavedState) -> None:
        data = state.data
        if data.qpos.shape != self._data.qpos.shape or data.mocap_pos.shape != self._data.mocap_pos.shape:
            raise InvalidValue(f"a state of this scene has {self._model.nq} positions, got one of {len(data.qpos)}")
        self._change(state.changes)
        mujoco.mj_copyData(self._data, self._model, data)

    def render(self, camera: str) -> Image:
        return asked_for(camera, self._cameras).picture(self._data)

    def film(self) -> Image:
        return required_film(self._film).picture(self._data)

    def show(self) -> bool:
        self._window = self._window or Window(self._model, self._data)
        return self._window.sync()

    def describe(self) -> Mapping[str, Any]:
        return {"name": self.name, "mujoco": mujoco.__version__, "timestep": TIMESTEP, "substeps": SUBSTEPS}

    def close(self) -> None:
        for camera in self._cameras.values():
            camera.close()
        for drawer in (self._film, self._window):
            if drawer is not None:
                drawer.close()

    def _change(self, wanted: Mapping[str, Array]) -> None:
        """Make the model as it was at first, but for what is ``wanted``."""
        if self._altered or wanted:
            for field in _ALTERED:
                getattr(self._model, field)[:] = wanted.get(field, getattr(self._first, field))
            mujoco.mj_setConst(self._model, mujoco.MjData(self._model))
            self._altered = bool(wanted)

    def _set_pose(self, name: str, pose: Pose, parent: Pose | None = None) -> None:
        body = self._bodies[name]
        if body.movable:
            joint = self._data.joint(name)
            joint.qpos[:3], joint.qpos[3:], joint.qvel[:] = pose.position, pose.quaternion, 0
        elif body.mount is None:
            mocap = self._model.body(name).mocapid[0]
            self._data.mocap_pos[mocap], self._data.mocap_quat[mocap] = pose.position, pose.quaternion
        elif body.mount.travel and parent is not None:
            self._data.joint(name).qpos[0] = slid(body.mount, parent, pose)
