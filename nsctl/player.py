"""An agent in a world, ready to play any episode of a run and to write down how it went."""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from math import gcd
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nsctl import registry, tasks
from nsctl.contracts import Agent, AgentReport, Sight, SuiteOptions, World
from nsctl.custom_skills import lend, origins
from nsctl.episode import Episode, play
from nsctl.errors import BrokenPart, Unfit
from nsctl.metering import counters
from nsctl.outcomes import EpisodeOutcome
from nsctl.phases import AGENT_PHASES, EpisodeClock
from nsctl.record_folder import line_of
from nsctl.records import EpisodeRecord, FigureRecord, OutcomeRecord, PhaseSeconds, complaint
from nsctl.run_config import RunConfig
from nsctl.task import Task

Watch = Callable[[int, int, str], None]
"""Is told the episode, the control steps so far and what the agent is about."""
AGENT_MEMBERS = ("name", "reset", "act", "subgoal", "report", "describe")
WATCH_EVERY = 20
"""Control steps between two calls of a :data:`Watch`; one second of the world's time."""


class Player:
    """Makes its agent and world once and plays episodes with them, whichever and in any order.

    After an episode that ended in an exception both are made anew, so that nothing of it is left. ``video`` is a folder;
    a film that fails spoils no episode, and the first failure is told by a warning.
    """

    def __init__(self, config: RunConfig, video: Path | None = None) -> None:
        self.config, self.run = config, ""
        self.watch: Watch = _nobody
        self._video, self._filming = video, True
        self._agent, self._world = self._make()

    def agent_description(self) -> dict[str, Any]:
        """The agent in its own words, and the distribution that it comes from; also of the skills that it was lent."""
        part = registry.find("agents", self.config.agent.partition(":")[0])
        lent = {"lent_skills": dict(origins(self.config.skills))} if self.config.skills else {}
        return {**self._agent.describe(), **lent, "part": f"{part.distribution} {part.version}: {part.target}"}

    def world_description(self) -> dict[str, Any]:
        """The world in its own words."""
        return dict(self._world.describe())

    @property
    def channels(self) -> Mapping[str, Any]:
        """The channels of the world's observations."""
        return self._world.channels

    def __call__(self, index: int, /) -> EpisodeRecord:
        """Play the episode of this number."""
        film = self._film(index)
        clock = EpisodeClock(counters(shared=self.config.workers > 1))

        def watch(steps: int) -> None:
            if film is not None:
                film.look(self._world, steps)
            if steps % WATCH_EVERY == 0:
                self.watch(index, steps, self._agent.subgoal)

        watched = film is not None or self.watch is not _nobody
        episode = play(self._world, self._agent, clock, self.config.seed, index, watch if watched else None)
        record = self._written_down(index, episode)
        if film is not None:
            film.close()
        if record.outcome.status == "errored":
            self.close()
            self._agent, self._world = self._make()
        return record

    def close(self) -> None:
        """Give the world's resources back; the player is of no use afterwards."""
        with suppress(Exception):  # a world that failed may fail here again
            self._world.close()

    def _make(self) -> tuple[Agent, World]:
        agent = _made(self.config.agent)
        if lacking := [name for name in AGENT_MEMBERS if not hasattr(agent, name)]:
            raise BrokenPart(f"the agent {self.config.agent!r} lacks {', '.join(lacking)}: see nsctl.contracts.Agent")
        lend(agent, self.config.skills)
        agent.describe()  # reads weights, hashes them: no episode shall pay for that
        suite = tasks.suite_of(self.config.task)
        options = shown_to(agent, self.config.options(video=self._video is not None))
        task = tasks.find(self.config.task)
        require_fit(agent, task)
        return agent, suite.world(task, options)

    def _film(self, index: int) -> Any:
        if self._video is None:
            return None
        from nsctl.video import CarefulFilm

        return CarefulFilm(self._video / f"episode-{index:04d}", self._warn)

    def _warn(self, why: str) -> None:
        """Tell of the first film that failed."""
        if self._filming:
            warnings.warn(f"{why}; the episodes are played and kept without", RuntimeWarning, stacklevel=2)
        self._filming = False

    def _written_down(self, index: int, episode: Episode) -> EpisodeRecord:
        """The record; where agent or world tell what no record can hold, that of an errored episode, without it."""
        try:
            record = self._record(index, episode, begun=episode.initial_hash is not None)
            line_of(record)
            return record
        except Exception as error:  # the episode is lost, the run is not
            why = complaint(error) if isinstance(error, ValidationError) else f"{type(error).__name__}: {error}"
            lost = EpisodeOutcome("errored", f"no record can be made of the episode: {why}")
            return self._record(index, replace(episode, outcome=lost, report=AgentReport()), begun=False)

    def _record(self, index: int, episode: Episode, *, begun: bool) -> EpisodeRecord:
        world, report, outcome = self._world, episode.report, episode.outcome
        joules = {name: FigureRecord.of(cost.joules) for name, cost in episode.costs.items()}
        sums = {
            "agent": FigureRecord.total(joules[name] for name in AGENT_PHASES),
            "total": FigureRecord.total(joules.values()),
        }
        return EpisodeRecord(
            run=self.run,
            task=self.config.task,
            index=index,
            seed=self.config.seed,
            initial_hash=episode.initial_hash,
            final_hash=world.state_hash() if outcome.status != "errored" else None,
            outcome=OutcomeRecord(status=outcome.status, reason=outcome.reason),
            success_once=begun and world.success_once,
            success_at_end=outcome.status == "succeeded",
            steps=episode.steps,
            plan_length=report.plan_length,
            plans=report.plans,
            replans=report.replans,
            retries=report.retries,
            looks=report.looks,
            skills=tuple(dict(step) for step in report.steps),
            disturbances=tuple(dict(event) for event in world.disturbances) if begun else (),
            robot=getattr(world, "robot_work", None) if begun else None,
            seconds={
                name: PhaseSeconds(wall=cost.wall, cpu=cost.cpu, children=cost.children)
                for name, cost in episode.costs.items()
            },
            joules=joules | sums,
        )


def _made(name: str) -> Agent:
    """A fresh agent; a variant (``name:variant``) is refused of one that has none."""
    make = registry.load("agents", name)
    base, _, variant = name.partition(":")
    if variant:
        try:
            inspect.signature(registry.load("agents", base)).bind(variant)
        except TypeError as error:
            raise Unfit(f"the agent {base!r} has no variants: leave {':' + variant!r} out") from error
    agent: Agent = make()
    return agent


def shown_to(agent: Agent, options: SuiteOptions) -> SuiteOptions:
    """``options`` for a world that shows the agent what it asks to see: its ``sight``, if it has one.

    Where others want pictures too, they are drawn as often as both need.
    """
    sight: Sight = getattr(agent, "sight", Sight())
    cameras = tuple(dict.fromkeys((*options.cameras, *sight.cameras)))
    wanted = [options.pictures_every] * bool(options.cameras) + [sight.every] * bool(sight.cameras)
    every = gcd(*wanted) or 1
    return replace(options, cameras=cameras, objects=options.objects and sight.objects, pictures_every=every)


def require_fit(agent: Agent, task: Task) -> None:
    """Refuse an agent that says of itself that it cannot play the task; any other trouble is told by its episodes."""
    try:
        agent.reset(task.brief(), 0, EpisodeClock())
    except Unfit:
        raise
    except Exception:
        logging.getLogger(__name__).debug("the agent cannot be reset", exc_info=True)


def _nobody(episode: int, steps: int, subgoal: str) -> None:
    """Watches nothing."""
