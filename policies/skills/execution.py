"""One execution of a skill: what it remembers, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nsctl.contracts import SkillStatus
from nsctl.errors import EpisodeError
from nsctl.scene import Action, SceneEstimate, hold_still
from nsctl.symbolic import PlanStep
from policies.skills import funnel
from policies.skills.situation import Goal, Situation, goal_of, situate

TIME_LIMIT = 80
"""Control steps; the scripted teacher needs at most 45."""
CONFIRMATIONS = 2
"""Steps in a row on which the end must be seen."""
PATIENCE = 5
"""Steps in a row on which the object must be seen lost."""

Decide = Callable[[Situation], tuple[Action, bool]]


@dataclass(frozen=True)
class Rules:
    """The geometry of a skill: whether its effect holds, and whether it cannot come to hold any more."""

    effect: Callable[[Situation], bool]
    hopeless: Callable[[Situation], bool]


RULES = {
    "pick": Rules(funnel.picked, lambda s: False),
    "place": Rules(funnel.placed, funnel.lost),
    "stack": Rules(funnel.placed, funnel.lost),
}


class SkillExecution:
    """Ends ``succeeded`` when the policy says so and the effect is seen; ``failed`` when lost or out of time."""

    def __init__(self, step: PlanStep, scene: SceneEstimate, decide: Decide) -> None:
        self._goal: Goal = goal_of(step, scene)
        self._rules = RULES[step.operator]
        self._decide = decide
        self._confirmed = self._lost = self._steps = 0
        self._status: SkillStatus = "running"
        self._reason = ""

    @property
    def status(self) -> SkillStatus:
        return self._status

    @property
    def reason(self) -> str:
        return self._reason

    def act(self, scene: SceneEstimate) -> Action:
        """The next action; when the execution ends, one that holds still."""
        situation = self.situation(scene)
        return self.advance(situation, *self._decide(situation))

    def situation(self, scene: SceneEstimate) -> Situation:
        """The moment as this execution's policy sees it."""
        if self._status != "running":
            raise EpisodeError(f"this execution has {self._status}: begin a new one")
        return situate(self._goal, scene)

    def advance(self, situation: Situation, action: Action, ends: bool) -> Action:
        """Take the policy's answer to ``situation`` and decide whether the execution goes on."""
        self._steps += 1
        self._confirmed = self._confirmed + 1 if ends and self._rules.effect(situation) else 0
        self._lost = self._lost + 1 if self._rules.hopeless(situation) else 0
        if self._confirmed >= CONFIRMATIONS:
            self._status = "succeeded"
        elif self._lost >= PATIENCE:
            self._end("the object slipped away")
        elif self._steps >= TIME_LIMIT:
            self._end(f"not done after {TIME_LIMIT} steps")
        if self._status == "running":
            return action
        return hold_still(situation.gripper_command)

    def _end(self, reason: str) -> None:
        self._status, self._reason = "failed", reason
