"""Skills that follow the scripted funnel: the teacher, and an honest upper bound for those that learn from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from nsctl.errors import UnknownName
from nsctl.scene import Action, SceneEstimate, hold_still
from nsctl.symbolic import PlanStep
from policies.skills import funnel, shove, slide
from policies.skills.execution import RULES, Course, Rules, SkillExecution
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
    """A teacher with goals and situations of its own."""

    goal_of: Callable[[PlanStep, SceneEstimate], G]
    situate: Callable[[G, SceneEstimate], S]
    action: Callable[[S], Action]
    rules: Rules[S]


_SLIDE = Stroke(
    slide.goal_of,
    slide.situate,
    slide.slide_action,
    Rules(slide.done, slide.stuck, "the drawer does not follow the hand", slide.TIME_LIMIT),
)
STROKES: Mapping[str, Stroke[Any, Any]] = {
    "open": _SLIDE,
    "close": _SLIDE,
    "push": Stroke(
        shove.goal_of,
        shove.situate,
        shove.push_action,
        Rules(shove.pushed, shove.strayed, "the object left its lane", shove.TIME_LIMIT),
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


class StrokeExecution(Course[S], Generic[G, S]):
    """A stroke that its teacher plays."""

    def __init__(self, stroke: Stroke[G, S], step: PlanStep, scene: SceneEstimate) -> None:
        super().__init__(stroke.rules)
        self._stroke, self._goal = stroke, stroke.goal_of(step, scene)

    def act(self, scene: SceneEstimate) -> Action:
        """The next action; when the execution ends, one that holds still."""
        self._require_running()
        situation = self._stroke.situate(self._goal, scene)
        return self._stroke.action(situation) if self._goes_on(situation) else hold_still(scene.proprio.gripper_command)
