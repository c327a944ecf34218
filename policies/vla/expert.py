"""The expert that shows a network what to do, and says at any moment what it would do there.

It is made of the scripted agent's parts: the planner chooses the step from what holds now, the step's scripted teacher
gives the action. It differs from that agent in what would spoil an answer asked of it out of the blue: it does not pause to
look, it counts no failures, and it sees true poses. So its answer follows from the scene and the step under way alone,
which is what DAgger asks of an expert (Ross, Gordon and Bagnell, 2011).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nsctl import registry
from nsctl.outcomes import Solved
from nsctl.scene import Action, ObjectEstimate, Observation, Pose, SceneEstimate, hold_still
from nsctl.symbolic import Atom, Literal, PlanStep, Problem, SymbolicState
from nsctl.task import Brief
from policies.perception.geometric import GeometricGrounder
from policies.skills.crafts import TIME_LIMIT, craft_of
from policies.skills.situation import Moment
from policies.vla.episodes import Job

PLANNING_SECONDS = 20.0
LONGEST_MOVE = 4 * TIME_LIMIT
"""Control steps after which a move of a walk is given up, and the walk with it: usual are 50 to 80."""


@dataclass(frozen=True, eq=False)
class Advice:
    """What the expert says of one moment: its action, the step that this serves, and the state that it saw.

    ``plan`` has the steps to go, that one first; it is empty at the goal. ``moment`` is the step's view of the scene.
    ``begins`` says that the step was not under way a moment ago.
    """

    action: Action
    state: SymbolicState
    plan: tuple[PlanStep, ...]
    moment: Moment | None
    begins: bool

    @property
    def step(self) -> PlanStep | None:
        """The step under way."""
        return self.plan[0] if self.plan else None


def expert_of(job: Job, brief: Brief) -> Expert:
    """Who shows how to play the task that ``brief`` tells of, or how to walk about in it."""
    return Walker(brief, job.walk, job.rng.spawn(1)[0]) if job.walk else Expert(brief)


class Expert:
    """Plays one episode of the task that ``brief`` tells of."""

    def __init__(self, brief: Brief) -> None:
        self._planner = registry.load("planners", "clingo")()
        self._bodies = {body.name: body for body in brief.bodies}
        self._grounder = GeometricGrounder()
        self._aim(brief.problem(self._planner.domain(brief.domain_pddl)))
        self._plan: tuple[PlanStep, ...] = ()
        self._goal: Any = None

    def advise(self, observation: Observation, truth: Mapping[str, Pose]) -> Advice | None:
        """What to do now; ``None`` where no plan leads to the goal any more."""
        scene = self.scene(observation, truth)
        state = self._grounder.likeliest(scene, self._problem)
        begins = not self._under_way(state, scene)
        if begins:
            plan = self._planned(state)
            if plan is None:
                return None
            self._plan = plan
            self._goal = craft_of(plan[0].operator).goal_of(plan[0], scene) if plan else None
        if not self._plan:
            return Advice(hold_still(observation.proprio.gripper_command), state, (), None, begins)
        moment = self._moment(scene)
        return Advice(craft_of(self._plan[0].operator).teacher(moment), state, self._plan, moment, begins)

    def scene(self, observation: Observation, truth: Mapping[str, Pose]) -> SceneEstimate:
        """What the arm feels, and where everything truly is."""
        there = {name: ObjectEstimate(self._bodies[name], pose, 0.0, "sim_truth") for name, pose in truth.items()}
        return SceneEstimate(observation.proprio, there)

    def _under_way(self, state: SymbolicState, scene: SceneEstimate) -> bool:
        """Whether the step still makes sense in ``state``, and its end is not yet seen.

        What it needs holds, or else what it promises: a disc that stands is not placed before the hand is up again.
        """
        if not self._plan:
            return False
        step = self._plan[0]
        promised = step.adds <= state.atoms and step.deletes.isdisjoint(state.atoms)
        return (step.applicable(state) or promised) and not craft_of(step.operator).rules.effect(self._moment(scene))

    def _moment(self, scene: SceneEstimate) -> Any:
        return craft_of(self._plan[0].operator).situate(self._goal, scene)

    def _aim(self, problem: Problem) -> None:
        """From now on it is about this."""
        self._problem, self._session = problem, self._planner.session(problem)
        self._plans: dict[SymbolicState, tuple[PlanStep, ...] | None] = {}

    def _planned(self, state: SymbolicState) -> tuple[PlanStep, ...] | None:
        """A shortest plan from ``state``, empty at the goal; ``None`` if there is none."""
        if self._problem.reached(state):
            return ()
        if state not in self._plans:
            outcome = self._session.plan(state, time_limit=PLANNING_SECONDS)
            self._plans[state] = outcome.plan.steps if isinstance(outcome, Solved) else None
        return self._plans[state]


class Walker(Expert):
    """Makes ``moves`` random legal moves in a task of towers, none of which comes to the task's own goal."""

    def __init__(self, brief: Brief, moves: int, rng: np.random.Generator) -> None:
        super().__init__(brief)
        self._task, self._left, self._rng, self._steps = self._problem, moves, rng, 0

    def advise(self, observation: Observation, truth: Mapping[str, Pose]) -> Advice | None:
        """What to do now; ``None`` where no plan leads on any more, or a move takes too long."""
        self._steps += 1
        return super().advise(observation, truth) if self._steps <= LONGEST_MOVE else None

    def _planned(self, state: SymbolicState) -> tuple[PlanStep, ...] | None:
        if self._left and (self._problem is self._task or self._problem.reached(state)):
            self._left, self._steps = self._left - 1, 0
            self._aim(self._moved(state))
        return super()._planned(state)

    def _moved(self, state: SymbolicState) -> Problem:
        """The problem to make one move from ``state``, each legal one as likely but that to the task's goal."""
        on = {atom.arguments[0]: atom.arguments[1] for atom in state.atoms if atom.predicate == "on"}
        clear = sorted(atom.arguments[0] for atom in state.atoms if atom.predicate == "clear")
        ways = [(disc, support) for disc in clear if disc in on for support in clear if on[disc] != support]
        legal = [way for way in ways if Atom("smaller", way) in self._task.init.atoms]
        goals = [tuple(Literal(Atom("on", pair)) for pair in {**on, disc: support}.items()) for disc, support in legal]
        elsewhere = [goal for goal in goals if set(goal) != set(self._task.goal)]
        return replace(self._task, goal=elsewhere[self._rng.integers(len(elsewhere))])
