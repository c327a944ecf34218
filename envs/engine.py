"""What an engine must do to carry a world: move the arm and the bodies, and tell where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from envs.cameras import FIXED
from nsctl.errors import InvalidValue
from nsctl.records import RobotWork
from nsctl.scene import Array, Body, Image, Pose

TABLE_CENTRE = (0.5, 0.0)
TABLE_HALF = (0.4, 0.4)
"""The table's middle and half its size in the plane [m]; its top is z = 0."""
DENSITY = 500.0
"""kg/m3 of every solid part: a 45 mm cube weighs 46 g."""
RAIL_DAMPING, RAIL_FRICTION = 2.0, 0.5
"""What a sliding body feels of its rail [N s/m, N]: it stays where it is let go."""
MAX_OPENING = 0.08
"""Travel of the pads [m]: a gripper that is commanded wide open reads 3 mm more, the gap between its closed pads."""

T = TypeVar("T")


class Engine(Protocol):
    """A Franka Panda at a table with bodies on it. ``cameras`` and ``video`` say what will be asked of it."""

    name: str

    def __init__(self, bodies: Sequence[Body], cameras: tuple[str, ...] = (), *, video: bool = False) -> None: ...

    def reset(self, poses: Mapping[str, Pose]) -> None:
        """The arm at home with an open gripper, every body at its pose, everything at rest, every change undone."""

    def control(self, target: Pose, opening: float) -> None:
        """One control step (50 ms): move the tool centre point towards ``target`` and the pads to ``opening`` [m]."""

    @property
    def work(self) -> RobotWork:
        """What the arm's joints did since :meth:`reset` or :meth:`forget_work`, by each substep's torque and velocity.

        A saved state holds none of it: what is tried and undone by :meth:`restore` has been done all the same. An
        engine that cannot tell leaves both members out.
        """

    def forget_work(self) -> None: ...

    @property
    def tcp(self) -> Pose: ...

    @property
    def joints(self) -> Array:
        """Joint angles [7], rad."""

    @property
    def opening(self) -> float:
        """Metres between the pads."""

    def poses(self) -> Mapping[str, Pose]:
        """True pose of every body."""

    def touched(self) -> frozenset[str]:
        """The movable and sliding bodies that a finger pad touches."""

    def place(self, name: str, pose: Pose) -> None:
        """Put a movable body somewhere at rest, as a hand would."""

    def push(self, name: str, velocity: Sequence[float]) -> None:
        """Give a movable body a linear velocity [3], m/s."""

    def alter(self, name: str, *, friction: float = 1.0, mass: float = 1.0) -> None:
        """Multiply what a movable body's sliding friction and mass were at first, until the next reset."""

    def move_camera(self, name: str, shift: Sequence[float]) -> None:
        """Move a fixed camera from where it stood at first by ``shift`` [3], m, until the next reset."""

    def numbers(self) -> Array:
        """Positions and velocities of the arm and of every body, in a fixed order: equal if and only if the state is."""

    def save(self) -> Any:
        """All that :meth:`restore` needs to go on exactly from here, in this engine."""

    def restore(self, state: Any) -> None: ...

    def render(self, camera: str) -> Image:
        """A policy camera's picture, uint8 [128, 128, 3]."""

    def film(self) -> Image:
        """A prettier picture for people, uint8 [360, 480, 3]."""

    def show(self) -> bool:
        """Draw the present state in a window, which the first call opens; says whether it is still open.

        Without a display this raises a :class:`nsctl.errors.NoWindow` that says so.
        """

    def describe(self) -> Mapping[str, Any]:
        """Name and version of the simulator."""

    def close(self) -> None: ...


def require_movable(name: str, bodies: Mapping[str, Body]) -> None:
    """Refuse to move what stays where it is put, or is not there."""
    if name not in bodies or not bodies[name].movable:
        movable = ", ".join(n for n, body in bodies.items() if body.movable)
        raise InvalidValue(f"{name!r} cannot be moved; these can: {movable}")


def require_fixed(camera: str) -> None:
    """Refuse to move a camera that stands nowhere fixed."""
    if camera not in FIXED:
        raise InvalidValue(f"camera {camera!r} stands nowhere fixed; these do: {', '.join(FIXED)}")


def asked_for(camera: str, cameras: Mapping[str, T]) -> T:
    """The camera of this name among those that the engine was made with."""
    if camera not in cameras:
        raise InvalidValue(f"camera {camera!r} was not asked for; this world has: {', '.join(cameras) or 'none'}")
    return cameras[camera]


def required_film(film: T | None) -> T:
    """What draws for people, if the engine was made with it."""
    if film is None:
        raise InvalidValue("this world was made without video: make it with video=True")
    return film
