"""What an engine must do to carry a world: move the arm and the bodies, and tell where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nsctl.scene import Array, Body, Image, Pose

TABLE_CENTRE = (0.5, 0.0)
TABLE_HALF = (0.4, 0.4)
"""The table's middle and half its size in the plane [m]; its top is z = 0."""
MAX_OPENING = 0.08
"""Travel of the pads [m]: a gripper that is commanded wide open reads 3 mm more, the gap between its closed pads."""


class Engine(Protocol):
    """A Franka Panda at a table with bodies on it."""

    name: str

    def __init__(self, bodies: Sequence[Body], cameras: tuple[str, ...] = (), *, video: bool = False) -> None: ...

    def reset(self, poses: Mapping[str, Pose]) -> None:
        """The arm at home with an open gripper, every body at its pose, everything at rest."""

    def control(self, target: Pose, opening: float) -> None:
        """One control step (50 ms): move the tool centre point towards ``target`` and the pads to ``opening`` [m]."""

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
        """The movable bodies that a finger pad touches."""

    def place(self, name: str, pose: Pose) -> None:
        """Put a movable body somewhere at rest, as a hand would."""

    def push(self, name: str, velocity: Sequence[float]) -> None:
        """Give a movable body a linear velocity [3], m/s."""

    def save(self) -> NDArray[np.float64]:
        """The full state: what :meth:`restore` needs to go on exactly from here."""

    def restore(self, state: NDArray[np.float64]) -> None: ...

    def render(self, camera: str) -> Image:
        """A policy camera's picture, uint8 [128, 128, 3]."""

    def film(self) -> Image:
        """A prettier picture for people, uint8 [height, width, 3]."""

    def describe(self) -> Mapping[str, Any]:
        """Name and version of the simulator."""

    def close(self) -> None: ...
