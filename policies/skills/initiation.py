"""Where a skill cannot begin: why, in a few words, as the agent shall read it; empty where it can.

These tests are a skill's own, so they are lenient: what the plan's preconditions say is the agent's business, and they see
only what would make the hand do harm or nothing at all.
"""

from __future__ import annotations

import numpy as np

from nsctl.geometry import matrix
from nsctl.scene import ObjectEstimate, SceneEstimate
from nsctl.symbolic import PlanStep

GRASPABLE = 0.038
"""Half the width [m] of the widest object that the hand can take."""
IN_HAND, GRIPPED = 0.025, 0.004
"""Metres between a held object and the tool centre point, and by which the gripper is wider than an object it holds."""
_OUT_OF_HAND = 0.050
"""Metres from the tool centre point at which an object is in no hand, whatever the tracker's error."""
_RESTS = 0.012
"""Metres of air at most between a thing and what lies on it."""


def before_pick(step: PlanStep, scene: SceneEstimate) -> str:
    """A pick needs a movable body that is narrow enough, with nothing on it, and a hand that holds nothing else."""
    target = step.arguments[0]
    body = scene[target].body
    if not body.movable:
        return f"{target} cannot be taken: it stays where it is put"
    if body.half_extents[1] > GRASPABLE:
        return f"{target} is too wide for the hand: {2000 * body.half_extents[1]:.0f} mm"
    return _covered(target, scene) or _full(scene, target)


def before_place(step: PlanStep, scene: SceneEstimate) -> str:
    """Putting down needs the object in the hand."""
    target = step.arguments[0]
    away = float(np.linalg.norm(scene[target].pose.position - scene.proprio.tcp.position))
    return f"{target} is not in the hand" if away > _OUT_OF_HAND else ""


def before_slide(step: PlanStep, scene: SceneEstimate) -> str:
    """Opening and closing need a body that slides, and an empty hand."""
    name = step.arguments[0]
    mount = scene[name].body.mount
    if not scene[name].body.boxes or mount is None or not mount.travel:
        return f"{name} does not slide"
    return _full(scene)


def before_push(step: PlanStep, scene: SceneEstimate) -> str:
    """A push needs a movable body with nothing on it, and an empty hand."""
    target = step.arguments[0]
    if not scene[target].body.movable:
        return f"{target} cannot be pushed: it stays where it is put"
    return _covered(target, scene) or _full(scene)


def in_hand(scene: SceneEstimate) -> str:
    """The movable body that the fingers hold; empty if they hold none."""
    proprio = scene.proprio
    for name, estimate in scene.objects.items():
        away = float(np.linalg.norm(estimate.pose.position - proprio.tcp.position))
        gripped = abs(proprio.gripper - 2 * estimate.body.half_extents[1]) < GRIPPED
        if estimate.body.movable and away < IN_HAND and gripped and proprio.gripper_command > 0.0:
            return name
    return ""


def _full(scene: SceneEstimate, but: str = "") -> str:
    held = in_hand(scene)
    return f"the hand holds {held}" if held and held != but else ""


def _covered(target: str, scene: SceneEstimate) -> str:
    for name, other in scene.objects.items():
        if name != target and other.body.movable and _rests_on(other, scene[target]):
            return f"{name} lies on {target}"
    return ""


def _rests_on(upper: ObjectEstimate, lower: ObjectEstimate) -> bool:
    """Whether the middle of ``upper`` is over ``lower``, and no more than a little air between them."""
    off = matrix(lower.pose.quaternion).T @ (upper.pose.position - lower.pose.position)
    rise = upper.pose.position[2] - lower.pose.position[2]
    gap = rise - upper.body.half_extents[2] - lower.body.half_extents[2]
    over = abs(off[0]) < lower.body.half_extents[0] and abs(off[1]) < lower.body.half_extents[1]
    return bool(over and rise > 0 and abs(gap) < _RESTS)
