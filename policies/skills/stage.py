"""Brings an arm in a task to where a skill may be asked to begin, and judges by the truth what came of it.

A stage draws episodes of a task until some step of the wanted operator is possible, lets the teachers prepare what must be
done before it (a place needs something in the hand), and moves the hand to a random pose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, combinations
from typing import Any

import numpy as np

from nsctl import registry, tasks
from nsctl.contracts import SuiteOptions, World
from nsctl.disturbance import parse
from nsctl.formulas import And, bindings, holds
from nsctl.geometry import gripper_yaw, wrap
from nsctl.scene import Action, Array, ObjectEstimate, SceneEstimate, hold_still, make_action
from nsctl.symbolic import Literal as Fact
from nsctl.symbolic import PlanStep, Problem, SymbolicState
from policies.perception.geometric import GeometricGrounder
from policies.perception.tracker import TrackerPerception
from policies.skills.crafts import craft_of
from policies.skills.room import TURN
from policies.skills.scripted import ScriptedSkill

MOVES = tuple("move-" + "".join(map(str, sizes)) for sizes in combinations(range(1, 7), 3))
"""One move with three of six sizes of disc."""
BLOCKS = ("stack-3", "sort-4", "unpack", "drawer-3", "stack-5", "sort-6", "unpack", "drawer-1", "stack-6", "sort-8")
DRAWERS = ("drawer-1", "drawer-2", "drawer-3")
TASKS: Mapping[str, tuple[str, ...]] = {
    "pick": tuple(chain.from_iterable(zip(MOVES, BLOCKS + BLOCKS, strict=True))),
    "place": tuple(chain.from_iterable(zip(MOVES, BLOCKS + BLOCKS, strict=True))),
    "stack": ("stack-3", "stack-4", "stack-5", "stack-6", "unpack"),
    "open": DRAWERS,
    "close": DRAWERS,
    "push": DRAWERS,
}
"""The tasks in which an operator is learnt and checked, by turns."""
WORK = {"place": ("place", "stack")}
"""Operators whose steps are all played as one."""
DRAWS = 60
"""Episodes that are drawn until one has a step of the wanted operator."""
DRIFT, TOPPLE = 0.012, 0.3
"""Metres and radians by which a bystander may be moved."""


@dataclass(frozen=True)
class Conditions:
    """The tracker's error [m] and what is done to the world on purpose."""

    pose_noise: float = 0.002
    disturb: tuple[str, ...] = ()
    engine: str = "mujoco"


class Stage:
    """A task, an episode of it, and one step of an operator that can begin. ``key`` decides all that is drawn.

    ``step`` is ``None`` where no draw had one or the preparation failed. ``holding`` says whether the hand holds its object.
    """

    def __init__(self, task: str, conditions: Conditions, operator: str, key: tuple[int, ...]) -> None:
        self.rng = np.random.default_rng(key)
        self._world = _world(task, conditions)
        self._problem = _problem(task)
        self._perception = TrackerPerception()
        self.operator, self.holding = operator, operator in ("place", "stack")
        self.step = self._drawn()
        if self.step is not None and not self.over:
            self._wander(self.step)
        self._before = self._world.truth()

    @property
    def over(self) -> bool:
        """Whether the episode has ended, so that nothing can be done in it any more."""
        return self._world.over

    @property
    def violation(self) -> str:
        """The rule of the task that was broken; empty if none was."""
        return self._world.violation

    def act(self, action: Action) -> SceneEstimate:
        self.scene = self._perception(self._world.step(action))
        return self.scene

    def wait(self) -> None:
        """Stand still for half a second and a little."""
        for _ in range(12):
            if not self.over:
                self.act(hold_still(self.scene.proprio.gripper_command))

    def achieved(self) -> bool:
        """Whether the step's effects truly hold, no rule of the task is broken and no bystander was moved."""
        assert self.step is not None  # nobody asks for a step that was not there
        truth = self._world.truth()
        problem = replace(self._problem, goal=tuple(map(Fact, self.step.adds)))
        state = GeometricGrounder()(self._true_scene(), problem)
        done = self.step.adds <= state.atoms and self.step.deletes.isdisjoint(state.atoms)
        return done and not self._world.violation and not any(self._moved(truth))

    def _moved(self, truth: Mapping[str, Any]) -> Iterator[bool]:
        """Whether each movable body was moved that the step does not speak of."""
        assert self.step is not None
        slides = self.step.operator in ("open", "close")  # what lies in a drawer goes with it
        for body in self._world.task.bodies:
            if body.movable and body.name not in self.step.arguments and not slides:
                was, now = self._before[body.name], truth[body.name]
                turned = 2 * np.arccos(np.clip(abs(was.quaternion @ now.quaternion), 0.0, 1.0))
                yield bool(np.linalg.norm(was.position - now.position) > DRIFT or turned > TOPPLE)

    def _true_scene(self) -> SceneEstimate:
        bodies = {body.name: body for body in self._world.task.bodies}
        truth = self._world.truth().items()
        return SceneEstimate(
            self.scene.proprio, {n: ObjectEstimate(bodies[n], pose, 0.0, "sim_truth") for n, pose in truth}
        )

    def _drawn(self) -> PlanStep | None:
        """A possible step of the operator, in an episode in which its preparation went well."""
        for _ in range(DRAWS):
            observation = self._world.reset(int(self.rng.integers(2**31)), 0)
            self._perception.begin(self._world.task.brief())
            self.scene = self._perception(observation)
            if self.rng.random() < 0.25 and not self._played("pick", "place"):
                continue
            if self.holding and not self._played("pick"):
                continue
            if step := self._some(WORK.get(self.operator, (self.operator,))):
                return step
        return None

    def _played(self, *operators: str) -> bool:
        """Let the teachers play some step of each operator in turn; says whether all could be and went well."""
        for operator in operators:
            step = self._some(WORK.get(operator, (operator,)))
            if step is None:
                return False
            execution = ScriptedSkill(step.operator).begin(step, self.scene)
            while execution.status == "running" and not self.over:
                self.act(execution.act(self.scene))
            if execution.status != "succeeded" or self.over:
                return False
        return True

    def _some(self, operators: tuple[str, ...]) -> PlanStep | None:
        """Some step of these operators that is possible now, and whose skill would begin."""
        state = GeometricGrounder()(self.scene, self._problem)
        able = [s for s in possible(self._problem, state, operators) if not craft_of(s.operator).refusal(s, self.scene)]
        return able[self.rng.integers(len(able))] if able else None

    def _wander(self, step: PlanStep) -> None:
        """Bring the hand towards a random pose above everything, for a random while."""
        craft = craft_of(step.operator)
        goal = craft.goal_of(step, self.scene)
        spot = self.rng.uniform([0.36, -0.30, goal.travel - 0.01], [0.64, 0.30, max(0.42, goal.travel)])
        turn, gripper = self.rng.uniform(-0.25, 0.25), 1.0 if self.holding else self.rng.choice([-1.0, -1.0, 0.0, 1.0])
        for _ in range(int(self.rng.integers(0, 14))):
            way: Array = spot - self.scene.proprio.target.position
            way[:2] *= craft.situate(goal, self.scene).hand.climb_commanded < 0.02  # first up, then sideways
            heading = gripper_yaw(self.scene.proprio.target.quaternion)
            if not self.over:
                self.act(make_action(0.4 * way, turn * (abs(wrap(heading + turn)) < TURN), gripper))


def possible(problem: Problem, state: SymbolicState, operators: tuple[str, ...]) -> list[PlanStep]:
    """Every ground step of these operators whose preconditions hold in ``state``, with its unconditional effects."""
    found = []
    for operator in problem.domain.operators:
        if operator.name not in operators:
            continue
        for binding in bindings(operator.parameters, problem.things, {}):
            if holds(And(operator.preconditions), state.atoms.__contains__, problem.things, binding):
                effects = tuple(e.substitute(binding) for e in operator.effects if isinstance(e, Fact))
                found.append(PlanStep(operator.name, tuple(binding.values()), effects=effects))
    return found


@cache
def _world(task: str, conditions: Conditions) -> World:
    options = SuiteOptions(conditions.engine, tuple(map(parse, conditions.disturb)), conditions.pose_noise)
    return tasks.suite_of(task).world(tasks.find(task), options)


@cache
def _problem(task: str) -> Problem:
    """The planning problem of a task; its goal, which an episode draws, is left out."""
    found = tasks.find(task)
    domain = registry.load("planners", "clingo")().domain(found.domain_pddl)
    whole = found.brief().problem(domain)
    return Problem(domain, whole.objects, whole.init, ())
