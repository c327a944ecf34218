"""The PyBullet engine: 12 substeps of 1/240 s a control step, on the same arm and with the same joint targets as MuJoCo."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import envs.mujoco  # noqa: F401  (it chooses how MuJoCo draws, before the kinematics import MuJoCo)
from envs.engine import MAX_OPENING, asked_for, require_fixed, require_movable, required_film
from envs.mujoco.kinematics import ArmKinematics
from envs.panda import HOME
from envs.pybullet.client import Client
from envs.pybullet.picture import Film, PolicyCamera
from envs.pybullet.scene import Scene
from envs.pybullet.work import MotorWork
from nsctl.errors import InvalidValue, NoWindow
from nsctl.records import RobotWork
from nsctl.scene import CONTROL_HZ, Array, Body, Image, Pose

SUBSTEPS = 12
PERIOD = 1 / CONTROL_HZ
TIMESTEP = PERIOD / SUBSTEPS
_SOLVER = {"numSolverIterations": 50, "solverResidualThreshold": 1e-5}
"""The contact solver stops early where its steps become small: half the time, and still 0.2 mm of sag in the arm."""
_TOUCH = 0.0005
"""Metres between two that touch; PyBullet lists contacts long before they close."""


@dataclass(frozen=True, eq=False)
class SavedState:
    """A moment of one engine: PyBullet's own (in its memory for as long as this lives), and what that leaves out."""

    engine: PyBulletEngine
    number: int
    targets: Array
    """Joint targets [7], rad."""
    changes: Mapping[str, tuple[float, float]]
    """Body -> factors of friction and mass."""
    shifts: Mapping[str, Array]
    """Camera -> how far it stands from its place [3], m."""


class PyBulletEngine:
    """A Panda at a table in PyBullet. See :class:`envs.engine.Engine` for what each method must do."""

    name = "pybullet"

    def __init__(self, bodies: Sequence[Body], cameras: tuple[str, ...] = (), *, video: bool = False) -> None:
        self._scene = Scene(bodies)
        self._bodies, self._client, self._arm = self._scene.bodies, self._scene.client, self._scene.arm
        self._client.setPhysicsEngineParameter(fixedTimeStep=PERIOD, deterministicOverlappingPairs=1, **_SOLVER)
        self._work = MotorWork(7, SUBSTEPS, TIMESTEP)
        self._client.setGravity(0, 0, -9.81)
        self._kinematics, self._targets = ArmKinematics(), np.array(HOME)
        parts = self._scene.parts.items()
        self._graspable = {(p.tree, p.link): n for n, p in parts if self._bodies[n].movable or self._bodies[n].mount}
        self._changes: Mapping[str, tuple[float, float]] = {}
        self._first = self._client.saveState()
        self._cameras = {name: PolicyCamera(self._scene, name) for name in cameras}
        self._film = Film(bodies) if video else None

    def reset(self, poses: Mapping[str, Pose]) -> None:
        self._change({})
        for camera in self._cameras.values():
            camera.shift = np.zeros(3)
        self._scene.forget_contacts()
        self._client.restoreState(self._first)
        self._targets = np.array(HOME)
        self._arm.home()
        self._scene.arrange(poses)
        self._work.forget()

    def control(self, target: Pose, opening: float) -> None:
        start, self._targets = self._targets, self._kinematics.solve(self._targets, target)
        self._arm.drive(start, self._targets, min(max(opening, 0.0), MAX_OPENING))
        before = self._arm.states
        self._step(1)
        first = self._arm.joint_states()
        self._step(SUBSTEPS - 1)
        # PyBullet takes a motor's largest impulse to be its force times the time step that is set when it is driven.
        self._client.setTimeStep(PERIOD)
        self._arm.look_again()
        self._work.add(before, first, self._arm.states)

    @property
    def work(self) -> RobotWork:
        return self._work.total

    def forget_work(self) -> None:
        self._work.forget()

    @property
    def tcp(self) -> Pose:
        return self._arm.tcp

    @property
    def joints(self) -> Array:
        return self._arm.axes[:7]

    @property
    def opening(self) -> float:
        return self._arm.opening

    def poses(self) -> Mapping[str, Pose]:
        return self._scene.poses()

    def touched(self) -> frozenset[str]:
        near = [p for pad in self._arm.pads for p in self._client.getContactPoints(self._arm.tree, linkIndexA=pad)]
        hit = [(point[2], point[4]) for point in near if point[8] < _TOUCH]
        return frozenset(self._graspable[part] for part in hit if part in self._graspable)

    def place(self, name: str, pose: Pose) -> None:
        require_movable(name, self._bodies)
        self._scene.put(name, pose)

    def push(self, name: str, velocity: Sequence[float]) -> None:
        require_movable(name, self._bodies)
        tree = self._scene.parts[name].tree
        self._client.resetBaseVelocity(tree, list(velocity), self._client.getBaseVelocity(tree)[1])

    def alter(self, name: str, *, friction: float = 1.0, mass: float = 1.0) -> None:
        require_movable(name, self._bodies)
        self._change({**self._changes, name: (friction, mass)})

    def move_camera(self, name: str, shift: Sequence[float]) -> None:
        require_fixed(name)
        if name in self._cameras:
            self._cameras[name].shift = np.array(shift, dtype=np.float64)

    def numbers(self) -> Array:
        return self._scene.numbers()

    def save(self) -> SavedState:
        shifts = {name: camera.shift for name, camera in self._cameras.items()}
        state = SavedState(self, self._client.saveState(), self._targets.copy(), self._changes, shifts)
        weakref.finalize(state, _forget, self._client, state.number)
        return state

    def restore(self, state: SavedState) -> None:
        if not isinstance(state, SavedState) or state.engine is not self:
            raise InvalidValue("a state can only be restored in the engine that saved it")
        self._change(state.changes)
        self._scene.forget_contacts()
        self._client.restoreState(state.number)
        self._client.performCollisionDetection()  # meets again who touches now,
        self._client.restoreState(state.number)  # and this puts back what they knew of one another
        self._arm.look_again()
        self._targets = state.targets.copy()
        for name, shift in state.shifts.items():
            self._cameras[name].shift = shift

    def render(self, camera: str) -> Image:
        return asked_for(camera, self._cameras).picture()

    def film(self) -> Image:
        return required_film(self._film).picture(self._scene)

    def show(self) -> bool:
        raise NoWindow("the engine 'pybullet' has no window: film it, or watch on the engine 'mujoco'")

    def describe(self) -> Mapping[str, Any]:
        return {"name": self.name, "pybullet": self._client.version, "timestep": TIMESTEP, "substeps": SUBSTEPS}

    def close(self) -> None:
        self._client.close()
        if self._film is not None:
            self._film.close()

    def _step(self, substeps: int) -> None:
        self._client.setPhysicsEngineParameter(fixedTimeStep=substeps * TIMESTEP, numSubSteps=substeps)
        self._client.stepSimulation()

    def _change(self, wanted: Mapping[str, tuple[float, float]]) -> None:
        for name in sorted({*self._changes, *wanted}):
            self._scene.change(name, *wanted.get(name, (1.0, 1.0)))
        self._changes = dict(wanted)


def _forget(client: Client, number: int) -> None:
    if not client.closed:
        client.removeState(number)
