"""How recording and exporting demonstrations get on, on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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
