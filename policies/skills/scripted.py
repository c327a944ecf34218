"""Skills that their teacher plays: an honest upper bound for those that learn from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nsctl.scene import Action, SceneEstimate
from nsctl.symbolic import PlanStep
from policies.skills.crafts import craft_of
from policies.skills.execution import SkillExecution
from policies.skills.situation import Moment


class ScriptedSkill:
    """The teacher of one operator."""

    def __init__(self, operator: str) -> None:
        self.operator, self._craft = operator, craft_of(operator)

    def begin(self, step: PlanStep, scene: SceneEstimate) -> SkillExecution:
        return SkillExecution(step, scene, self._decide)

    def describe(self) -> Mapping[str, Any]:
        return {"kind": "scripted", "operator": self.operator}

    def _decide(self, moment: Moment) -> tuple[Action, bool]:
        return self._craft.teacher(moment), self._craft.rules.effect(moment)
