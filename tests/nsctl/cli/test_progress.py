"""How a run gets on, on a terminal and elsewhere."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from samples import make_episode

from nsctl.cli import progress
from nsctl.cli.progress import LiveProgress, PlainProgress
from nsctl.records import FigureRecord
from nsctl.run_config import RunConfig

CONFIG = RunConfig("hanoi-1", agent="nesy", episodes=3)


def terminal(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)


def text(console: Console) -> str:
    written: Any = console.file
    return str(written.getvalue())


def test_the_live_line_shows_episode_success_joules_and_subgoal() -> None:
    console = terminal()
    with LiveProgress(console) as live:
        live.begin(CONFIG, [make_episode(0, success_at_end=True)])
        live.step(1, 20, "pick(disc1, disc2)")
        live.ended(make_episode(1))
    assert "episode 2/3 · success 1/1 (21%–100%) · 3 J so far · pick(disc1, disc2)" in text(console)
    assert "episode 3/3 · success 1/2 (9%–91%) · 6 J so far" in text(console)


def test_the_live_line_is_never_drawn_by_a_thread() -> None:
    console = terminal()
    with LiveProgress(console) as live:
        live.begin(CONFIG, [])
        assert live._live._refresh_thread is None


def test_a_long_subgoal_is_cut_to_the_width() -> None:
    console = terminal(40)
    with LiveProgress(console) as live:
        live.begin(CONFIG, [])
        live.step(0, 20, "x" * 100)
    longest = max(len(part) for line in text(console).splitlines() for part in line.split("\x1b[2K"))
    assert longest <= 41  # and a carriage return


def test_plain_lines_come_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    console, now = Console(file=io.StringIO(), width=80), [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with PlainProgress(console) as plain:
        plain.begin(CONFIG, [make_episode(0)])
        for index, moment in ((1, 5.0), (2, 11.0)):
            now[0] = moment
            plain.ended(make_episode(index))
    assert text(console).splitlines() == [
        "hanoi-1 with nesy: 3 episodes, 1 of them played before",
        "success 0/3 (0%–56%) · 9 J so far",
    ]


def test_joules_that_nobody_knows_are_not_0() -> None:
    lost = FigureRecord(value=None, label="unavailable", source="none")
    console = terminal()
    with LiveProgress(console) as live:
        live.begin(CONFIG, [])
        live.ended(make_episode(0, joules={**make_episode(0).joules, "agent": lost}))
    assert "success 0/1 (0%–79%) · —" in text(console)
