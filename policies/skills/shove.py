"""Push: move a body that is too wide to grasp along a straight lane into a place.

The fingers, half open, make a fork whose two points bear on the body's far side, so that it cannot turn away. The hand comes
down behind the body, goes forward as far as the body must still go, steps back and rises. What it does is a function of the
moment alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nsctl.geometry import matrix
from nsctl.scene import Action, Array, SceneEstimate, make_action
from nsctl.symbolic import PlanStep
from policies.skills import funnel
from policies.skills.situation import Situation, lane_features
from policies.skills.slide import hand_towards, heading_along, travel_height

FORK = -0.25
"""The gripper's command while it pushes: fingers 50 mm apart."""
SPEED = 0.010
"""Metres a step while pushing: so slowly that the body stops with the hand."""
THICK = 0.0085
"""Half a finger's width along the way [m]."""
LOW = 0.020
"""Height of the tool centre point while it pushes [m]; the fingers end 12 mm below."""
STANDOFF = 0.015
"""Metres behind the body at which the hand comes down."""
BEHIND = (-0.010, 0.035)
"""Metres between fingers and body, at least and at most, for a hand that may go forward; less is a reading's error."""
IN_LANE, LEVEL, SQUARE = 0.022, 0.012, 0.15
"""How far off the lane, the height [m] and the heading [rad] a hand that may go forward can be."""
SETTLED = (0.0005, 0.002)
"""Metres that the hand has still to sink at which it goes forward at full speed, and at which it waits."""
CREEP = 0.0005
"""Metres a step that the hand rises while it pushes: fingers that sink would press the body to the table, where it jams."""
REACHED, LEFT = 0.004, 0.012
"""Metres before the goal at which the body is left, and at which it is not pushed again."""
PRESS = 0.005
"""Metres beyond the goal to which the hand goes on, because a biased tracker may see the body nearer to it than it is."""
STEER = 0.1
"""Share of its way forward that the hand goes sideways at most, to bring the body back to the middle of the lane."""
STRAYED = 0.035
"""Metres beside the lane at which the body is given up."""
TIME_LIMIT = 120
"""Control steps; about 65 are needed."""


@dataclass(frozen=True, eq=False)
class PushGoal:
    """What one execution is about: body, place, the lane's direction [3] (unit), travel height [m] and heading [rad]."""

    body: str
    place: str
    way: Array
    travel: float
    yaw: float


@dataclass(frozen=True, eq=False)
class PushSituation:
    """One moment: the hand against the point behind the body, and the body on its lane."""

    hand: Situation
    way: Array
    """Unit vector [3] along the lane."""
    left: float
    """Metres that the body must still go along the lane."""
    aside: Array
    """From the body to the middle of the lane [3], across it."""
    gap: float
    """Metres between fingers and body along the lane."""
    lag: float
    """Metres that the commanded point must still go for the body to be there."""
    off: float
    """Metres of the hand beside the body's middle, across the lane."""

    def features(self) -> NDArray[np.float32]:
        """The network's input, float32 [71]."""
        return lane_features(self.hand, self.way, self.left, self.aside, (self.gap, self.lag, self.off))


def goal_of(step: PlanStep, scene: SceneEstimate) -> PushGoal:
    """The goal of ``push(body, from, to)`` as the scene is now."""
    body, _, place = step.arguments
    way = _level(scene[place].pose.position - scene[body].pose.position)
    way = way / max(float(np.linalg.norm(way)), 1e-9)
    return PushGoal(body, place, way, travel_height(scene), heading_along(way, scene))


def situate(goal: PushGoal, scene: SceneEstimate) -> PushSituation:
    """The present moment of an execution with this goal."""
    estimate, way = scene[goal.body], goal.way
    body, proprio = estimate.pose.position, scene.proprio
    reach = float(np.abs(matrix(estimate.pose.quaternion)[:, :2].T @ way) @ estimate.body.half_extents[:2]) + THICK
    to_go = _level(scene[goal.place].pose.position - body)
    left = float(to_go @ way)
    height = max(LOW, float(body[2]))
    behind = _level(body) - (reach + STANDOFF) * way + [0.0, 0.0, height]
    from_hand, from_command = (_level(body - p.position) for p in (proprio.tcp, proprio.target))
    distance = float(from_hand @ way)
    return PushSituation(
        replace(hand_towards(behind, 0.0, goal.travel, goal.yaw, scene), grip=body - proprio.tcp.position),
        way,
        left,
        to_go - left * way,
        distance - reach,
        float(from_command @ way) - reach + left,
        float(np.linalg.norm(from_hand - distance * way)),
    )


def push_action(s: PushSituation) -> Action:
    """Come down behind the body, go forward until it is there, step back and rise."""
    if ready(s):
        return _forward(s) if s.left > REACHED else _retreat(s)
    if s.left < LEFT:
        return _retreat(s)
    down = funnel.pick_action(s.hand)
    down[6] = FORK
    return down


def ready(s: PushSituation) -> bool:
    """Whether the hand is down behind the body, so that it may go forward."""
    low = abs(float(s.hand.measured[2])) < LEVEL and abs(s.hand.yaw) < SQUARE
    return bool(low and BEHIND[0] < s.gap < BEHIND[1] and s.off < IN_LANE)


def pushed(s: PushSituation) -> bool:
    """The effect: the body is there, and the hand at travel height."""
    return bool(s.left < LEFT and np.linalg.norm(s.aside) < STRAYED and abs(s.hand.climb_measured) < 0.012)


def strayed(s: PushSituation) -> bool:
    """Whether the body has left its lane, so that it will not come to its place."""
    return bool(np.linalg.norm(s.aside) > STRAYED)


def _forward(s: PushSituation) -> Action:
    """Along the lane, and with it a little towards the middle of the lane: the body sticks to the fork."""
    sinking = float(s.hand.commanded[2] - s.hand.measured[2])
    settled = funnel.ramp(SETTLED[1] - sinking, SETTLED[1] - SETTLED[0])
    step = settled * float(np.clip(funnel.GAIN * (s.lag + PRESS), 0.0, SPEED))
    steer = STEER * step * np.clip(s.aside / 0.01, -1.0, 1.0)
    rise = settled * CREEP + (1.0 - settled) * funnel.GAIN * min(float(s.hand.commanded[2]), 0.0)
    return make_action(step * s.way + steer + [0.0, 0.0, rise], funnel.GAIN * s.hand.yaw, FORK)


def _retreat(s: PushSituation) -> Action:
    """Back from the body, then up."""
    clear = funnel.ramp(s.gap, 0.006)
    up = np.array([0.0, 0.0, clear * funnel.GAIN * np.clip(s.hand.climb_commanded, -0.1, 0.1)])
    return make_action(up - (1.0 - clear) * 0.006 * s.way, 0.0, FORK)


def _level(vector: Array) -> Array:
    """``vector`` [3] without its height."""
    return vector * [1.0, 1.0, 0.0]
