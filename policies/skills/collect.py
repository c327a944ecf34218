"""Collects trajectories for a skill: demonstrations by the teacher, or the learner's own with the teacher's answers.

Each episode is one legal move of a few discs of any size, from a random arm pose. What the hand does is disturbed (noise
that shrinks near contact, and now and then a few random actions), what is written down beside it is what the teacher
would do there: so the data holds the way back from mistakes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nsctl import registry
from nsctl.contracts import SuiteOptions, World
from nsctl.errors import InvalidValue
from nsctl.formulas import plain_literals
from nsctl.metering import process_joules
from nsctl.scene import Action, SceneEstimate, hold_still, make_action
from nsctl.symbolic import PlanStep
from policies.perception.geometric import GeometricGrounder
from policies.perception.tracker import TrackerPerception
from policies.skills.config import CONTROLS
from policies.skills.execution import RULES, TIME_LIMIT
from policies.skills.neural import NeuralExecution, NeuralSkill
from policies.skills.scripted import TEACHERS
from policies.skills.situation import Situation, goal_of, situate

Floats = NDArray[np.float32]
Kind = Literal["demo", "dagger", "check"]

SIZES = list(combinations(range(1, 7), 3))
POSE_NOISE = (0.001, 0.002)
"""Metres of tracker noise, by turns."""
KICKS = {"demo": 0.3, "dagger": 0.15, "check": 0.0}
"""Share of episodes in which the hand is kicked off course once."""
AFTERGLOW = 4
"""Steps that an episode goes on after the effect holds, so that its end is in the data."""


@dataclass(frozen=True)
class Job:
    """One episode to collect. ``weights`` is a folder with the learner, for all kinds but demonstrations."""

    operator: str
    kind: Kind
    seed: int
    episode: int
    weights: Path | None = None


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
    """Whether a skill did its work, judged by the truth; ``None`` if the scripted preparation failed already."""

    success: bool | None
    cpu_joules: float


def collect(job: Job) -> Trajectory | None:
    """Play one episode for the data; ``None`` if the scripted preparation already failed."""
    before = process_joules()
    stage, rng = _stage(job)
    if stage is None:
        return None
    features, labels, ends, success = _play(job, stage, rng)
    spent = process_joules() - before
    return Trajectory(np.array(features), np.array(labels), np.array(ends, dtype=np.float32), success, spent)


def check(job: Job) -> Verdict:
    """Play one episode with the skill as it ships: its own termination, and the truth to judge by.

    A pick has succeeded when half a second later the disc hangs in the hand two centimetres above where it lay, a place
    when the task says that the move is made.
    """
    before = process_joules()
    stage, _ = _stage(job)
    if stage is None or job.weights is None:
        return Verdict(None, process_joules() - before)
    execution = _skill(job.operator, job.weights).begin(stage.steps[job.operator], stage.scene)
    while execution.status == "running" and not stage.over:
        stage.act(execution.act(stage.scene))
    stage.wait()
    done = stage.lifted() if job.operator == "pick" else stage.achieved
    return Verdict(done and execution.status == "succeeded", process_joules() - before)


def _stage(job: Job) -> tuple[Stage | None, np.random.Generator]:
    rng = np.random.default_rng([job.seed, job.episode, sum(map(ord, job.operator + job.kind))])
    stage = Stage(job.seed + {"demo": 0, "dagger": 1, "check": 2}[job.kind], job.episode)
    if job.operator == "place" and not stage.pick():
        return None, rng
    stage.wander(rng, holding=job.operator == "place")
    return stage, rng


class Stage:
    """A move task with its arm brought to where a skill may be asked to begin."""

    def __init__(self, seed: int, episode: int) -> None:
        noise = POSE_NOISE[episode // len(SIZES) % len(POSE_NOISE)]  # every size meets every noise
        self._world = _world(SIZES[episode % len(SIZES)], noise)
        self._perception = TrackerPerception()
        observation = self._world.reset(seed, episode)
        self._perception.begin(self._world.task.brief())
        self.scene: SceneEstimate = self._perception(observation)
        self.steps = {step.operator: step for step in _move(self._world, self.scene)}
        self._lay = self._world.truth()[self._disc].position[2]

    @property
    def over(self) -> bool:
        return self._world.over

    @property
    def achieved(self) -> bool:
        return self._world.success_at_end

    @property
    def _disc(self) -> str:
        return self.steps["pick"].arguments[0]

    def lifted(self) -> bool:
        """Whether the disc truly hangs in the hand, two centimetres or more above where it lay."""
        disc = self._world.truth()[self._disc].position
        return bool(disc[2] > self._lay + 0.02 and np.linalg.norm(disc - self.scene.proprio.tcp.position) < 0.02)

    def wait(self) -> None:
        """Stand still for half a second and a little."""
        for _ in range(12):
            if not self.over:
                self.act(hold_still(self.scene.proprio.gripper_command))

    def act(self, action: Action) -> SceneEstimate:
        self.scene = self._perception(self._world.step(action))
        return self.scene

    def pick(self) -> bool:
        """Let the teacher pick the disc."""
        goal = goal_of(self.steps["pick"], self.scene)
        for _ in range(TIME_LIMIT):
            situation = situate(goal, self.scene)
            if RULES["pick"].effect(situation):
                return True
            self.act(TEACHERS["pick"](situation))
        return False

    def wander(self, rng: np.random.Generator, *, holding: bool) -> None:
        """Bring the hand towards a random pose above everything, for a random while."""
        goal = goal_of(self.steps["place" if holding else "pick"], self.scene)
        spot = rng.uniform([0.36, -0.30, goal.travel - 0.01], [0.64, 0.30, max(0.42, goal.travel)])
        turn, gripper = rng.uniform(-0.25, 0.25), 1.0 if holding else rng.choice([-1.0, -1.0, 0.0, 1.0])
        for _ in range(int(rng.integers(0, 14))):
            situation = situate(goal, self.scene)
            way = spot - self.scene.proprio.target.position
            way[:2] *= situation.climb_commanded < 0.02  # first up, then sideways
            self.act(make_action(0.4 * way, turn, gripper))


def controls(action: Action) -> Floats:
    """x, y, z, yaw and gripper of an action, float32 [5]."""
    return action[CONTROLS]


def _play(job: Job, stage: Stage, rng: np.random.Generator) -> tuple[list[Floats], list[Floats], list[bool], bool]:
    step, rules, teacher = stage.steps[job.operator], RULES[job.operator], TEACHERS[job.operator]
    goal, learner = goal_of(step, stage.scene), _Learner(job, step, stage.scene)
    kick = _Kick(rng, KICKS[job.kind])
    features: list[Floats] = []
    labels: list[Floats] = []
    ends: list[bool] = []
    for t in range(TIME_LIMIT):
        situation = situate(goal, stage.scene)
        wanted = teacher(situation)
        features.append(situation.features())
        labels.append(controls(wanted))
        ends.append(rules.effect(situation))
        if (all(ends[-AFTERGLOW:]) and len(ends) >= AFTERGLOW) or stage.over or rules.hopeless(situation):
            break
        action = _noisy(wanted, situation, rng) if job.kind == "demo" else learner.act(situation)
        stage.act(kick.at(t, action))
    return features, labels, ends, any(ends) if job.operator == "pick" else any(ends) or stage.achieved


class _Learner:
    """The learner in one episode; none in a demonstration."""

    def __init__(self, job: Job, step: PlanStep, scene: SceneEstimate) -> None:
        self._skill = _skill(job.operator, job.weights) if job.weights else None
        self._execution = NeuralExecution(step, scene, self._skill) if self._skill else None

    def act(self, situation: Situation) -> Action:
        if self._skill is None or self._execution is None:
            raise InvalidValue("a demonstration has no learner to ask")
        return self._skill.decide([self._execution], [situation])[0][0]


class _Kick:
    """A few random actions in a row, once, with a probability."""

    def __init__(self, rng: np.random.Generator, chance: float) -> None:
        self._rng = rng
        start = int(rng.integers(0, 35)) if rng.random() < chance else TIME_LIMIT
        self._span = range(start, start + int(rng.integers(2, 6)))
        self._push = np.array([*rng.uniform(-0.6, 0.6, 3), 0, 0, rng.uniform(-0.4, 0.4), 0], dtype=np.float32)
        self._gripper = (None, None, -1.0, 1.0)[rng.integers(4)]

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


def _move(world: World, scene: SceneEstimate) -> list[PlanStep]:
    """The pick and the place that make the task's one move."""
    domain = registry.load("planners", "clingo")().domain(world.task.domain_pddl)
    problem = world.task.brief().problem(domain)
    now = GeometricGrounder()(scene, problem)
    (onto,) = (goal.atom for goal in plain_literals(world.task.goal) if goal.atom not in now)
    (at,) = (atom for atom in now if atom.predicate == "on" and atom.arguments[0] == onto.arguments[0])
    return [domain.operator("pick").ground(at.arguments), domain.operator("place").ground(onto.arguments)]


@cache
def _world(discs: tuple[int, ...], noise: float) -> World:
    suite = registry.load("envs", "move")()
    return suite.world(suite.task("move-" + "".join(map(str, discs))), SuiteOptions(pose_noise=noise))  # type: ignore[no-any-return]


@cache
def _skill(operator: str, folder: Path) -> NeuralSkill:
    return NeuralSkill(operator, folder)
