"""What is seen and what is done: poses, bodies, observations, scene estimates and actions.

Units: metres, radians, seconds, joules. Quaternions are (w, x, y, z), unit length. The world frame stands in the
middle of the robot's base, x forward, y left, z up; the table top is z = 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nsctl.errors import InvalidValue, UnknownName

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Action = NDArray[np.float32]

Channel = Literal["sim_truth", "estimated", "pixels"]

TABLE = "table"
"""The symbolic object that has no body: where things lie that are on nothing else."""
ACTION_SIZE = 7
"""End-effector delta x y z, delta roll pitch yaw, gripper (-1 opens, +1 closes), as in robosuite and LIBERO."""
CONTROL_HZ = 20
MAX_TRANSLATION = 0.05
"""Metres that a full action of 1 moves the target of the tool centre point along an axis in one control step."""
MAX_ROTATION = 0.5
"""Radians that a full action of 1 turns that target about an axis in one control step."""


def vector(values: ArrayLike, size: int, what: str) -> Array:
    """``values`` as a read-only float64 [size] of its own; refuses another shape and numbers that are not finite."""
    array = np.array(values, dtype=np.float64)
    if array.shape != (size,) or not isfinite(sum(array.tolist())):  # quicker than asking each
        raise InvalidValue(f"{what} must be {size} finite numbers, got {array!r}")
    array.setflags(write=False)
    return array


def make_action(translation: ArrayLike, yaw: float, gripper: float) -> Action:
    """An action from a move in metres [3], a turn about z in radians and a gripper command, clipped to [-1, 1].

    The move is shortened as a whole, so that its direction is kept.
    """
    move = vector(translation, 3, "translation") / MAX_TRANSLATION
    move = move / max(1.0, float(np.abs(move).max()))
    turn, grip = np.clip(vector([yaw / MAX_ROTATION, gripper], 2, "yaw and gripper"), -1.0, 1.0)
    return np.array([*move, 0.0, 0.0, turn, grip], dtype=np.float32)


def hold_still(gripper: float) -> Action:
    """The action that moves nothing and keeps the gripper's command."""
    return make_action([0.0, 0.0, 0.0], 0.0, gripper)


@dataclass(frozen=True, eq=False)
class Pose:
    """Where a thing is: ``position`` [3] in metres, ``quaternion`` [4] (w, x, y, z)."""

    position: Array
    quaternion: Array = field(default_factory=lambda: np.array([1.0, 0.0, 0.0, 0.0]))

    def __post_init__(self) -> None:
        object.__setattr__(self, "position", vector(self.position, 3, "position"))
        quaternion = vector(self.quaternion, 4, "quaternion")
        w, x, y, z = quaternion.tolist()  # plain floats: numpy would spend twice the time on so few
        square = w * w + x * x + y * y + z * z
        if not 0.98 < square < 1.02:
            raise InvalidValue(f"quaternion must have length 1, got {sqrt(square):.3f}")
        object.__setattr__(self, "quaternion", quaternion)


@dataclass(frozen=True)
class Box:
    """A solid part of a body: half its size [m], where its middle lies in the body's frame [m], and its colour."""

    half_extents: tuple[float, float, float]
    at: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rgb: tuple[float, float, float] | None = None
    """The body's own colour if it is ``None``."""

    def __post_init__(self) -> None:
        _require_lengths("a box", self.half_extents)


@dataclass(frozen=True)
class Mount:
    """How a body hangs on another: at a point of that one's frame [m], sliding out along its x axis by ``travel`` [m]."""

    on: str
    at: tuple[float, float, float]
    travel: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.travel < inf:
            raise InvalidValue(f"a mount on {self.on!r} must travel >= 0 m, got {self.travel}")


@dataclass(frozen=True)
class Body:
    """A thing of a scene: its name, its symbolic type, half its size [m] and how it looks.

    A ``movable`` body is one solid box. Any other stays where it is put (or hangs on its ``mount``): with ``boxes`` it is
    a fixture that consists of them, and its frame stands in the middle of the box around them all, whose size it has;
    without it is a place, a mark that nothing touches.
    """

    name: str
    type: str
    half_extents: tuple[float, float, float]
    rgb: tuple[float, float, float] = (0.6, 0.6, 0.6)
    movable: bool = True
    boxes: tuple[Box, ...] = ()
    mount: Mount | None = None

    def __post_init__(self) -> None:
        _require_lengths(self.name, self.half_extents)
        if self.movable and (self.boxes or self.mount):
            raise InvalidValue(f"{self.name}: a movable body is one box and hangs on nothing; say movable=False")


def _require_lengths(what: str, half_extents: tuple[float, ...]) -> None:
    if len(half_extents) != 3 or not all(0 < extent < inf for extent in half_extents):
        raise InvalidValue(f"{what}: half extents must be 3 lengths > 0 m, got {half_extents}")


def require_scene(bodies: Sequence[Body]) -> None:
    """Refuse bodies that make no scene: a name that is taken, or a mount on what does not stand there before."""
    names = [TABLE, *(body.name for body in bodies)]
    for i, body in enumerate(bodies):
        if body.name in names[: i + 1]:
            raise InvalidValue(f"two things of a scene are called {body.name!r}: give each body a name of its own")
        if body.mount and body.mount.on not in (before := [b.name for b in bodies[:i] if not b.movable]):
            raise UnknownName(f"fixture before {body.name!r} in the list of bodies", body.mount.on, before)


@dataclass(frozen=True, eq=False)
class Proprioception:
    """What the robot knows of itself.

    ``joints`` [7] rad; ``tcp`` is the measured pose of the tool centre point, ``target`` the commanded one that
    actions move; ``gripper`` is the measured opening between the pads [m], ``gripper_command`` the last command.
    """

    joints: Array
    tcp: Pose
    target: Pose
    gripper: float
    gripper_command: float


@dataclass(frozen=True, eq=False)
class Observation:
    """One look at the world. ``channels`` says where each part came from: sim_truth, estimated or pixels."""

    proprio: Proprioception
    instruction: str
    channels: Mapping[str, Channel]
    objects: Mapping[str, Pose] | None = None
    object_sigma: float = 0.0
    """Standard deviation of the positions in ``objects`` [m]; 0 if they are exact."""
    images: Mapping[str, Image] | None = None
    """Camera name -> uint8 [height, width, 3]."""


@dataclass(frozen=True, eq=False)
class ObjectEstimate:
    """A body, where it is believed to be, and how sure that is (``sigma``, metres)."""

    body: Body
    pose: Pose
    sigma: float
    source: Channel


@dataclass(frozen=True, eq=False)
class SceneEstimate:
    """What an agent believes of the scene at one moment."""

    proprio: Proprioception
    objects: Mapping[str, ObjectEstimate]

    def __getitem__(self, name: str) -> ObjectEstimate:
        """The estimate of the object of this name; an unknown one is answered with the nearest match."""
        if name not in self.objects:
            raise UnknownName("object of the scene", name, self.objects)
        return self.objects[name]
