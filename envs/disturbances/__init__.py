"""Disturbances: each kind a small class, all that were asked for at work on one episode, every event kept.

``docs/disturbances.md`` is the table of kinds. Each has a stream of random numbers of its own, keyed by its name, so that
one more of them changes nothing that another draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np

from envs.disturbances.actuation import Lag, Slip
from envs.disturbances.alterations import CameraShift, Friction, Mass
from envs.disturbances.effect import Effect, Figures
from envs.disturbances.hand import Hand, Push, Snatch
from envs.disturbances.tracking import Dropout, Noise
from envs.engine import Engine
from nsctl.disturbance import Disturbance
from nsctl.scene import Array, Pose
from nsctl.task import Task

EFFECTS: Mapping[str, type[Effect]] = {
    "push": Push,
    "snatch": Snatch,
    "hand": Hand,
    "slip": Slip,
    "noise": Noise,
    "dropout": Dropout,
    "lag": Lag,
    "friction": Friction,
    "mass": Mass,
    "camera": CameraShift,
}
"""The class of each kind of :data:`nsctl.disturbance.KINDS`, in the order in which they act."""


class Disturbances:
    """What disturbs one episode, and what has been done so far. Without ``effects`` it changes nothing."""

    def __init__(self, effects: Iterable[tuple[Disturbance, Effect]] = ()) -> None:
        self._effects = tuple(effects)
        self.events: list[Mapping[str, Any]] = []

    def begin(self) -> None:
        """The scene has settled."""
        for asked, effect in self._effects:
            self._note(0, asked, effect.begin())

    def before_step(self, step: int) -> None:
        for asked, effect in self._effects:
            self._note(step, asked, effect.before_step(step))

    def command(self, action: Array) -> Array:
        for _, effect in self._effects:
            action = effect.command(action)
        return action

    def opening(self, metres: float) -> float:
        for _, effect in self._effects:
            metres = effect.opening(metres)
        return metres

    def read(self, poses: Mapping[str, Pose]) -> Mapping[str, Pose]:
        for _, effect in self._effects:
            poses = effect.read(poses)
        return poses

    def _note(self, step: int, asked: Disturbance, figures: Figures | None) -> None:
        if figures is not None:
            self.events.append({"step": step, "kind": asked.kind, "strength": asked.strength, **figures})


def disturbances_of(
    asked: Sequence[Disturbance], task: Task, engine: Engine, seed: np.random.SeedSequence
) -> Disturbances:
    """What disturbs one episode. Each kind's stream is a child of ``seed`` that its name alone decides."""
    wanted = sorted((d for d in asked if d.strength), key=lambda d: list(EFFECTS).index(d.kind))
    effects = []
    for disturbance in wanted:
        key = (*seed.spawn_key, crc32(disturbance.kind.encode()))
        rng = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=key))
        effects.append((disturbance, EFFECTS[disturbance.kind](disturbance.strength, rng, task, engine)))
    return Disturbances(effects)
