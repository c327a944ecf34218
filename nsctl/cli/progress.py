"""How a run gets on, on stderr: one live line on a terminal, a line now and then elsewhere.

The line is drawn only when the run calls, inside its render phase or between episodes. A thread that redraws it would
have its CPU time charged to whatever the agent is doing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from nsctl.cli.tables import number
from nsctl.records import EpisodeRecord
from nsctl.run_config import RunConfig
from nsctl.statistics import wilson

PAUSE = 10.0
"""Seconds between two plain lines."""


class _Tally:
    """What has come of the run so far, in one line."""

    def __init__(self) -> None:
        self._wanted = self._done = self._won = 0
        self._joules: float | None = 0.0

    def begin(self, config: RunConfig, done: Sequence[EpisodeRecord]) -> None:
        self._wanted = config.episodes
        for episode in done:
            self.ended(episode)

    def ended(self, episode: EpisodeRecord) -> None:
        self._done += 1
        self._won += episode.success_at_end
        spent = episode.joules["agent"].value
        self._joules = None if self._joules is None or spent is None else self._joules + spent

    def now(self) -> str:
        """Which episode is being played, and what has come of those before."""
        place = f"episode {min(self._done + 1, self._wanted)}/{self._wanted}"
        return f"{place} · {self}" if self._done else place

    def __str__(self) -> str:
        low, high = wilson(self._won, self._done)
        rate = f"success {self._won}/{self._done} ({low:.0%}–{high:.0%})"
        return f"{rate} · {number(self._joules, 'J')} so far"


class LiveProgress:
    """One line that is drawn over itself; for terminals."""

    live = True

    def __init__(self, console: Console) -> None:
        self._tally = _Tally()
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def begin(self, config: RunConfig, done: Sequence[EpisodeRecord]) -> None:
        self._tally.begin(config, done)
        self._draw("")

    def step(self, episode: int, steps: int, subgoal: str) -> None:
        self._draw(f" · {subgoal}")

    def ended(self, episode: EpisodeRecord) -> None:
        self._tally.ended(episode)
        self._draw("")

    def _draw(self, rest: str) -> None:
        line = Text(f"{self._tally.now()}{rest}", no_wrap=True, overflow="ellipsis")
        self._live.update(line, refresh=True)


class PlainProgress:
    """A line of its own at most every :data:`PAUSE` seconds; for files and pipes."""

    live = False

    def __init__(self, console: Console) -> None:
        self._tally, self._console, self._last = _Tally(), console, time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def begin(self, config: RunConfig, done: Sequence[EpisodeRecord]) -> None:
        self._tally.begin(config, done)
        more = f", {len(done)} of them played before" if done else ""
        self._console.print(f"{config.task} with {config.agent}: {config.episodes} episodes{more}", highlight=False)

    def step(self, episode: int, steps: int, subgoal: str) -> None:
        """Is never called."""

    def ended(self, episode: EpisodeRecord) -> None:
        self._tally.ended(episode)
        if time.monotonic() - self._last >= PAUSE:
            self._last = time.monotonic()
            self._console.print(str(self._tally), highlight=False, soft_wrap=True)


def progress() -> LiveProgress | PlainProgress:
    """What suits stderr."""
    console = Console(stderr=True)
    return LiveProgress(console) if console.is_terminal else PlainProgress(console)
