"""One execution of a skill: whether it begins, what it remembers, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nsctl.contracts import SkillStatus
from nsctl.errors import EpisodeError
from nsctl.scene import Action, SceneEstimate, hold_still
from nsctl.symbolic import PlanStep
from policies.skills.crafts import Rules, craft_of
from policies.skills.situation import Moment

CONFIRMATIONS = 2
"""Steps in a row on which the end must be seen."""
PATIENCE = 5
"""Steps in a row on which the object must be seen lost."""

Decide = Callable[[Any], tuple[Action, bool]]
"""What to do at a moment, and whether that is the end."""


class Course:
    """How an execution goes: ``succeeded`` when its end is seen, ``failed`` when it has become hopeless or time is out."""

    def __init__(self, rules: Rules[Any]) -> None:
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

    def require_running(self) -> None:
        """Refuse to go on with what has ended."""
        if self._status != "running":
            raise EpisodeError(f"this execution has {self._status}: begin a new one")

    def _goes_on(self, moment: Moment, *, ends: bool) -> bool:
        """Count one step, at whose moment the policy says whether it ``ends``; says whether another one follows."""
        self._steps += 1
        self._confirmed = self._confirmed + 1 if ends and self._rules.effect(moment) else 0
        self._lost = self._lost + 1 if self._rules.hopeless(moment) else 0
        if self._confirmed >= CONFIRMATIONS:
            self._status = "succeeded"
        elif self._lost >= PATIENCE:
            self._fail(self._rules.why)
        elif self._steps >= self._rules.time_limit:
            self._fail(f"not done after {self._rules.time_limit} steps")
        return self._status == "running"

    def _fail(self, reason: str) -> None:
        self._status, self._reason = "failed", reason


class SkillExecution(Course):
    """A skill at work on one step. It ends when its policy says so and the effect is seen.

    Where it cannot begin at all, its first action holds still and is its last.
    """

    def __init__(self, step: PlanStep, scene: SceneEstimate, decide: Decide) -> None:
        self._craft = craft_of(step.operator)
        super().__init__(self._craft.rules)
        self._decide = decide
        self.refusal = self._craft.refusal(step, scene)
        """Why it cannot begin; empty if it can."""
        self._goal = None if self.refusal else self._craft.goal_of(step, scene)

    def act(self, scene: SceneEstimate) -> Action:
        """The next action; when the execution ends, one that holds still."""
        if self.refusal:
            return self.refuse(scene)
        moment = self.moment(scene)
        return self.advance(moment, *self._decide(moment))

    def refuse(self, scene: SceneEstimate) -> Action:
        """End what cannot begin."""
        self.require_running()
        self._fail(self.refusal)
        return hold_still(scene.proprio.gripper_command)

    def moment(self, scene: SceneEstimate) -> Any:
        """The scene as this execution's policy sees it."""
        self.require_running()
        return self._craft.situate(self._goal, scene)

    def advance(self, moment: Moment, action: Action, ends: bool) -> Action:
        """Take the policy's answer to ``moment`` and decide whether the execution goes on."""
        return action if self._goes_on(moment, ends=ends) else hold_still(moment.hand.gripper_command)
