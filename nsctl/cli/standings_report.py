"""What ``nsctl compare TASK --agents`` prints: success, joules, phases and failures, a block for each privilege class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from nsctl.bootstrap import Estimate
from nsctl.cli.report import PRIVILEGES
from nsctl.cli.tables import MISSING, interval, number, percent, plain_table
from nsctl.ledger import ITEMS, Ledger
from nsctl.phases import AGENT_PHASES
from nsctl.standings import Standing, Standings
from nsctl.statistics import PROVISIONAL

Rows = Callable[[Standing], list[list[str]]]


def print_standings(found: Standings, page: Path | None = None, console: Console | None = None) -> None:
    """Print the tables, and what stands against them."""
    console = console or Console()
    first = found.members[0].name
    where = "on the same initial states" if found.same_starts else "whose initial states are not all the same"
    console.print(Group("", Text(f"{found.task}: {len(found.members)} agents {where}", style="bold")))
    head = ("agent", "success#", "95 %#", "less#", "95 %#", "p#")
    _section(
        console,
        found,
        f"success at end, exact; less that of {first} in points, p by exact McNemar over pairs",
        head,
        _success,
    )
    _section(
        console,
        found,
        "joules of the agent, failures' included",
        ("agent", "per success#", "95 %#", "net#", "training#", "paid off#"),
        _joules,
    )
    _section(
        console,
        found,
        "joules an episode, mean",
        ("agent", *(f"{p}#" for p in AGENT_PHASES), "in all#", "how known"),
        _phases,
    )
    _section(console, found, "failures", ("agent", "times#", "how", "step", "why"), _failures)
    for line in notes(found):
        console.print(Text(f"! {line}", style="yellow"))
    if page is not None:
        console.print(Text(f"page  {page}"), soft_wrap=True)


def ledger_lines(told: Ledger) -> list[str]:
    """A line an item: what the agent was given."""
    width = max(map(len, ITEMS)) + 2
    return [f"  {item.replace('_', ' '):<{width}}{told[item] or MISSING}" for item in ITEMS]


def notes(found: Standings) -> list[str]:
    """What stands against the figures, in sentences."""
    told = []
    for member in found.members[1:]:
        told += [f"{member.name}: {'; '.join(member.warnings)}"] if member.warnings else []
        differ = ", ".join(member.unranked)
        told += [f"{member.name}: its joules are not ranked against the first's, since these differ: {differ}"] * bool(
            differ
        )
    if len(found.classes) > 1:
        told.append(
            "agents of different privilege see different things: they are set apart, and their joules not ranked"
        )
    if found.provisional:
        told.append(f"provisional: fewer than {PROVISIONAL} episodes")
    return told


def _section(console: Console, found: Standings, title: str, head: Sequence[str], rows: Rows) -> None:
    """A table for each class, under one title; nothing where no table has a row."""
    shown: list[Table | Text] = []
    for privilege, members in found.classes.items():
        table = plain_table(*head)
        table.collapse_padding = True  # eighty columns are few
        for line in (line for member in members for line in rows(member)):
            table.add_row(*line)
        if table.row_count:
            apart = [Text(f"{privilege}: {PRIVILEGES[privilege]}", style="dim")] * (len(found.classes) > 1)
            shown += [*apart, table]
    if shown:
        console.print(Group("", Text(title, style="bold"), *shown))


def _success(member: Standing) -> list[list[str]]:
    side = member.side
    apart, p = ("", ""), ""
    if member.against is not None and member.difference is not None:
        value, (low, high) = member.difference
        apart, p = (f"{100 * value:+.1f}", f"{100 * low:+.1f} to {100 * high:+.1f}"), f"{member.against.p:.2g}"
    return [[member.name, percent(side.successes, side.episodes), interval(side.interval), *apart, p]]


def _joules(member: Standing) -> list[list[str]]:
    training = member.side.training
    return [
        [
            member.name,
            number(member.side.per_success.value),
            bounds(member.side.per_success),
            number(member.net_per_success),
            number(training.value) if training else MISSING,
            paid_off(member),
        ]
    ]


def _phases(member: Standing) -> list[list[str]]:
    spent = [number(member.side.joules[phase].value) for phase in (*AGENT_PHASES, "agent")]
    return [[member.name, *spent, member.label]]


def _failures(member: Standing) -> list[list[str]]:
    kinds = member.failures
    return [[member.name, str(each.times), each.status, each.step or MISSING, each.reason] for each in kinds]


def bounds(estimate: Estimate) -> str:
    """An interval of joules."""
    if estimate.low is None:
        return MISSING
    return f"{number(estimate.low)} to {'∞' if estimate.high is None else number(estimate.high)}"


def paid_off(member: Standing) -> str:
    """After how many successes the dearer training of this agent and the first is paid off, and whose it is."""
    found = member.against and member.against.break_even
    if not found or member.against is None:
        return MISSING
    whose = "its own" if found.side else "the first's"
    return f"{whose}: never" if found.successes is None else f"{whose}: {ceil(found.successes)}"
