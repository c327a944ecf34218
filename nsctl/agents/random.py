"""An agent that moves at random: the floor that every other agent must clear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nsctl.contracts import AgentReport, PhaseClock
from nsctl.ledger import NOTHING
from nsctl.scene import ACTION_SIZE, Action, Observation
from nsctl.task import Brief
from nsctl.training_joules import UNTRAINED


class RandomAgent:
    """Draws every action from the uniform distribution over [-1, 1]^7."""

    name = "random"
    subgoal = "moving at random"

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self._clock: PhaseClock | None = None

    def reset(self, task: Brief, seed: int, clock: PhaseClock) -> None:
        self._rng, self._clock = np.random.default_rng(seed), clock

    def act(self, observation: Observation) -> Action:
        if self._clock is None:
            return self._draw()
        with self._clock.phase("policy"):
            return self._draw()

    def report(self) -> AgentReport:
        return AgentReport()

    def describe(self) -> Mapping[str, Any]:
        return {"reads": [], "training": dict(UNTRAINED), "knowledge": dict(NOTHING)}

    def _draw(self) -> Action:
        return self._rng.uniform(-1.0, 1.0, ACTION_SIZE).astype(np.float32)
