"""Two skills outside any domain, for an agent whose step has failed: to leave the view clear, and to take hold anew.

``clear(object)`` puts down what the hand holds, opens it and rises to travel height, so that nothing hides or wedges the
object. ``regrasp(object)`` puts a held object down and picks it again, for a grip that sits badly. Both are scripted and
change no more of the scene than that: an agent looks again afterwards and plans from what it sees.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from nsctl.contracts import Execution, SkillStatus
from nsctl.errors import EpisodeError
from nsctl.geometry import gripper_yaw
from nsctl.scene import TABLE, Action, SceneEstimate, hold_still, make_action
from nsctl.symbolic import PlanStep
from policies.skills import funnel
from policies.skills.crafts import Rules
from policies.skills.execution import Course
from policies.skills.initiation import in_hand
from policies.skills.scripted import ScriptedSkill
from policies.skills.situation import Situation
from policies.skills.slide import hand_towards, travel_height

OPEN = 0.070
"""Metres between the pads at which the hand counts as open."""
WAIT = 10
"""Control steps after which the hand rises although something keeps its fingers from opening."""
TIME_LIMIT = 60
"""Control steps for opening and rising; about 20 are needed."""

Begin = Callable[[SceneEstimate], Execution]


class RiseExecution(Course):
    """Opens the hand where it is and rises to travel height."""

    def __init__(self, scene: SceneEstimate) -> None:
        super().__init__(Rules(_risen, lambda s: False, time_limit=TIME_LIMIT))
        self._travel = travel_height(scene)

    def act(self, scene: SceneEstimate) -> Action:
        """The next action; when the execution ends, one that holds still."""
        self.require_running()
        tcp = scene.proprio.tcp
        s = hand_towards(tcp.position, 0.0, self._travel, gripper_yaw(tcp.quaternion), scene)
        free = s.spread > OPEN or self._steps > WAIT
        if not self._goes_on(s, ends=free):
            return hold_still(-1.0)
        return make_action(funnel.limit(np.array([0.0, 0.0, free * funnel.GAIN * s.climb_commanded])), 0.0, -1.0)


class Sequel:
    """Executions one after the other: it fails as the first that fails, and succeeds with the last."""

    def __init__(self, parts: Iterable[Begin], refusal: str = "") -> None:
        self._parts, self._refusal = deque(parts), refusal
        self._now: Execution | None = None
        self._status: SkillStatus = "running"
        self.reason = ""
        """Why it failed; empty otherwise."""

    @property
    def status(self) -> SkillStatus:
        return self._status

    def act(self, scene: SceneEstimate) -> Action:
        """The next action; when the execution ends, one that holds still."""
        if self._status != "running":
            raise EpisodeError(f"this execution has {self._status}: begin a new one")
        if self._refusal:
            self._status, self.reason = "failed", self._refusal
            return hold_still(scene.proprio.gripper_command)
        self._now = self._now or self._parts.popleft()(scene)
        action = self._now.act(scene)
        if self._now.status == "failed" or (self._now.status == "succeeded" and not self._parts):
            self._status, self.reason = self._now.status, self._now.reason
        elif self._now.status == "succeeded":
            self._now = None
        return action


class ClearSkill:
    """Puts down what is held, where there is room, opens the hand and rises."""

    operator = "clear"

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Sequel:
        """Start, whatever ``step`` names: the hand is cleared of anything."""
        held = in_hand(scene)
        return Sequel(([_puts_down(held)] if held else []) + [RiseExecution])

    def describe(self) -> Mapping[str, Any]:
        return {"kind": "scripted", "operator": self.operator}


class RegraspSkill:
    """Puts down the held object that ``step`` names, where there is room, and picks it anew."""

    operator = "regrasp"

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Sequel:
        """Start; it fails at once if the hand does not hold the object."""
        target, pick = step.arguments[0], ScriptedSkill("pick")
        refusal = "" if in_hand(scene) == target else f"{target} is not in the hand"
        again = PlanStep("pick", (target, TABLE))
        return Sequel([_puts_down(target), lambda now: pick.begin(again, now)], refusal)

    def describe(self) -> Mapping[str, Any]:
        return {"kind": "scripted", "operator": self.operator}


def _puts_down(target: str) -> Begin:
    """Place it on the nearest free spot of the table."""
    place, step = ScriptedSkill("place"), PlanStep("place", (target, TABLE))
    return lambda scene: place.begin(step, scene)


def _risen(s: Situation) -> bool:
    """The hand is told to open, and at travel height."""
    return bool(s.gripper_command < 0.0 and abs(s.climb_measured) < 0.012)
