"""The table of ``nsctl runs list``."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from nsctl.cli.tables import MISSING, interval, number, plain_table
from nsctl.run_index import IndexedRun
from nsctl.statistics import PROVISIONAL

COLUMNS = (
    ("run", True),
    ("task", True),
    ("agent", True),
    ("engine", False),
    ("n#", True),
    ("success#", True),
    ("95 %", True),
    ("J/success#", True),
    ("grade", True),
    ("tier", False),
    ("date", False),
)
"""Heads, and whether they stand on a narrow terminal too."""
WIDE = 100
NAMES = {"measured": "", "attributed": "attr", "modelled": "mod"}
"""Of labels, behind a figure; not their first letters, which read as prefixes: 0.07m is not 0.07 mJ."""


def print_runs(found: list[IndexedRun], runs: Path, console: Console | None = None) -> None:
    """Print a line for each record; those that could not be read come last, with the reason."""
    console = console or Console()
    whole = [row for row in found if not row.trouble]
    if not found:
        console.print(f"no such record in {runs}", markup=False)
    if whole:
        wide = console.width >= WIDE
        table = plain_table(*(head for head, always in COLUMNS if always or wide))
        table.padding = (0, 1, 0, 0)
        for row in whole:
            cells = zip(_cells(row), COLUMNS, strict=True)
            table.add_row(*(Text(cell) for cell, (_, always) in cells if always or wide))
        console.print(table)
        console.print(Text("\n" + _legend(whole), style="dim"))
    for row in found:
        if row.trouble:
            console.print(Text(f"! {row.trouble}", style="yellow"), soft_wrap=True)


def _legend(rows: list[IndexedRun]) -> str:
    notes = ["run: the last letters of the id", "J/success: the agent's joules, failures included"]
    labels = {row.label for row in rows if row.joules_per_success is not None}
    notes += [f"{short} {label}" for label, short in NAMES.items() if short and label in labels]
    if any(row.episodes < PROVISIONAL for row in rows):
        notes.append(f"* provisional, fewer than {PROVISIONAL} episodes")
    return "; ".join(notes)


def _cells(row: IndexedRun) -> tuple[str, ...]:
    n = str(row.episodes) if row.episodes == row.wanted else f"{row.episodes} of {row.wanted}"
    rate = f"{row.success_at_end / row.episodes:.0%}" if row.episodes else MISSING
    joules = number(row.joules_per_success)
    if row.joules_per_success is not None:
        joules = f"{joules} {NAMES.get(row.label, '')}".rstrip()
    return (
        row.folder.rpartition("-")[2],
        row.task,
        row.agent,
        row.engine,
        n + ("*" if row.episodes < PROVISIONAL else ""),
        rate,
        interval((row.low, row.high)) if row.episodes else MISSING,
        joules,
        row.grade or MISSING,
        row.tier,
        row.started[:10],
    )
