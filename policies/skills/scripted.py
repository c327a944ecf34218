"""Skills that follow the scripted funnel: the teacher, and an honest upper bound for those that learn from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from nsctl.contracts import SkillStatus
from nsctl.errors import EpisodeError, UnknownName
from nsctl.scene import Action, SceneEstimate, hold_still
from nsctl.symbolic import PlanStep
from policies.skills import funnel, shove, slide
from policies.skills.execution import CONFIRMATIONS, PATIENCE, RULES, SkillExecution
from policies.skills.situation import Situation

TEACHERS = {"pick": funnel.pick_action, "place": funnel.place_action, "stack": funnel.place_action}


class ScriptedSkill:
    """The funnel for one operator."""

    def __init__(self, operator: str) -> None:
        if operator not in TEACHERS:
            raise UnknownName("scripted operator", operator, TEACHERS)
        self.operator = operator

    def begin(self, step: PlanStep, scene: SceneEstimate) -> SkillExecution:
        return SkillExecution(step, scene, self._decide)

    def describe(self) -> Mapping[str, Any]:
        return {"kind": "scripted", "operator": self.operator}

    def _decide(self, situation: Situation) -> tuple[Action, bool]:
        return TEACHERS[self.operator](situation), RULES[self.operator].effect(situation)


G = TypeVar("G")
S = TypeVar("S")


@dataclass(frozen=True)
class Stroke(Generic[G, S]):
    """A teacher with goals and situations of its own, and the geometry of its skill; ``why`` says what is hopeless."""

    goal_of: Callable[[PlanStep, SceneEstimate], G]
    situate: Callable[[G, SceneEstimate], S]
    action: Callable[[S], Action]
    effect: Callable[[S], bool]
    hopeless: Callable[[S], bool]
    why: str
    time_limit: int


_SLIDE = Stroke(
    slide.goal_of,
    slide.situate,
    slide.slide_action,
    slide.done,
    slide.stuck,
    "the drawer does not follow the hand",
    slide.TIME_LIMIT,
)
STROKES: Mapping[str, Stroke[Any, Any]] = {
    "open": _SLIDE,
    "close": _SLIDE,
    "push": Stroke(
        shove.goal_of,
        shove.situate,
        shove.push_action,
        shove.pushed,
        shove.strayed,
        "the object left its lane",
        shove.TIME_LIMIT,
    ),
}


class StrokeSkill:
    """The teacher of one operator that moves a thing without lifting it."""

    def __init__(self, operator: str) -> None:
        if operator not in STROKES:
            raise UnknownName("scripted operator", operator, STROKES)
        self.operator = operator

    def begin(self, step: PlanStep, scene: SceneEstimate) -> StrokeExecution[Any, Any]:
        return StrokeExecution(STROKES[self.operator], step, scene)

    def describe(self) -> Mapping[str, Any]:
        return {"kind": "scripted", "operator": self.operator}


class StrokeExecution(Generic[G, S]):
    """Ends ``succeeded`` when the effect is seen; ``failed`` when it has become hopeless or time is out."""

    def __init__(self, stroke: Stroke[G, S], step: PlanStep, scene: SceneEstimate) -> None:
        self._stroke, self._goal = stroke, stroke.goal_of(step, scene)
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
        if self._status != "running":
            raise EpisodeError(f"this execution has {self._status}: begin a new one")
        situation = self._stroke.situate(self._goal, scene)
        self._steps += 1
        self._confirmed = self._confirmed + 1 if self._stroke.effect(situation) else 0
        self._lost = self._lost + 1 if self._stroke.hopeless(situation) else 0
        if self._confirmed >= CONFIRMATIONS:
            self._status = "succeeded"
        elif self._lost >= PATIENCE:
            self._status, self._reason = "failed", self._stroke.why
        elif self._steps >= self._stroke.time_limit:
            self._status, self._reason = "failed", f"not done after {self._stroke.time_limit} steps"
        if self._status == "running":
            return self._stroke.action(situation)
        return hold_still(scene.proprio.gripper_command)
