"""Looking on while an agent plays: in a window at the world's own pace, or filmed where there is no display."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from nsctl import registry, tasks
from nsctl.contracts import Agent, World
from nsctl.episode import Episode, play
from nsctl.files import make_folder
from nsctl.phases import EpisodeClock
from nsctl.player import require_fit, shown_to
from nsctl.run_config import RunConfig
from nsctl.scene import CONTROL_HZ
from nsctl.video import Film

Tell = Callable[[int, str], None]
"""Hears the control steps so far and the agent's subgoal, whenever that changes, and what is done to the world."""


def watch(config: RunConfig, speed: float, tell: Tell) -> Episode:
    """Play the first episode of ``config`` in a window, ``speed`` times as fast as life.

    Without a display this raises :class:`nsctl.errors.NoWindow`, before anything is played.
    """
    world, agent = _make(config, video=False)
    try:
        world.reset(config.seed, 0)
        world.show()
    except BaseException:
        world.close()
        raise
    begun = time.monotonic()

    def look(steps: int) -> None:
        if not world.show():  # no Exception, which would be the episode's own
            raise KeyboardInterrupt("the window was closed")
        time.sleep(max(0.0, begun + steps / (CONTROL_HZ * speed) - time.monotonic()))

    return _play(world, agent, config, look, tell)


def film(config: RunConfig, folder: Path, tell: Tell) -> tuple[Episode, Path]:
    """Play the first episode of ``config`` into ``<task>-<seed>.webp`` in ``folder``."""
    make_folder(folder, "film")
    world, agent = _make(config, video=True)
    stem = folder / f"{config.task}-{config.seed}"
    reel = Film(stem)
    episode = _play(world, agent, config, lambda steps: reel.look(world, steps), tell)
    reel.close()
    return episode, stem.with_suffix(".webp")


def _make(config: RunConfig, *, video: bool) -> tuple[World, Agent]:
    agent: Agent = registry.load("agents", config.agent)()
    agent.describe()  # reads weights now and not in the first step
    suite, task = tasks.suite_of(config.task), tasks.find(config.task)
    require_fit(agent, task)
    return suite.world(task, shown_to(agent, config.options(video=video))), agent


def _play(world: World, agent: Agent, config: RunConfig, look: Callable[[int], None], tell: Tell) -> Episode:
    last, events = "", 0

    def watched(steps: int) -> None:
        nonlocal last, events
        for event in world.disturbances[events:]:
            tell(steps, "! " + ", ".join(f"{key} {value}" for key, value in event.items() if key != "step"))
        events = len(world.disturbances)
        if agent.subgoal != last:
            last = agent.subgoal
            tell(steps, last)
        look(steps)

    try:
        return play(world, agent, EpisodeClock(()), config.seed, 0, watched)
    finally:
        world.close()
