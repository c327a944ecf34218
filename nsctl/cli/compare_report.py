"""What ``nsctl compare`` prints."""

from __future__ import annotations

from math import ceil

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from nsctl.bootstrap import Estimate
from nsctl.cli.tables import MISSING, interval, number, percent, plain_table
from nsctl.comparison import Comparison, Side
from nsctl.phases import AGENT_PHASES, WORLD_PHASES
from nsctl.verdict import verdict

LISTED = 20
"""Episodes that a line names at most."""


def print_comparison(found: Comparison, console: Console | None = None) -> None:
    """Print the verdict, what it rests on and what stands against it."""
    console = console or Console()
    console.print()
    for name, side in zip("AB", found.sides, strict=True):
        console.print(Text(f"{name}  {side.agent}  {side.record}"), soft_wrap=True)
    console.print(Group("", Text(verdict(found), style="bold"), "", _table(found), "", _phases(found)))
    notes = [Text(line) for line in _deciding(found)]
    warnings = [Text(f"! {warning}", style="yellow") for warning in found.differences.warnings]
    for group in (notes, warnings):
        if group:
            console.print(Group("", *group))


def _table(found: Comparison) -> Table:
    table = plain_table("", "A#", "B#", "")
    sides = found.sides
    table.add_row("episodes", *(str(side.episodes) for side in sides), _pairing(found))
    test = f"p = {found.p:.2g}, {'McNemar' if found.paired else 'Fisher'}"
    table.add_row("success at end", *(percent(side.successes, side.episodes) for side in sides), test)
    table.add_row("", *(interval(side.interval) for side in sides), "95 %, exact")
    factor = _factor(found.ratio_per_success)
    table.add_row("joules per success", *(number(side.per_success.value) for side in sides), factor)
    table.add_row("", *(_bounds(side.per_success) for side in sides), "95 %, bootstrap")
    factor = _factor(found.ratio_of_joules)
    table.add_row("agent's joules", *(number(side.joules["agent"].value) for side in sides), factor)
    if any(side.net != side.joules["agent"] for side in sides):
        table.add_row("net of idle", *(number(side.net.value) for side in sides), "")
    table.add_row("how known", *(side.joules["agent"].label for side in sides), "")
    table.add_row("wall seconds", *(number(side.seconds["total"]) for side in sides), "")
    if any(side.training for side in sides):
        table.add_row("joules of training", *(_training(side) for side in sides), _break_even(found))
    return table


def _phases(found: Comparison) -> Table:
    table = plain_table("an episode, mean", "A, J#", "B, J#", "A, s#", "B, s#")
    for phase in (*AGENT_PHASES, "agent", *WORLD_PHASES, "total"):
        style = "bold" if phase in ("agent", "total") else ""
        joules = [number(side.joules[phase].value) for side in found.sides]
        table.add_row(phase, *joules, *(_seconds(side, phase) for side in found.sides), style=style)
        if phase == "agent":
            table.add_section()
    return table


def _seconds(side: Side, phase: str) -> str:
    return number(sum(side.seconds[p] for p in AGENT_PHASES) if phase == "agent" else side.seconds[phase])


def _pairing(found: Comparison) -> str:
    if not found.paired:
        return "unpaired"
    out = [f"{side.left_out} of {name}" for name, side in zip("AB", found.sides, strict=True) if side.left_out]
    return "pairs of one start" + (f"; {' and '.join(out)} left out" if out else "")


def _deciding(found: Comparison) -> list[str]:
    """The pairs that tell the two apart, by index."""
    sides = zip("AB", found.only, strict=True)
    return [f"only {name} succeeded in {len(alone)}: {_indices(alone)}" for name, alone in sides if alone]


def _indices(indices: tuple[int, ...]) -> str:
    more = f" and {len(indices) - LISTED} more (--json lists all)" if len(indices) > LISTED else ""
    return ", ".join(map(str, indices[:LISTED])) + more


def _factor(ratio: Estimate) -> str:
    if ratio.value is None:
        return ""
    return f"A / B = {ratio.value:.2g}" + ("" if ratio.low is None else f" [{_bounds(ratio)}]")


def _bounds(estimate: Estimate) -> str:
    if estimate.low is None:
        return MISSING
    return f"{number(estimate.low)} to {'∞' if estimate.high is None else number(estimate.high)}"


def _training(side: Side) -> str:
    return number(side.training.value) if side.training else MISSING


def _break_even(found: Comparison) -> str:
    if found.break_even is None:
        one, other = (side.training and side.training.value for side in found.sides)
        return "the same" if one is not None and one == other else ""
    name = "AB"[found.break_even.side]
    if found.break_even.successes is None:
        return f"{name}'s is never paid off"
    count = ceil(found.break_even.successes)
    return f"{name}'s is paid off after {count} success{'' if count == 1 else 'es'}"
