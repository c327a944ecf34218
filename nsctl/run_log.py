"""Shows a run to other tools while it goes on: ``nsctl run --log tensorboard``.

The record is the truth, and a log is a guest: it is told of episodes between them, outside of every phase; what goes
wrong with it is told once and spoils nothing. A run that is gone on with is logged once more from its first episode.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nsctl.log_tools import Log, make
from nsctl.record_folder import RUN
from nsctl.records import EpisodeRecord
from nsctl.run_config import RunConfig
from nsctl.summary import Summary


class Logs:
    """A listener of a run that passes on each episode; ``place`` gives the folder of a record by its id."""

    live = False

    def __init__(self, names: Sequence[str], place: Callable[[str], Path]) -> None:
        self._logs = {name: make(name) for name in names}
        self._place, self._opened = place, False

    def begin(self, config: RunConfig, done: Sequence[EpisodeRecord]) -> None:
        for episode in done:
            self.ended(episode)

    def step(self, episode: int, steps: int, subgoal: str) -> None:
        """Is never called."""

    def ended(self, episode: EpisodeRecord) -> None:
        if not self._opened:
            self._opened = True
            folder = self._place(episode.run)
            fields = json.loads((folder / RUN).read_text(encoding="utf-8")) if self._logs else {}
            self._each(lambda log: log.open(folder, fields))
        values = episode_values(episode)
        self._each(lambda log: log.episode(episode.index, values))

    def summary(self, summary: Summary) -> None:
        """The run is complete; what was never opened (a run that was complete before) stays closed."""
        if self._opened:
            values = summary_values(summary)
            self._each(lambda log: log.summary(values))

    def close(self) -> None:
        """Close what is open."""
        if self._opened:
            self._each(lambda log: log.close())

    def _each(self, tell: Callable[[Log], None]) -> None:
        for name, log in list(self._logs.items()):
            try:
                tell(log)
            except Exception as error:
                del self._logs[name]
                why = f"{type(error).__name__}: {error}"
                warnings.warn(f"the log {name} failed: {why}; the run goes on without", RuntimeWarning, stacklevel=2)


@contextmanager
def logs(names: Sequence[str], place: Callable[[str], Path]) -> Iterator[Logs]:
    """The logs of these names, closed at the end; refuses unknown names and tools that are not installed."""
    made = Logs(tuple(dict.fromkeys(names)), place)
    try:
        yield made
    finally:
        made.close()


class Listeners:
    """Several listeners that are told one after the other."""

    def __init__(self, *listeners: Any) -> None:
        self._listeners = [listener for listener in listeners if listener is not None]
        self.live = any(listener.live for listener in self._listeners)

    def begin(self, config: RunConfig, done: Sequence[EpisodeRecord]) -> None:
        for listener in self._listeners:
            listener.begin(config, done)

    def step(self, episode: int, steps: int, subgoal: str) -> None:
        for listener in self._listeners:
            if listener.live:
                listener.step(episode, steps, subgoal)

    def ended(self, episode: EpisodeRecord) -> None:
        for listener in self._listeners:
            listener.ended(episode)


def episode_values(episode: EpisodeRecord) -> dict[str, float]:
    """What a log shows of an episode. What nobody knows is left out, never 0."""
    counts = ("success_at_end", "success_once", "steps", "plan_length", "plans", "replans", "retries", "looks")
    values = {name: getattr(episode, name) for name in counts}
    values |= {f"joules/{name}": figure.value for name, figure in episode.joules.items()}
    values |= {f"seconds/{name}": seconds.wall for name, seconds in episode.seconds.items()}
    if episode.robot is not None:
        values |= {f"robot/{name}": value for name, value in episode.robot.model_dump().items()}
    return {name: float(value) for name, value in values.items() if value is not None}


def summary_values(summary: Summary) -> dict[str, float]:
    """What a log shows of the whole run."""
    n = summary.episodes
    values: dict[str, float | None] = {
        "episodes": n,
        "success_rate": summary.success_at_end / n if n else None,
        "success_low": summary.interval[0],
        "success_high": summary.interval[1],
        "joules_per_success": summary.joules_per_success,
        "seconds": summary.seconds,
        "replans": summary.replans,
        "retries": summary.retries,
        "errors": summary.errors,
        **{f"joules/{name}": figure.value for name, figure in summary.joules.items()},
    }
    return {name: float(value) for name, value in values.items() if value is not None}
