"""How recording and exporting demonstrations get on, on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from nsctl.demos.recorder import Attempt, DemoConfig

PAUSE = 10.0
"""Seconds between two plain lines."""
Told = Callable[[int, int], None]


@contextmanager
def bar(what: str) -> Iterator[Told]:
    """A function that is told how many of how many are done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain(console, what)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        row = shown.add_task(what, total=None)
        yield lambda done, of: shown.update(row, completed=done, total=of)


def _plain(console: Console, what: str) -> Told:
    last = [time.monotonic()]

    def told(done: int, of: int) -> None:
        if time.monotonic() - last[0] >= PAUSE:
            last[0] = time.monotonic()
            console.print(f"{done}/{of} {what}", highlight=False)

    return told


class Recorded:
    """Counts the demonstrations of a recording for a bar. See :class:`nsctl.demos.recording.Listener`."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._wanted = self._done = 0

    def begin(self, config: DemoConfig, done: Sequence[Attempt]) -> None:
        self._wanted = config.episodes
        self._done = min(self._wanted, sum(attempt.success for attempt in done))
        self._told(self._done, self._wanted)

    def ended(self, attempt: Attempt) -> None:
        self._done += attempt.success
        self._told(self._done, self._wanted)


@contextmanager
def progress() -> Iterator[Recorded]:
    """What listens to a recording."""
    with bar("demonstrations") as told:
        yield Recorded(told)
