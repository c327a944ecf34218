"""A task on an engine: it steps, shows itself through sensors, and judges success from the truth."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from envs.cameras import POLICY
from envs.disturbances import Disturbances, disturbances_of
from envs.engine import MAX_OPENING, Engine
from envs.sensors import Sensors
from envs.starts import replaced, streams
from nsctl import registry
from nsctl.contracts import SuiteOptions
from nsctl.errors import EpisodeError, InvalidValue, UnknownName
from nsctl.geometry import from_rotation_vector, multiply
from nsctl.records import RobotWork
from nsctl.scene import (
    ACTION_SIZE,
    MAX_ROTATION,
    MAX_TRANSLATION,
    Action,
    Channel,
    Image,
    Observation,
    Pose,
    Proprioception,
    require_scene,
)
from nsctl.task import Task

STABLE_STEPS = 10
"""Control steps (half a second) that success must last, with no finger on a body, before it counts; likewise a breach."""
PATIENCE = 40
"""Control steps of success after which an episode ends although the agent has not said that it is done."""
SETTLING_STEPS = 6
WORKSPACE = np.array([[0.25, -0.45, 0.005], [0.75, 0.45, 0.60]])
"""The box that the commanded tool centre point is kept in: low and high corner [m]."""
MAX_LEAD = 0.15
"""Metres that the commanded point may run ahead of the measured one along an axis."""


class TableWorld:
    """A table, an arm and a task. See :class:`nsctl.contracts.World`."""

    def __init__(self, task: Task, options: SuiteOptions) -> None:
        if unknown := [name for name in options.cameras if name not in POLICY]:
            raise UnknownName("camera", unknown[0], POLICY)
        require_scene(task.bodies)
        self.task = task
        self._options = options
        self._engine: Engine = registry.load("engines", options.engine)(
            task.bodies, options.cameras, video=options.video
        )
        self._sensors = Sensors(options.pose_noise)
        self.channels: Mapping[str, Channel] = {
            "proprio": self._sensors.channel,
            **({"objects": self._sensors.channel} if options.objects else {}),
            **({"images": "pixels"} if options.cameras else {}),
        }
        self.initial_hash = ""
        self._target = Pose(np.array([0.4, 0.0, 0.4]))
        self._gripper = -1.0
        self._disturbed = Disturbances()
        self._ready = False
        self._start_counting()

    def reset(self, seed: int, episode: int, given: Mapping[str, Pose] | None = None) -> Observation:
        """Begin an episode; bodies whose pose is ``given`` start there, the others where the task's draw puts them."""
        self._ready = False
        start, sensing, disturbing, wording = streams(self.task, seed, episode)
        self._disturbed = Disturbances()
        drawn = self.task.sample(np.random.default_rng(start)).poses
        self._engine.reset(replaced(self.task.bodies, drawn, given) if given else drawn)
        self.task.phrase(np.random.default_rng(wording))
        self._target, self._gripper = self._engine.tcp, -1.0
        for _ in range(SETTLING_STEPS):
            self._drive()
        if hasattr(self._engine, "forget_work"):
            self._engine.forget_work()  # an episode begins when the arm has settled
        self._sensors.reset([body.name for body in self.task.bodies], np.random.default_rng(sensing))
        self._start_counting()
        self._ready = True
        self.initial_hash = self.state_hash()
        self._disturbed = disturbances_of(self._options.disturb, self.task, self._engine, disturbing)
        self._disturbed.begin()
        return self._observe(self._engine.poses())

    def step(self, action: Action) -> Observation:
        if not self._ready or self.over:
            raise EpisodeError("the episode is over (or never began): call reset() before step()")
        command = np.asarray(action, dtype=np.float64)
        if command.shape != (ACTION_SIZE,) or not np.isfinite(command).all():
            raise InvalidValue(f"an action is {ACTION_SIZE} finite numbers in [-1, 1], got {action!r}")
        self._disturbed.before_step(self._steps)
        self._command(self._disturbed.command(np.clip(command, -1.0, 1.0)))
        self._steps += 1
        truth = self._engine.poses()
        self._judge(truth)
        return self._observe(truth)

    def conclude(self) -> None:
        for _ in range(STABLE_STEPS):
            self._drive()
            self._judge(self._engine.poses())

    @property
    def over(self) -> bool:
        return self._stable >= PATIENCE or bool(self.violation) or self._steps >= self.task.horizon

    @property
    def success_once(self) -> bool:
        return self._once

    @property
    def success_at_end(self) -> bool:
        return self._stable >= STABLE_STEPS and not self.violation

    @property
    def disturbances(self) -> Sequence[Mapping[str, Any]]:
        return tuple(self._disturbed.events)

    @property
    def robot_work(self) -> RobotWork | None:
        return getattr(self._engine, "work", None)

    def state_hash(self) -> str:
        return hashlib.sha256(self._engine.numbers().tobytes()).hexdigest()[:16]

    def truth(self) -> Mapping[str, Pose]:
        return self._engine.poses()

    def render(self) -> Image:
        return self._engine.film()

    def show(self) -> bool:
        return self._engine.show()

    def describe(self) -> Mapping[str, Any]:
        return {
            **self._engine.describe(),
            "channels": dict(self.channels),
            "sensors": {"noise_m": self._sensors.noise, "what": "simulated pose tracker and joint encoders"},
            "stable_steps": STABLE_STEPS,
            "patience_steps": PATIENCE,
            "disturb": [str(disturbance) for disturbance in self._options.disturb],
        }

    def close(self) -> None:
        self._engine.close()
        self._ready = False

    def _start_counting(self) -> None:
        """Forget the last episode."""
        self._steps, self._stable, self._once = 0, 0, False
        self._breach, self._breached, self.violation = "", 0, ""

    def _command(self, action: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        measured = self._engine.tcp.position
        wanted = self._target.position + action[:3] * MAX_TRANSLATION
        position = np.clip(np.clip(wanted, measured - MAX_LEAD, measured + MAX_LEAD), *WORKSPACE)
        turn = from_rotation_vector(action[3:6] * MAX_ROTATION)
        self._target = Pose(position, multiply(turn, self._target.quaternion))
        self._gripper = float(action[6])
        self._drive()

    def _drive(self) -> None:
        """One control step towards what is commanded."""
        opening = self._disturbed.opening(MAX_OPENING * (1.0 - self._gripper) / 2)
        self._engine.control(self._target, opening)

    def _judge(self, truth: Mapping[str, Pose]) -> None:
        achieved = self.task.achieved(truth)
        self._once = self._once or achieved
        self._stable = self._stable + 1 if achieved and not self._engine.touched() else 0
        breach = self.task.broken_rule(truth)
        self._breached = (self._breached + 1 if breach == self._breach else 1) if breach else 0
        self._breach = breach
        if self._breached >= STABLE_STEPS:
            self.violation = self.violation or breach

    def _observe(self, truth: Mapping[str, Pose]) -> Observation:
        joints, tcp, opening = self._sensors.feel(self._engine.joints, self._engine.tcp, self._engine.opening)
        proprio = Proprioception(joints, tcp, self._target, opening, self._gripper)
        drawn = self._options.cameras if self._steps % self._options.pictures_every == 0 else ()
        images = {name: self._engine.render(name) for name in drawn} or None
        poses = self._disturbed.read(self._sensors.read(truth))
        shown, sigma = (poses, self._sensors.sigma) if self._options.objects else (None, 0.0)
        return Observation(proprio, self.task.instruction, self.channels, shown, sigma, images)
