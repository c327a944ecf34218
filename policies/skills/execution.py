"""One execution of a skill: what it remembers, how it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

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
S = TypeVar("S")
"""What a skill sees of a moment."""


@dataclass(frozen=True)
class Rules(Generic[S]):
    """The geometry of a skill: whether its effect holds, whether (and ``why``) it cannot come to hold any more."""

    effect: Callable[[S], bool]
    hopeless: Callable[[S], bool]
    why: str = "the object slipped away"
    time_limit: int = TIME_LIMIT


RULES: Mapping[str, Rules[Situation]] = {
    "pick": Rules(funnel.picked, lambda s: False),
    "place": Rules(funnel.placed, funnel.lost),
    "stack": Rules(funnel.placed, funnel.lost),
}


class Course(Generic[S]):
    """How an execution goes: ``succeeded`` when its end is seen, ``failed`` when it has become hopeless or time is out."""

    def __init__(self, rules: Rules[S]) -> None:
        self._rules = rules
        self._confirmed = self._lost = self._steps = 0
        self._status: SkillStatus = "running"
        self._reason = ""

    @property
    def status(self) -> SkillStatus:
        return self._status

    @property
    def reason(self) -> str:
        return self._reason

    def _require_running(self) -> None:
        if self._status != "running":
            raise EpisodeError(f"this execution has {self._status}: begin a new one")

    def _goes_on(self, situation: S, *, ends: bool = True) -> bool:
        """Count one step, at whose situation the policy says whether it ``ends``; says whether another one follows."""
        self._steps += 1
        self._confirmed = self._confirmed + 1 if ends and self._rules.effect(situation) else 0
        self._lost = self._lost + 1 if self._rules.hopeless(situation) else 0
        if self._confirmed >= CONFIRMATIONS:
            self._status = "succeeded"
        elif self._lost >= PATIENCE:
            self._status, self._reason = "failed", self._rules.why
        elif self._steps >= self._rules.time_limit:
            self._status, self._reason = "failed", f"not done after {self._rules.time_limit} steps"
        return self._status == "running"


class SkillExecution(Course[Situation]):
    """A pick, a place or a stack that a policy decides on; it ends when the policy says so and the effect is seen."""

    def __init__(self, step: PlanStep, scene: SceneEstimate, decide: Decide) -> None:
        super().__init__(RULES[step.operator])
        self._goal: Goal = goal_of(step, scene)
        self._decide = decide

    def act(self, scene: SceneEstimate) -> Action:
        """The next action; when the execution ends, one that holds still."""
        situation = self.situation(scene)
        return self.advance(situation, *self._decide(situation))

    def situation(self, scene: SceneEstimate) -> Situation:
        """The moment as this execution's policy sees it."""
        self._require_running()
        return situate(self._goal, scene)

    def advance(self, situation: Situation, action: Action, ends: bool) -> Action:
        """Take the policy's answer to ``situation`` and decide whether the execution goes on."""
        return action if self._goes_on(situation, ends=ends) else hold_still(situation.gripper_command)
