"""Who leads at each control step of an episode that is recorded, and what is then executed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nsctl.errors import InvalidValue
from nsctl.scene import Action, Observation
from policies.vla.episodes import Job
from policies.vla.expert import Advice
from policies.vla.pilot import EXECUTED, Pilot

if TYPE_CHECKING:
    from policies.vla.network import VLANetwork

NOISE = (0.15, 0.15, 0.15, 0.0, 0.0, 0.05, 0.0)
"""Standard deviation of what is added to the expert's actions in a demonstration, 10 cm and more from contact."""
KICKS = 0.004
"""The chance, at each step of a demonstration, that the hand is kicked off course: once in 250 steps."""
LEARNER_TURN, EXPERT_TURN = (1, 7), (2, 4)
"""Decisions for which the learner, and then the expert, leads in an episode of DAgger: from, and up to before."""


class Lead:
    """Who leads at each step of an episode, and what is then executed."""

    def __init__(self, job: Job, instruction: str) -> None:
        self._rng = job.rng
        self._script = job.script
        asked = job.kind == "dagger" and job.script is None
        self._pilot = Pilot(network_in(job.weights), instruction, self._rng) if asked else None
        self._kicks = _Kicks(self._rng, KICKS)
        self._turns = _turns(self._rng)
        self._step, self._learns = 0, False

    @property
    def over(self) -> bool:
        """Whether all that was to be done again has been."""
        return self._script is not None and self._step == len(self._script.led)

    def act(self, observation: Observation, advice: Advice) -> tuple[Action, bool]:
        """The action to execute, and whether the expert led."""
        step, self._step = self._step, self._step + 1
        if self._script is not None:
            return self._script.executed[step], bool(self._script.led[step])
        if self._pilot is not None:
            action = self._pilot.act(observation)  # it looks on while the expert leads: its history is what it has seen
            if step % EXECUTED == 0:
                self._learns = next(self._turns)
            if self._learns:
                return action, False
            return advice.action, True
        return self._kicks.at(advice, noisy(advice, self._rng)), True


def _turns(rng: np.random.Generator) -> Iterator[bool]:
    """For each decision whether the learner leads."""
    while True:
        yield from [True] * int(rng.integers(*LEARNER_TURN))
        yield from [False] * int(rng.integers(*EXPERT_TURN))


def noisy(advice: Advice, rng: np.random.Generator) -> Action:
    """The expert's action with noise in the hand, which is weaker near contact; never in the gripper."""
    noise = distance(advice) * rng.normal(size=7) * NOISE
    return np.clip(advice.action + noise, -1.0, 1.0).astype(np.float32)


def distance(advice: Advice) -> float:
    """How far the hand is from where it can spoil something: 0 at the goal, 0.06 at contact, 1 from 10 cm on."""
    if advice.moment is None:
        return 0.0
    return float(np.clip(np.linalg.norm(advice.moment.hand.measured) / 0.10, 0.06, 1.0))


class _Kicks:
    """A few wrong moves in a row, now and then."""

    def __init__(self, rng: np.random.Generator, chance: float) -> None:
        self._rng, self._chance, self._left = rng, chance, 0
        self._move = np.zeros(6, np.float32)

    def at(self, advice: Advice, action: Action) -> Action:
        """What is executed in place of ``action``; a kick leaves the gripper alone, and is gentle near contact."""
        if not self._left and self._rng.random() < self._chance:
            self._left = int(self._rng.integers(2, 7))
            self._move = np.array(
                [*self._rng.uniform(-0.6, 0.6, 3), 0.0, 0.0, self._rng.uniform(-0.4, 0.4)], np.float32
            )
        if not self._left:
            return action
        self._left -= 1
        return np.append(distance(advice) * self._move, action[6]).astype(np.float32)


@lru_cache(1)
def network_in(weights: Path | None) -> VLANetwork:
    """The network whose weights lie in this folder, on the CPU."""
    if weights is None:
        raise InvalidValue("an episode that the learner plays needs its weights")
    from policies.vla.weights import read_network

    return read_network(weights)
