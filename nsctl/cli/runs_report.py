"""The table of ``nsctl runs list``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from nsctl.cli.tables import MISSING, interval, number, plain_table
from nsctl.run_index import IndexedRun
from nsctl.statistics import PROVISIONAL

COLUMNS = ("run", "task", "agent", "engine", "n#", "success#", "95 %#", "J/success#", "grade", "tier", "date")
NARROW = ("run", "task", "agent", "engine", "n#", "success %#", "J per\nsuccess#", "grade,\ntier", "date")
"""The same for a narrow terminal, in fewer and shorter cells."""
FOLDED = ("task", "agent")
"""Those that may take several lines; whoever adds one chooses how long its name is."""
LEAST = 78
"""Columns of text below which lines run over, since cells would be lost."""
NAMES = {"measured": "", "attributed": "a", "modelled": "m"}
UNLIMITED = 10_000
"""More columns than any terminal has."""
SHORT = {"self-reported": "self"}


def print_runs(found: list[IndexedRun], console: Console | None = None) -> None:
    """Print a line for each record; those that could not be read come last, with the reason."""
    console = console or Console()
    whole = [row for row in found if not row.trouble]
    if whole:
        table = _table(COLUMNS, map(_cells, whole))
        wide = Measurement.get(console, console.options.update(max_width=UNLIMITED), table).maximum <= console.width
        if wide:
            console.print(table)
        else:
            table = _table(NARROW, map(_narrow, whole), gap=0)
            table.width = LEAST if console.width < LEAST else None
            console.print(table, crop=False)
        console.print(Text("\n" + _legend(whole, wide=wide), style="dim"))
    for row in found:
        if row.trouble:
            console.print(Text(f"! {row.trouble}", style="yellow"), soft_wrap=True)


def _table(heads: Sequence[str], rows: Iterable[tuple[str, ...]], gap: int = 1) -> Table:
    table = plain_table(*heads)
    table.padding = (0, gap, 0, 0)
    for column in table.columns:
        column.no_wrap = column.header not in FOLDED
    for cells in rows:
        table.add_row(*map(Text, cells))
    return table


def _legend(rows: list[IndexedRun], *, wide: bool) -> str:
    notes = ["run: the last letters of the id", "J/success: the agent's joules, failures included"]
    notes += [] if wide else ["in parentheses: the 95 % interval"]
    notes += [
        f"tier {short}: {tier}" for tier, short in SHORT.items() if not wide and any(r.tier == tier for r in rows)
    ]
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


def _narrow(row: IndexedRun) -> tuple[str, ...]:
    """The same in less room, such as ``67 (21-94)`` of a hundred; the year is left to the id."""
    name, task, agent, engine, n, rate, _, joules, grade, tier, date = _cells(row)
    if row.episodes:
        rate = f"{100 * row.success_at_end / row.episodes:.0f} ({100 * row.low:.0f}-{100 * row.high:.0f})"
    tier = SHORT.get(tier, tier)
    return name, task, agent, engine, n.replace(" of ", "/"), rate, joules.replace(" ", ""), f"{grade} {tier}", date[5:]
