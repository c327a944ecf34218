"""The scripted teacher: a smooth funnel above the target, as a function of the situation alone.

The hand comes down only as fast as it is centred and may move sideways only as far as it is high enough. Nothing is
remembered, so the teacher can say at any moment, in any state, what it would do: that is what DAgger asks of it
(Ross, Gordon and Bagnell, 2011). Gains were chosen so that the commanded point moves, not the lagging measured one.
"""

from __future__ import annotations

import numpy as np

from nsctl.scene import Action, Array, make_action
from policies.skills.situation import Situation

GAIN = 0.40
"""Share of the remaining way that is commanded in one control step."""
SPEED = 0.045
"""Metres a step at most, along the direction of travel."""
SLOPE = 2.5
"""Height of the funnel's wall for each metre off its axis."""
AXIS = 0.004
"""Metres off the axis at which the hand may be all the way down."""
NEAR = 0.010
"""Metres between hand and object within which the fingers may close."""
HELD = 0.002
"""A gripper that is wider than the object by less than this holds it."""
FREE = 0.004
"""A gripper that is wider than the object by more than this has let it go."""
LET_GO = 0.012
"""Metres off its goal within which an object that was let go is left where it lies."""
WEDGED, LIFT = (0.012, 0.006), 0.06
"""Metres by which the command has gone below a hand that does not follow, beyond which something is under it, and how much
more makes that sure; metres a step that it then rises, or it would stand there for ever."""
ARRIVED = (0.006, 0.005)
"""Metres off its goal, sideways and above it, at which a carried object may be let go."""


def pick_action(s: Situation) -> Action:
    """Centre above the object, come down, close, and lift to travel height once it is held."""
    if not near(s):
        return make_action(_descend(s, shut=s.spread < 0.012), GAIN * s.yaw, -1.0)
    held = ramp(0.003 - s.spread, 0.0025)
    lift = np.array([0.0, 0.0, GAIN * s.climb_commanded])
    return make_action(limit((1 - held) * GAIN * s.commanded + held * lift), (1 - held) * GAIN * s.yaw, 1.0)


def place_action(s: Situation) -> Action:
    """Carry the object above its goal, come down, let go, and rise to travel height once the fingers are free."""
    if not arrived(s):
        return make_action(_descend(s, shut=False), GAIN * s.yaw, 1.0)
    free = ramp(s.spread - FREE, 0.006)
    return make_action(limit(np.array([0.0, 0.0, free * GAIN * s.climb_commanded])), 0.0, -1.0)


def near(s: Situation) -> bool:
    """Whether the object lies between the fingers."""
    return bool(np.abs(s.grip).max() < NEAR and abs(s.yaw) < 0.2)


def arrived(s: Situation) -> bool:
    """Whether the object lies, or is about to lie, on its goal.

    It is seen there; or it was stopped by contact a little above, which is where a biased tracker may see the goal; or it
    has been let go near enough, and is not gripped again for a few millimetres.
    """
    off, above, commanded_above = np.hypot(*s.measured[:2]), -s.measured[2], -s.commanded[2]
    seen = off < ARRIVED[0] and above < ARRIVED[1]
    stopped = off < ARRIVED[0] and above < LET_GO and commanded_above < 0.001
    let_go = off < LET_GO and above < LET_GO and s.spread > FREE
    return bool(seen or stopped or let_go)


def picked(s: Situation) -> bool:
    """The effect of a pick: held, and lifted to travel height."""
    return bool(np.abs(s.grip).max() < 2 * NEAR and s.spread < HELD and abs(s.climb_measured) < 0.012)


def placed(s: Situation) -> bool:
    """The effect of a place: at its goal, let go, and the hand back at travel height."""
    return bool(_strayed(s) < 0.015 and s.spread > 0.008 and abs(s.climb_measured) < 0.012)


def lost(s: Situation) -> bool:
    """During a place: the object is neither in the hand nor at its goal."""
    return bool(np.linalg.norm(s.grip) > 0.04 and _strayed(s) > 0.02)


def _strayed(s: Situation) -> float:
    """Distance [m] of the object from its goal."""
    return float(np.linalg.norm(s.measured))


def _descend(s: Situation, *, shut: bool) -> Array:
    """The commanded move [3] down the funnel; a gripper that is still shut, or turned, waits above.

    A hand that stays off the axis, though it is commanded onto it, stands on something: it is lifted off and comes anew.
    """
    off = max(float(np.hypot(*s.commanded[:2])), float(np.hypot(*s.measured[:2])), 0.05 * abs(s.yaw), 0.03 * shut)
    goal_height = s.climb_commanded - s.commanded[2]  # travel height above the goal
    wall = float(np.clip(SLOPE * (off - AXIS), 0.0, max(goal_height, 0.0)))
    rise = s.commanded[2] + wall
    low = max(rise, s.measured[2] + wall)  # how far below the wall the hand is, by command or in truth
    sideways = GAIN * (1.0 - ramp(low, 0.03)) * s.commanded[:2]
    aside, beside = float(np.hypot(*s.commanded[:2])), float(np.hypot(*s.measured[:2]))
    pressed = s.commanded[2] - s.measured[2] - 2 * abs(rise)
    wedged = ramp(AXIS - aside, 0.002) * ramp(beside - AXIS, 0.002) * ramp(pressed - WEDGED[0], WEDGED[1])
    return limit(np.array([*sideways, GAIN * rise + LIFT * wedged]))


def limit(move: Array, speed: float = SPEED) -> Array:
    """``move`` [3], shortened to ``speed`` metres if it is longer."""
    return move * min(1.0, speed / max(float(np.linalg.norm(move)), 1e-9))


def ramp(x: float, width: float) -> float:
    """0 below zero, 1 above ``width``, straight between."""
    return float(np.clip(x / width, 0.0, 1.0))
