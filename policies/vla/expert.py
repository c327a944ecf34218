"""The expert that shows a network what to do, and says at any moment what it would do there.

It is made of the scripted agent's parts: the planner chooses the step from what holds now, the step's scripted teacher
gives the action. It differs from that agent in what would spoil an answer asked of it out of the blue: it does not pause to
look, it counts no failures, and it sees true poses. So its answer follows from the scene and the step under way alone,
which is what DAgger asks of an expert (Ross, Gordon and Bagnell, 2011).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nsctl import registry
from nsctl.outcomes import Solved
from nsctl.scene import Action, ObjectEstimate, Observation, Pose, SceneEstimate, hold_still
from nsctl.symbolic import PlanStep, SymbolicState
from nsctl.task import Brief
from policies.perception.geometric import GeometricGrounder
from policies.skills.crafts import craft_of
from policies.skills.situation import Moment

PLANNING_SECONDS = 20.0


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


class Expert:
    """Plays one episode of the task that ``brief`` tells of."""

    def __init__(self, brief: Brief) -> None:
        planner = registry.load("planners", "clingo")()
        self._bodies = {body.name: body for body in brief.bodies}
        self._problem = brief.problem(planner.domain(brief.domain_pddl))
        self._session = planner.session(self._problem)
        self._grounder = GeometricGrounder()
        self._plans: dict[SymbolicState, tuple[PlanStep, ...] | None] = {}
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

    def _planned(self, state: SymbolicState) -> tuple[PlanStep, ...] | None:
        """A shortest plan from ``state``, empty at the goal; ``None`` if there is none."""
        if self._problem.reached(state):
            return ()
        if state not in self._plans:
            outcome = self._session.plan(state, time_limit=PLANNING_SECONDS)
            self._plans[state] = outcome.plan.steps if isinstance(outcome, Solved) else None
        return self._plans[state]
