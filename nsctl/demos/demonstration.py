"""One demonstration: what was seen, what was done and why, from the first look to the last.

``T`` is the number of control steps (50 ms each), ``n`` the number of bodies. There is one observation more than there
are actions: the last one shows what the last action led to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsctl.errors import InvalidValue
from nsctl.observation_arrays import POSE, PROPRIO, Floats
from nsctl.scene import ACTION_SIZE, Action, Observation

Pictures = NDArray[np.uint8]

ACTION = ("dx", "dy", "dz", "droll", "dpitch", "dyaw", "gripper")
"""The 7 numbers of an action, in [-1, 1]; see :mod:`nsctl.scene` for what 1 means."""


@dataclass(frozen=True)
class Heading:
    """What is true of a demonstration as a whole. ``number`` and ``seed`` decide its initial state, as in a run."""

    number: int
    seed: int
    instruction: str
    initial_hash: str
    """SHA-256 (16 hex digits) of the settled initial state."""
    bodies: tuple[str, ...]
    """Names of the bodies, in the order of ``objects``."""
    operators: tuple[Mapping[str, Any], ...] = ()
    """Operator steps in the order of their execution: step, status, reason, control steps."""
    disturbances: tuple[Mapping[str, Any], ...] = ()
    """What was done to the world, in order; empty unless disturbances were asked for."""


@dataclass(frozen=True, eq=False)
class Demonstration:
    """A successful episode."""

    heading: Heading
    proprio: Floats
    """float32 [T + 1, 23], see :data:`nsctl.observation_arrays.PROPRIO`."""
    objects: Floats
    """float32 [T + 1, n, 7]: observed position (m) and quaternion (w, x, y, z) of each body."""
    images: Mapping[str, Pictures]
    """Camera -> uint8 [T + 1, height, width, 3]."""
    actions: Floats
    """float32 [T, 7], see :data:`ACTION`."""
    subgoals: tuple[str, ...]
    """What the agent was about at each of the T steps, as the text of an operator, for example ``pick(disc1, left)``."""

    def __post_init__(self) -> None:
        looks = len(self.actions) + 1
        wanted = {
            "proprio": (self.proprio.shape, (looks, len(PROPRIO))),
            "objects": (self.objects.shape, (looks, len(self.heading.bodies), len(POSE))),
            "actions": (self.actions.shape, (looks - 1, ACTION_SIZE)),
            "subgoals": ((len(self.subgoals),), (looks - 1,)),
            **{f"images of {name}": (film.shape, (looks, *film.shape[1:3], 3)) for name, film in self.images.items()},
        }
        for name, (shape, right) in wanted.items():
            if shape != right:
                raise InvalidValue(f"episode {self.heading.number}: {name} must have the shape {right}, got {shape}")

    def __len__(self) -> int:
        """Control steps."""
        return len(self.actions)


def images_of(looks: Sequence[Observation]) -> dict[str, Pictures]:
    """The pictures of T + 1 observations, camera -> uint8 [T + 1, height, width, 3]."""
    cameras = looks[0].images or {}
    return {name: np.stack([(look.images or {})[name] for look in looks]) for name in cameras}


def actions_array(actions: Sequence[Action]) -> Floats:
    """The actions as the world obeys them: float32 [T, 7], clipped to [-1, 1]."""
    return np.clip(np.array(actions, dtype=np.float32).reshape(-1, ACTION_SIZE), -1.0, 1.0)
