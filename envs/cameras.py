"""Where the cameras stand: the same on every engine.

The policy's fixed cameras are placed so that a block of 40 mm is at least 10 pixels wide anywhere a task puts one, in
pictures of 128 x 128.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nsctl.scene import Array

SIZE = 128
"""Height and width of a policy camera's picture."""
FILM_SIZE = (360, 480)
"""Height and width of the pictures for people."""
WRIST = "wrist"


@dataclass(frozen=True)
class Camera:
    """``position`` and the point it looks ``towards`` [m]; ``up`` is held level; vertical ``field_of_view`` in degrees."""

    position: tuple[float, float, float]
    towards: tuple[float, float, float]
    field_of_view: float
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)

    def axes(self) -> Array:
        """The camera's axes [3, 3] as columns: right, up, and backwards (against the line of sight)."""
        forward = np.subtract(self.towards, self.position)
        right = np.cross(forward, self.up)
        axes = np.stack([right, np.cross(right, forward), -forward], axis=1)
        unit: Array = axes / np.linalg.norm(axes, axis=0)
        return unit


FIXED = {
    "front": Camera((1.62, 0.0, 1.66), (0.48, 0.0, 0.03), 14.2),
    "side": Camera((0.48, 1.14, 1.66), (0.48, 0.0, 0.03), 14.2),
    "film": Camera((0.95, -0.98, 0.78), (0.38, 0.0, 0.20), 43.0),
}
"""In world axes. The policy's stand far off, so that a block is as large behind as in front."""
ON_HAND = Camera((0.07, 0.0, 0.02), (-0.18, 0.0, 1.02), 70.0, up=(1.0, 0.0, 0.0))
"""The wrist camera, in the hand's frame: along the approach axis, tilted towards the fingers."""
POLICY = ("front", "side", WRIST)
"""The cameras that a policy may ask for."""
