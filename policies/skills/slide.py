"""Open and close: take a drawer by its handle and move it along its rail, let go, and rise.

A body that slides (a ``Mount`` with travel) is taken by the last of its boxes: that one is its handle, by convention. The
hand takes it as a pick takes a block, down the same funnel, with its fingers on both sides of the rail. What it does is a
function of the moment alone, as the funnel is; whether it holds or has let go tells how near to the end is near enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsctl.errors import InvalidValue
from nsctl.geometry import gripper_yaw, matrix, slid, wrap
from nsctl.scene import Action, Array, SceneEstimate, make_action
from nsctl.symbolic import PlanStep
from policies.skills import funnel
from policies.skills.room import BELOW, TURN
from policies.skills.situation import TRAVEL_CLEARANCE, Situation, lane_features

HANDLE = -1
"""Which of a sliding body's boxes is its handle."""
SPEED = 0.012
"""Metres a step along the rail: so slowly that what lies in the drawer stays where it is."""
PRESS = 0.006
"""Metres beyond its seen end to which the drawer is moved: the rail stops it, and a biased tracker may see the end early."""
HELD = (0.004, 0.007)
"""Metres by which the fingers may stand wider than the handle to hold it well, and at all: it gives way to neither side, so
that fingers which take it askew stay a little open."""
STOPPED = 0.0015
"""Metres before its goal at which the commanded point has arrived: a drawer that does not follow is stopped."""
NEAR_END, LEFT = 0.012, 0.014
"""Metres before its seen end within which a drawer that is stopped is let go, and left where it is once it was let go."""
TIME_LIMIT = 100
"""Control steps; about 50 are needed."""


@dataclass(frozen=True)
class SlideGoal:
    """What one execution is about: which body, which way, the hand's travel height [m] and its heading [rad]."""

    body: str
    opens: bool
    travel: float
    yaw: float


@dataclass(frozen=True, eq=False)
class SlideSituation:
    """One moment: the hand against the handle, as for a pick, and the drawer on its rail."""

    hand: Situation
    way: Array
    """Unit vector [3] along which the drawer is to move."""
    left: float
    """Metres that it must still move; negative beyond the end."""

    def features(self) -> NDArray[np.float32]:
        """The network's input, float32 [71]."""
        return lane_features(self.hand, self.way, self.left)


def goal_of(step: PlanStep, scene: SceneEstimate) -> SlideGoal:
    """The goal of ``open(drawer)`` or ``close(drawer)`` as the scene is now."""
    (name,) = step.arguments
    body = scene[name].body
    if not body.boxes or body.mount is None or not body.mount.travel:
        raise InvalidValue(f"{name!r} cannot be opened or closed: it needs boxes and a mount with travel")
    rail = matrix(scene[name].pose.quaternion)[:, 0]
    return SlideGoal(name, step.operator == "open", travel_height(scene), heading_along(rail, scene))


def situate(goal: SlideGoal, scene: SceneEstimate) -> SlideSituation:
    """The present moment of an execution with this goal."""
    estimate = scene[goal.body]
    mount, box = estimate.body.mount, estimate.body.boxes[HANDLE]
    assert mount is not None  # goal_of has seen to it
    axes = matrix(estimate.pose.quaternion)
    handle = estimate.pose.position + axes @ np.array(box.at)
    out = slid(mount, scene[mount.on].pose, estimate.pose)
    hand = hand_towards(handle, box.half_extents[1], goal.travel, goal.yaw, scene)
    sign = 1.0 if goal.opens else -1.0
    return SlideSituation(hand, sign * axes[:, 0], mount.travel - out if goal.opens else out)


def hand_towards(point: Array, half: float, travel: float, yaw: float, scene: SceneEstimate) -> Situation:
    """The hand against ``point`` [3], where something of half width ``half`` may be taken at the heading ``yaw``."""
    proprio = scene.proprio
    command, tcp = proprio.target.position, proprio.tcp.position
    return Situation(
        point - command,
        point - tcp,
        point - tcp,
        wrap(yaw - gripper_yaw(proprio.target.quaternion)),
        proprio.gripper - 2 * half,
        travel - command[2],
        travel - tcp[2],
        proprio.gripper_command,
        half,
    )


def travel_height(scene: SceneEstimate) -> float:
    """The height [m] at which an empty hand clears everything."""
    tops = [e.pose.position[2] + e.body.half_extents[2] for e in scene.objects.values()]
    return float(max(tops)) + BELOW + TRAVEL_CLEARANCE


def heading_along(direction: Array, scene: SceneEstimate) -> float:
    """The heading nearest to the present one at which the hand's x axis lies along ``direction`` (either way)."""
    now, one = gripper_yaw(scene.proprio.target.quaternion), float(np.arctan2(direction[1], direction[0]))
    return min((wrap(one), wrap(one + np.pi)), key=lambda h: (abs(h) > TURN, abs(h - now)))


def slide_action(s: SlideSituation) -> Action:
    """Come down on the handle, close, move along the rail, and at its end let go and rise."""
    hand = s.hand
    if arrived(s):
        return make_action(_let_go(hand), 0.0, -1.0)
    if not funnel.near(hand):
        return funnel.pick_action(hand)
    held = funnel.ramp(HELD[1] - hand.spread, HELD[1] - HELD[0])
    ahead = _yielding(s) + held * (s.left + PRESS) * s.way
    return make_action(funnel.limit(funnel.GAIN * ahead, SPEED), funnel.GAIN * hand.yaw, 1.0)


def _let_go(hand: Situation) -> Array:
    """The move [3] off a handle: press no more, for a finger that presses cannot open; then centre above it, and rise."""
    free = funnel.ramp(hand.spread - funnel.FREE, 0.006)
    back = hand.commanded * [1.0, 1.0, 0.0]
    rise = np.array([0.0, 0.0, np.clip(hand.climb_commanded, -0.1, 0.1)])
    move: Array = free * (back + rise) + (1.0 - free) * (hand.commanded - hand.measured)
    return funnel.GAIN * move


def _yielding(s: SlideSituation) -> Array:
    """The way [3] to the handle; across the rail, closed fingers go where the handle pushes them, not where it is seen.

    The rail gives way to neither side: a hand that insisted on a place a few millimetres off would stay open by these.
    """
    hand = s.hand
    if hand.gripper_command < 0.0:
        return hand.commanded
    side = np.array([-s.way[1], s.way[0], 0.0])
    moved: Array = hand.commanded - hand.measured  # from the commanded point to the measured one
    return hand.commanded + float((moved - hand.commanded) @ side) * side


def arrived(s: SlideSituation) -> bool:
    """Whether the drawer is stopped where its end is seen, give or take the tracker's error, or was let go there."""
    if s.hand.gripper_command < 0.0:
        return s.left < LEFT
    return s.left < NEAR_END and _stopped(s)


def done(s: SlideSituation) -> bool:
    """The effect: the drawer is at its end, and the free hand at travel height."""
    return s.left < LEFT and s.hand.spread > 0.008 and abs(s.hand.climb_measured) < 0.012


def stuck(s: SlideSituation) -> bool:
    """The drawer is held and does not follow."""
    return s.left > NEAR_END and _stopped(s)


def _stopped(s: SlideSituation) -> bool:
    """Whether the commanded point has gone as far as it should with the drawer in the hand."""
    ahead = float(s.hand.commanded @ s.way) + s.left + PRESS
    return funnel.near(s.hand) and s.hand.spread < HELD[0] and ahead < STOPPED
