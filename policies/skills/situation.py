"""What a skill sees: its target relative to the hand, and nothing else.

All vectors are differences of positions in world axes, so that a skill works wherever the arm can reach. A network gets
each of them at three scales, d / 0.25, tanh(d / 0.03) and tanh(d / 0.006), because a millimetre at the grasp matters as
much as a decimetre on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import hypot, tanh
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nsctl.geometry import QUARTER, box_yaw, gripper_yaw, wrap
from nsctl.scene import TABLE, Array, SceneEstimate
from nsctl.symbolic import PlanStep
from policies.skills.room import best_heading, free_spot

TRAVEL_CLEARANCE = 0.03
"""Metres between what is carried and the highest thing on the table while the hand travels."""
RELEASE_GAP = 0.001
"""Metres above its support that an object is let go."""
FEATURES = 45
STROKE_FEATURES = FEATURES + 26
"""Of a situation that knows of a lane, too: see :func:`lane_features`."""


@dataclass(frozen=True, eq=False)
class Goal:
    """What one execution of a skill is about, fixed when it begins.

    To pick, both ``support`` and ``spot`` are None; to put down, one of them says where: a body, or x and y on the table.
    ``travel`` is the height [m] at which the hand may move freely. ``yaw`` is the heading in [-pi, pi) of the hand for a
    pick, and of the object, up to quarter turns, otherwise.
    """

    target: str
    travel: float
    yaw: float
    support: str | None = None
    spot: Array | None = None

    @property
    def picks(self) -> bool:
        """Whether the object is to be taken, not put down."""
        return self.support is None and self.spot is None

    def rest(self, scene: SceneEstimate) -> Array:
        """Where the middle of the object comes to lie [3]."""
        height = scene[self.target].body.half_extents[2] + RELEASE_GAP
        if self.support is None:
            return np.array([*self.spot, height]) if self.spot is not None else scene[self.target].pose.position
        base = scene[self.support]
        middle: Array = base.pose.position + np.array([0.0, 0.0, base.body.half_extents[2] + height])
        return middle


class Moment(Protocol):
    """What a skill sees of one moment: the hand against a point, and whatever else its operator needs."""

    @property
    def hand(self) -> Situation: ...

    def features(self) -> NDArray[np.float32]:
        """The network's input, float32 [F]."""


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

    @property
    def hand(self) -> Situation:
        """Itself: see :class:`Moment`."""
        return self

    def features(self) -> NDArray[np.float32]:
        """The network's input, float32 [45]."""
        vectors = np.concatenate(
            [self.commanded, self.measured, self.grip, [self.climb_commanded, self.climb_measured]]
        )
        scales = three_scales(vectors)  # [33]
        width = (self.spread / 0.04, tanh(self.spread / 0.01), tanh(self.spread / 0.002))
        turn = (self.yaw / 0.8, tanh(self.yaw / 0.1), tanh(self.yaw / 0.02))
        # Plain floats: numpy would spend more time on calls than on these few numbers.
        away = hypot(*self.grip.tolist())
        reach = (tanh(away / 0.03), tanh(hypot(*self.commanded[:2].tolist()) / 0.006))
        level = (tanh(hypot(*self.measured[:2].tolist()) / 0.006), tanh(away / 0.008))
        rest = (*width, *turn, *reach, *level, self.gripper_command, self.half / 0.03)
        return np.concatenate([scales, rest]).astype(np.float32)


def three_scales(lengths: Array) -> Array:
    """``lengths`` [n] in metres as a network gets them, [3n]: from afar, near by and at contact."""
    return np.concatenate([lengths / 0.25, np.tanh(lengths / 0.03), np.tanh(lengths / 0.006)])


def lane_features(
    hand: Situation, way: Array, left: float, aside: Array | None = None, beside: Sequence[float] = (0.0, 0.0, 0.0)
) -> NDArray[np.float32]:
    """The input of a network that moves a thing along the unit vector ``way`` [3], float32 [71].

    ``left`` is how far, ``aside`` [3] how far beside its lane the thing is, and ``beside`` three more lengths; in metres.
    What an operator has no use for is 0.
    """
    across = np.zeros(3) if aside is None else aside
    lengths = np.array([*(left * way[:2]), left, *across[:2], *beside])  # [8]
    return np.concatenate([hand.features(), three_scales(lengths), way[:2]]).astype(np.float32)


def goal_of(step: PlanStep, scene: SceneEstimate) -> Goal:
    """The goal of ``pick(target, from)``, ``place(target, place)`` or ``stack(target, block)`` as the scene is now."""
    target, other = step.arguments
    tops = [e.pose.position[2] + e.body.half_extents[2] for n, e in scene.objects.items() if n != target]
    now = gripper_yaw(scene.proprio.target.quaternion)
    here = scene[target].pose
    if step.operator == "pick":
        square = now + wrap(box_yaw(here.quaternion) - now, QUARTER)
        heading = best_heading(scene, target, here.position, square, now)
        return Goal(target, _travel(scene, target, [*tops, here.position[2]]), heading)
    support, spot = (None, free_spot(scene, target)) if other == TABLE else (other, None)
    goal = Goal(target, 0.0, 0.0, support, spot)
    rest, slip = goal.rest(scene), _slip(target, scene)
    aligned = box_yaw(scene[other].pose.quaternion) if support and not scene[other].body.movable else 0.0
    square = now + wrap(aligned - slip - now, QUARTER)
    heading = best_heading(scene, target, rest, square, now)
    return replace(goal, travel=_travel(scene, target, [*tops, rest[2]]), yaw=wrap(heading + slip))


def situate(goal: Goal, scene: SceneEstimate) -> Situation:
    """The present moment of an execution with this goal."""
    proprio, estimate = scene.proprio, scene[goal.target]
    hand, command = proprio.tcp.position, proprio.target.position
    held = estimate.pose.position - hand
    wanted = estimate.pose.position if goal.picks else goal.rest(scene) - held
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


def _travel(scene: SceneEstimate, target: str, heights: Sequence[float]) -> float:
    """Travel height [m] over things of these heights; that of the target is its middle's."""
    half = scene[target].body.half_extents[2]
    return max([*heights[:-1], heights[-1] + half]) + half + TRAVEL_CLEARANCE


def _turn(goal: Goal, scene: SceneEstimate) -> float:
    """To the object's heading nearest to the one chosen (pick), or to bring the object square (place)."""
    heading = gripper_yaw(scene.proprio.target.quaternion)
    if goal.picks:
        return wrap(goal.yaw + wrap(box_yaw(scene[goal.target].pose.quaternion) - goal.yaw, QUARTER) - heading)
    return wrap(goal.yaw - _slip(goal.target, scene) - heading)


def _slip(target: str, scene: SceneEstimate) -> float:
    """How far the object is turned against the hand, in [-pi/4, pi/4)."""
    return wrap(box_yaw(scene[target].pose.quaternion) - gripper_yaw(scene.proprio.tcp.quaternion), QUARTER)
