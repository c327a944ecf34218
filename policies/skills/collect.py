"""Collects trajectories for a skill: demonstrations by the teacher, or the learner's own with the teacher's answers.

Each episode is one step of one operator, in some task, from a random arm pose. What the hand does is disturbed (noise that
shrinks near contact, and now and then a few random actions), and so is the world, by turns: the tracker errs, commands come
late, a body is pushed aside, a held one slips. What is written down is what the teacher would do at each moment of it: so
the data holds the way back from mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nsctl.contracts import Skill
from nsctl.errors import InvalidValue
from nsctl.metering import process_joules
from nsctl.scene import Action
from nsctl.symbolic import PlanStep
from policies.skills.config import CONTROLS, SkillNetworkConfig
from policies.skills.crafts import craft_of
from policies.skills.neural import NeuralExecution, NeuralSkill
from policies.skills.scripted import ScriptedSkill
from policies.skills.situation import Situation
from policies.skills.stage import TASKS, Conditions, Stage

Floats = NDArray[np.float32]
Kind = Literal["demo", "dagger", "check"]

CONDITIONS = (
    Conditions(0.001),
    Conditions(0.002),
    Conditions(0.003, ("lag:0.5",)),
    Conditions(0.002, ("push",)),
    Conditions(0.000, ("lag",)),
    Conditions(0.001, ("slip:2",)),
    Conditions(0.003),
    Conditions(0.002, ("lag:0.5", "push")),
)
"""What the world is like while data are collected, by turns."""
CHECKED = Conditions(0.002)
"""What it is like when a skill is checked."""
KICKS = {"demo": 0.3, "dagger": 0.15, "check": 0.0}
"""Share of episodes in which the hand is kicked off course once."""
AFTERGLOW = 4
"""Steps that an episode goes on after the effect holds, so that its end is in the data."""


@dataclass(frozen=True)
class Job:
    """One episode to collect or to check, which its ``seed``, ``kind``, operator and number decide alone.

    ``weights`` is a folder with the learner; without it the teacher plays. ``network`` says how its input is laid out.
    """

    operator: str
    kind: Kind
    seed: int
    episode: int
    weights: Path | None = None
    network: SkillNetworkConfig | None = None
    tasks: tuple[str, ...] = ()
    conditions: Conditions | None = None

    @property
    def task(self) -> str:
        among = self.tasks or TASKS[self.operator]
        return among[self.episode % len(among)]

    @property
    def key(self) -> tuple[int, ...]:
        """What decides all that is drawn; no two jobs share it."""
        return self.seed, crc32(self.kind.encode()), crc32(self.operator.encode()), self.episode

    def stage(self) -> Stage:
        """The stage of this episode."""
        among = len(self.tasks or TASKS[self.operator])
        turn = CONDITIONS[self.episode // among % len(CONDITIONS)]  # every task meets every condition
        return Stage(self.task, self.conditions or (CHECKED if self.kind == "check" else turn), self.operator, self.key)


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What happened in T steps."""

    features: Floats  # [T, F]
    labels: Floats  # [T, 5], the teacher's controls
    ends: Floats  # [T], 1 where the effect holds
    success: bool
    cpu_joules: float


@dataclass(frozen=True)
class Verdict:
    """Whether a skill did its work, judged by the truth; ``None`` if the stage could not be set.

    ``steps`` are its control steps and ``reason`` what the skill said when it failed.
    """

    success: bool | None
    cpu_joules: float
    steps: int = 0
    reason: str = ""
    task: str = ""


def collect(job: Job) -> Trajectory | None:
    """Play one episode for the data; ``None`` if the stage could not be set."""
    before = process_joules()
    stage = job.stage()
    if stage.step is None or stage.over:
        return None
    features, labels, ends = _play(job, stage, stage.step)
    spent = process_joules() - before
    return Trajectory(np.array(features), np.array(labels), np.array(ends, dtype=np.float32), any(ends), spent)


def check(job: Job) -> Verdict:
    """Play one episode with the skill as it ships: its own beginning and end, and the truth to judge by.

    It has succeeded if it says so and half a second later the step's effects hold, nothing else having been moved.
    """
    before = process_joules()
    stage, steps = job.stage(), 0
    if stage.step is None or stage.over:
        return Verdict(None, process_joules() - before)
    skill: Skill = _skill(job.operator, job.weights) if job.weights else ScriptedSkill(job.operator)
    execution = skill.begin(stage.step, stage.scene)
    while execution.status == "running":
        if stage.over and not stage.violation:
            return Verdict(None, process_joules() - before)  # the task's own end cut it short
        if stage.over:
            break
        stage.act(execution.act(stage.scene))
        steps += 1
    stage.wait()
    done = execution.status == "succeeded" and stage.achieved()
    reason = "" if done else execution.reason or stage.violation or "the effect does not hold"
    return Verdict(done, process_joules() - before, steps, reason, job.task)


def controls(action: Action) -> Floats:
    """x, y, z, yaw and gripper of an action, float32 [5]."""
    return action[CONTROLS]


def _play(job: Job, stage: Stage, step: PlanStep) -> tuple[list[Floats], list[Floats], list[bool]]:
    craft, network = craft_of(step.operator), job.network or SkillNetworkConfig((job.operator,))
    goal, learner = craft.goal_of(step, stage.scene), _Learner(job, step, stage)
    kick = _Kick(stage.rng, KICKS[job.kind])
    features: list[Floats] = []
    labels: list[Floats] = []
    ends: list[bool] = []
    for t in range(craft.rules.time_limit):
        moment = craft.situate(goal, stage.scene)
        wanted = craft.teacher(moment)
        features.append(network.encode(job.operator, moment.features()))
        labels.append(controls(wanted))
        ends.append(craft.rules.effect(moment))
        if (all(ends[-AFTERGLOW:]) and len(ends) >= AFTERGLOW) or stage.over or craft.rules.hopeless(moment):
            break
        action = _noisy(wanted, moment.hand, stage.rng) if job.kind == "demo" else learner.act(moment)
        stage.act(kick.at(t, action))
    return features, labels, ends


class _Learner:
    """The learner in one episode; none in a demonstration."""

    def __init__(self, job: Job, step: PlanStep, stage: Stage) -> None:
        self._skill = _skill(job.operator, job.weights) if job.weights else None
        self._execution = NeuralExecution(step, stage.scene, self._skill) if self._skill else None

    def act(self, moment: Any) -> Action:
        if self._skill is None or self._execution is None:
            raise InvalidValue("a demonstration has no learner to ask")
        return self._skill.decide([self._execution], [moment])[0][0]


class _Kick:
    """A few random actions in a row, once, with a probability; half of them push down, onto what may be under the hand."""

    def __init__(self, rng: np.random.Generator, chance: float) -> None:
        start = int(rng.integers(0, 45)) if rng.random() < chance else 10**6
        self._span = range(start, start + int(rng.integers(2, 6)))
        self._push = np.array([*rng.uniform(-0.6, 0.6, 3), 0, 0, rng.uniform(-0.4, 0.4), 0], dtype=np.float32)
        self._gripper = (None, None, -1.0, 1.0)[rng.integers(4)]
        if rng.random() < 0.5:
            self._push[2] = rng.uniform(-1.0, -0.5)

    def at(self, t: int, action: Action) -> Action:
        if t not in self._span:
            return action
        kicked = self._push.copy()
        kicked[6] = action[6] if self._gripper is None else self._gripper
        return kicked


def _noisy(action: Action, s: Situation, rng: np.random.Generator) -> Action:
    """Noise in the hand, weaker near contact."""
    scale = float(np.clip(np.linalg.norm(s.measured) / 0.10, 0.06, 1.0))
    noise = rng.normal(size=7) * [0.25 * scale, 0.25 * scale, 0.25 * scale, 0, 0, 0.08 * scale, 0]
    return np.clip(action + noise, -1, 1).astype(np.float32)


@cache
def _skill(operator: str, folder: Path) -> NeuralSkill:
    return NeuralSkill(operator, folder)
