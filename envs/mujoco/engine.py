"""The MuJoCo engine: 20 substeps of 2.5 ms a control step, servo targets interpolated over them.

A target that jumps every 50 ms makes the cube slip by millimetres in the hand; an interpolated one by tenths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.cameras import FIXED
from envs.engine import MAX_OPENING
from envs.mujoco.kinematics import ArmKinematics
from envs.mujoco.model import TIMESTEP, scene_model
from envs.mujoco.picture import Film, PolicyCamera
from envs.panda import FINGERS, HOME, PAD_GAP, PADS
from nsctl.errors import InvalidValue
from nsctl.geometry import slid
from nsctl.scene import CONTROL_HZ, Array, Body, Image, Pose

SUBSTEPS = round(1 / (CONTROL_HZ * TIMESTEP))
_RAMP = np.arange(1, SUBSTEPS + 1)[:, None] / SUBSTEPS  # [SUBSTEPS, 1]
_STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)


class MujocoEngine:
    """A Panda at a table in MuJoCo. See :class:`envs.engine.Engine` for what each method must do."""

    name = "mujoco"

    def __init__(self, bodies: Sequence[Body], cameras: tuple[str, ...] = (), *, video: bool = False) -> None:
        self._bodies = {body.name: body for body in bodies}
        self._model = scene_model(bodies)
        self._data = mujoco.MjData(self._model)
        self._arm = ArmKinematics()
        self._tcp = self._model.site("tcp").id
        self._fingers = [int(self._model.joint(f).qposadr[0]) for f in FINGERS]
        self._ids = {name: self._model.body(name).id for name in self._bodies}
        graspable = [b.name for b in bodies if b.movable or b.mount]
        self._names = {g: n for n in graspable for g in np.flatnonzero(self._model.geom_bodyid == self._ids[n])}
        self._pads = [self._model.geom(f"{link} pad").id for link in PADS]
        self._first, self._altered = deepcopy(self._model), False
        self._film = Film(bodies) if video else None
        self._cameras = {name: PolicyCamera(self._model, name) for name in cameras}

    def reset(self, poses: Mapping[str, Pose]) -> None:
        self._undo_changes()
        mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[:7] = self._data.ctrl[:7] = HOME
        for address in self._fingers:
            self._data.qpos[address] = MAX_OPENING / 2
        self._data.ctrl[7] = MAX_OPENING / 2
        for name, pose in poses.items():
            mount = self._bodies[name].mount
            self._set_pose(name, pose, poses[mount.on] if mount else None)
        mujoco.mj_forward(self._model, self._data)

    def control(self, target: Pose, opening: float) -> None:
        start = self._data.ctrl[:7].copy()
        path = np.empty((SUBSTEPS, 8))
        path[:, :7] = start + _RAMP * (self._arm.solve(start, target) - start)
        path[:, 7] = min(max(opening, 0.0), MAX_OPENING) / 2  # at once: its force, not its path, is what grasps
        for targets in path:
            self._data.ctrl[:] = targets
            mujoco.mj_step(self._model, self._data)

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
        return {name: Pose(self._data.xpos[i], self._data.xquat[i]) for name, i in self._ids.items()}

    def touched(self) -> frozenset[str]:
        pairs = self._data.contact.geom  # [contacts, 2]
        hit = pairs[np.isin(pairs, self._pads).any(axis=1)]
        return frozenset(self._names[g] for g in hit.flat if g in self._names)

    def place(self, name: str, pose: Pose) -> None:
        self._require_movable(name)
        self._set_pose(name, pose)
        mujoco.mj_forward(self._model, self._data)

    def push(self, name: str, velocity: Sequence[float]) -> None:
        self._require_movable(name)
        self._data.joint(name).qvel[:3] = velocity

    def alter(self, name: str, *, friction: float = 1.0, mass: float = 1.0) -> None:
        self._require_movable(name)
        body, geom = self._ids[name], self._model.geom(name).id
        self._model.geom_friction[geom, 0] = self._first.geom_friction[geom, 0] * friction
        self._model.body_mass[body] = self._first.body_mass[body] * mass
        self._model.body_inertia[body] = self._first.body_inertia[body] * mass
        mujoco.mj_setConst(self._model, mujoco.MjData(self._model))
        self._altered = True

    def move_camera(self, name: str, shift: Sequence[float]) -> None:
        if name not in FIXED:
            raise InvalidValue(f"camera {name!r} stands nowhere fixed; these do: {', '.join(FIXED)}")
        self._model.camera(name).pos = np.add(self._first.camera(name).pos, shift)
        self._altered = True

    def numbers(self) -> Array:
        return np.concatenate([self._data.qpos, self._data.qvel, self._data.mocap_pos.flat, self._data.mocap_quat.flat])

    def save(self) -> NDArray[np.float64]:
        state = np.empty(mujoco.mj_stateSize(self._model, _STATE))
        mujoco.mj_getState(self._model, self._data, state, _STATE)
        return state

    def restore(self, state: NDArray[np.float64]) -> None:
        expected = mujoco.mj_stateSize(self._model, _STATE)
        if state.shape != (expected,):
            raise InvalidValue(f"a state of this scene has {expected} numbers, got shape {state.shape}")
        mujoco.mj_resetData(self._model, self._data)
        mujoco.mj_setState(self._model, self._data, state, _STATE)
        mujoco.mj_forward(self._model, self._data)
        # mj_forward fills in what mj_setState leaves stale, and so moves the warm start of the solver: put it back.
        mujoco.mj_setState(self._model, self._data, state, _STATE)

    def render(self, camera: str) -> Image:
        if camera not in self._cameras:
            raise InvalidValue(
                f"camera {camera!r} was not asked for; this world has: {', '.join(self._cameras) or 'none'}"
            )
        return self._cameras[camera].picture(self._data)

    def film(self) -> Image:
        if self._film is None:
            raise InvalidValue("this world was made without video: make it with video=True")
        return self._film.picture(self._data)

    def describe(self) -> Mapping[str, Any]:
        return {"name": self.name, "mujoco": mujoco.__version__, "timestep": TIMESTEP, "substeps": SUBSTEPS}

    def close(self) -> None:
        for camera in self._cameras.values():
            camera.close()
        if self._film is not None:
            self._film.close()

    def _undo_changes(self) -> None:
        if self._altered:
            for field in ("geom_friction", "body_mass", "body_inertia", "cam_pos"):
                getattr(self._model, field)[:] = getattr(self._first, field)
            mujoco.mj_setConst(self._model, mujoco.MjData(self._model))
            self._altered = False

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

    def _require_movable(self, name: str) -> None:
        if name not in self._bodies or not self._bodies[name].movable:
            movable = ", ".join(n for n, b in self._bodies.items() if b.movable)
            raise InvalidValue(f"{name!r} cannot be moved; these can: {movable}")
