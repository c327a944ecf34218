"""Plays episodes as a run does and keeps what was seen and done in those that succeed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from nsctl.contracts import Agent, SuiteOptions, World
from nsctl.demos.demonstration import Demonstration, Heading, actions_array, images_of
from nsctl.errors import InvalidValue
from nsctl.observation_arrays import objects_array, proprio_array
from nsctl.player import Player
from nsctl.records import EpisodeRecord
from nsctl.run_config import RunConfig
from nsctl.scene import Action, Observation


@dataclass(frozen=True)
class DemoConfig(RunConfig):
    """What to record: ``episodes`` demonstrations, with pictures of ``cameras``, shown by ``agent``."""

    agent: str = "scripted"
    cameras: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.cameras)) < len(self.cameras):
            raise InvalidValue(f"a camera is named twice in {', '.join(self.cameras)}: name each once")

    def options(self, *, video: bool = False) -> SuiteOptions:
        """How the world is set up: as in a run, with the policy's cameras."""
        return replace(super().options(video=video), cameras=self.cameras)


@dataclass(frozen=True)
class Attempt:
    """One episode that was played for a recording, be it kept or not."""

    episode: int
    success: bool
    steps: int
    status: str
    reason: str = ""


class Recorder:
    """Plays the episode of a number; if it succeeds, its demonstration is put under ``parts``. See :class:`Play`."""

    def __init__(self, config: DemoConfig, parts: Path) -> None:
        self._parts = parts
        self._player = _TapedPlayer(config)

    def __call__(self, episode: int, /) -> Attempt:
        from nsctl.demos import minari_file

        record = self._player(episode)
        if record.success_at_end:
            minari_file.write_part(self._parts, self._player.demonstration(record))
        return Attempt(episode, record.success_at_end, record.steps, record.outcome.status, record.outcome.reason)

    def describe(self) -> dict[str, Any]:
        """Agent and world in their own words."""
        return {"agent": self._player.agent_description(), "world": self._player.world_description()}

    def close(self) -> None:
        """Give the world's resources back."""
        self._player.close()


class _TapedPlayer(Player):
    """A player whose world remembers the episode."""

    def demonstration(self, record: EpisodeRecord) -> Demonstration:
        """What was seen and done in the episode that was played last."""
        return cast(_Tape, self._world).demonstration(record)

    def _make(self) -> tuple[Agent, World]:
        agent, world = super()._make()
        return agent, cast(World, _Tape(agent, world))


class _Tape:
    """A world that remembers what it showed and what was done to it since it was reset."""

    def __init__(self, agent: Agent, world: World) -> None:
        self._agent, self._world = agent, world
        self._looks: list[Observation] = []
        self._actions: list[Action] = []
        self._subgoals: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def reset(self, seed: int, episode: int) -> Observation:
        look = self._world.reset(seed, episode)
        self._looks, self._actions, self._subgoals = [look], [], []
        return look

    def step(self, action: Action) -> Observation:
        self._subgoals.append(self._agent.subgoal)
        self._actions.append(action)
        self._looks.append(self._world.step(action))
        return self._looks[-1]

    def demonstration(self, record: EpisodeRecord) -> Demonstration:
        first = self._looks[0]
        heading = Heading(
            record.index,
            record.seed,
            first.instruction,
            record.initial_hash or "",
            tuple(first.objects or ()),
            tuple(dict(step) for step in record.skills),
            tuple(dict(event) for event in record.disturbances),
        )
        return Demonstration(
            heading,
            proprio=np.stack([proprio_array(look) for look in self._looks]),
            objects=np.stack([objects_array(look) for look in self._looks]),
            images=images_of(self._looks),
            actions=actions_array(self._actions),
            subgoals=tuple(self._subgoals),
        )
