"""Skills that follow the scripted funnel: the teacher, and an honest upper bound for those that learn from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nsctl.errors import UnknownName
from nsctl.scene import Action, SceneEstimate
from nsctl.symbolic import PlanStep
from policies.skills import funnel
from policies.skills.execution import RULES, SkillExecution
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
