"""A task and an engine to test with: bodies stand where they are put, and nothing moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nsctl.geometry import from_yaw
from nsctl.scene import Body, Box, Pose
from nsctl.symbolic import Atom, Condition
from nsctl.task import InitialState, Task

HALF = 0.02


def block(name: str, half: Sequence[float] = (HALF, HALF, HALF)) -> Body:
    return Body(name, "block", (half[0], half[1], half[2]))


def roof(name: str, half: tuple[float, float, float]) -> Body:
    """A fixture that is one slab."""
    return Body(name, "roof", half, movable=False, boxes=(Box(half),))


def at(x: float, y: float, z: float = HALF, yaw: float = 0.0) -> Pose:
    return Pose(np.array([x, y, z]), from_yaw(yaw))


class Stage(Task):
    """Task and engine in one. ``moves`` keeps what was done: method, name and values."""

    name, version, horizon = "stage", 1, 1000
    domain_pddl, objects = "", {}
    goal: tuple[Condition, ...] = ()
    phrasings = ("",)

    def __init__(self, bodies: Iterable[Body], poses: Mapping[str, Pose], facts: Iterable[Atom] = ()) -> None:
        self.bodies, self.here, self.facts = tuple(bodies), dict(poses), frozenset(facts)
        self.held: frozenset[str] = frozenset()
        self.tcp = at(0.4, 0.0, 0.4)
        self.moves: list[tuple[str, str, Any]] = []

    def sample(self, rng: np.random.Generator) -> InitialState:
        return InitialState(self.here)

    def achieved(self, truth: Mapping[str, Pose]) -> bool:
        return False

    def poses(self) -> Mapping[str, Pose]:
        return dict(self.here)

    def touched(self) -> frozenset[str]:
        return self.held

    def place(self, name: str, pose: Pose) -> None:
        self.here[name] = pose
        self.moves.append(("place", name, pose))

    def push(self, name: str, velocity: Sequence[float]) -> None:
        self.moves.append(("push", name, np.array(velocity)))

    def alter(self, name: str, **factors: float) -> None:
        self.moves.append(("alter", name, factors))

    def move_camera(self, name: str, shift: Sequence[float]) -> None:
        self.moves.append(("move_camera", name, np.array(shift)))
