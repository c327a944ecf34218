"""What a skill sees: its target relative to the hand, and nothing else.

All vectors are differences of positions in world axes, so that a skill works wherever the arm can reach. A network gets
each of them at three scales, d / 0.25, tanh(d / 0.03) and tanh(d / 0.006), because a millimetre at the grasp matters as
much as a decimetre on the way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsctl.geometry import QUARTER, box_yaw, gripper_yaw, wrap
from nsctl.scene import Array, SceneEstimate
from nsctl.symbolic import PlanStep

TRAVEL_CLEARANCE = 0.03
"""Metres between what is carried and the highest thing on the table while the hand travels."""
RELEASE_GAP = 0.001
"""Metres above its support that an object is let go."""
FEATURES = 45

_FINGER_REACH = (0.035, 0.055)
"""Half the room [m] that an open hand's fingers sweep: across them and along the line between them."""


@dataclass(frozen=True, eq=False)
class Goal:
    """What one execution of a skill is about, fixed when it begins.

    ``support`` is None for a pick. ``travel`` is the height [m] at which the hand may move freely, ``yaw`` the heading
    in [-pi, pi) that the hand should take.
    """

    target: str
    support: str | None
    travel: float
    yaw: float


@dataclass(frozen=True, eq=False)
class Situation:
    """One moment of an execution. Vectors [3] and lengths in metres, angles in radians."""

    commanded: Array
    """From the commanded tool centre point to where it should be."""
    measured: Array
    """From the measured one."""
    grip: Array
    """From the measured tool centre point to the object's middle."""
    yaw: float
    """How far the commanded heading must still turn."""
    spread: float
    """Gripper opening less the object's width: about 0 when it is held."""
    climb_commanded: float
    """How far the commanded point must rise to travel height."""
    climb_measured: float
    gripper_command: float
    half: float
    """Half the object's width."""

    def features(self) -> NDArray[np.float32]:
        """The network's input, float32 [45]."""
        vectors = np.concatenate(
            [self.commanded, self.measured, self.grip, [self.climb_commanded, self.climb_measured]]
        )
        scales = [vectors / 0.25, np.tanh(vectors / 0.03), np.tanh(vectors / 0.006)]  # 3 x [11]
        width = [self.spread / 0.04, np.tanh(self.spread / 0.01), np.tanh(self.spread / 0.002)]
        turn = [self.yaw / 0.8, np.tanh(self.yaw / 0.1), np.tanh(self.yaw / 0.02)]
        reach = np.tanh(np.linalg.norm(self.grip) / 0.03), np.tanh(np.linalg.norm(self.commanded[:2]) / 0.006)
        level = np.tanh(np.linalg.norm(self.measured[:2]) / 0.006), np.tanh(np.linalg.norm(self.grip) / 0.008)
        return np.array(
            [*np.concatenate(scales), *width, *turn, *reach, *level, self.gripper_command, self.half / 0.03],
            dtype=np.float32,
        )


def goal_of(step: PlanStep, scene: SceneEstimate) -> Goal:
    """The goal of ``pick(target, from)`` or ``place(target, onto)`` as the scene is now."""
    target, other = step.arguments
    support = other if step.operator == "place" else None
    half = scene[target].body.half_extents[2]
    tops = [e.pose.position[2] + e.body.half_extents[2] for n, e in scene.objects.items() if n != target]
    own = [scene[target].pose.position[2] + half] if support is None else [_rest(scene, target, support)[2] + half]
    travel = max(tops + own) + half + TRAVEL_CLEARANCE
    return Goal(target, support, travel, _grasp_heading(scene, target) if support is None else 0.0)


def situate(goal: Goal, scene: SceneEstimate) -> Situation:
    """The present moment of an execution with this goal."""
    proprio, estimate = scene.proprio, scene[goal.target]
    hand, command = proprio.tcp.position, proprio.target.position
    held = estimate.pose.position - hand
    wanted = estimate.pose.position if goal.support is None else _rest(scene, goal.target, goal.support) - held
    half = estimate.body.half_extents[1]
    return Situation(
        wanted - command,
        wanted - hand,
        held,
        _turn(goal, scene),
        proprio.gripper - 2 * half,
        goal.travel - command[2],
        goal.travel - hand[2],
        proprio.gripper_command,
        half,
    )


def _rest(scene: SceneEstimate, target: str, support: str) -> Array:
    """Where the middle of ``target`` comes to lie on ``support`` [3]."""
    base = scene[support]
    height = base.body.half_extents[2] + scene[target].body.half_extents[2] + RELEASE_GAP
    middle: Array = base.pose.position + np.array([0.0, 0.0, height])
    return middle


def _turn(goal: Goal, scene: SceneEstimate) -> float:
    """To the cube's heading nearest to the one chosen (pick), or to bring the cube square with the table (place)."""
    heading = gripper_yaw(scene.proprio.target.quaternion)
    cube = box_yaw(scene[goal.target].pose.quaternion)
    if goal.support is None:
        return wrap(goal.yaw + wrap(cube - goal.yaw, QUARTER) - heading)
    slip = wrap(cube - gripper_yaw(scene.proprio.tcp.quaternion), QUARTER)  # of the cube against the hand
    return wrap(-slip - heading, QUARTER)


def _grasp_heading(scene: SceneEstimate, target: str) -> float:
    """The heading along the cube's faces at which the open fingers have most room, the nearest one where it is a tie."""
    now = gripper_yaw(scene.proprio.target.quaternion)
    square = now + wrap(box_yaw(scene[target].pose.quaternion) - now, QUARTER)
    candidates = (square, square + QUARTER, square - QUARTER)
    within = [h for h in candidates if abs(wrap(h)) < 1.75]
    return wrap(max(within, key=lambda h: round(_room(scene, target, h), 3) - 1e-6 * abs(wrap(h - now))))


def _room(scene: SceneEstimate, target: str, heading: float) -> float:
    """Metres between the fingers' sweep at ``heading`` and the nearest neighbour, capped at zero: 0 means free."""
    here, half = scene[target].pose.position, scene[target].body.half_extents[1]
    along, across = np.array([-np.sin(heading), np.cos(heading)]), np.array([np.cos(heading), np.sin(heading)])
    room = 0.0
    for name, other in scene.objects.items():
        offset = other.pose.position - here
        if name == target or not other.body.movable or abs(offset[2]) > half + other.body.half_extents[2] - 0.004:
            continue  # not at the height of the fingers
        reach = 1.2 * other.body.half_extents[0]
        overlap = [
            limit + reach - abs(float(offset[:2] @ axis))
            for limit, axis in zip(_FINGER_REACH, (across, along), strict=True)
        ]
        room = min(room, -min(overlap))
    return room
