"""How the doctor's findings look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nsctl.cli.tables import MISSING, number, plain_table

GRADES = {
    "A": "an external meter, and nobody else at work",
    "B": "the machine's counters, and nobody else at work",
    "C": "the machine's counters, shared with others",
    "D": "a model of CPU time, no counter",
    None: "nothing is counted",
}
LABELS = {
    "measured": "a hardware counter of this process's work alone",
    "attributed": "a counter's joules, shared out or not known to be this process's alone",
    "modelled": "CPU time times a stated power: good for comparing on one machine, no more",
    "unavailable": "no meter works here",
}


def print_findings(findings: Mapping[str, Any], console: Console | None = None) -> None:
    """Print all findings; what is wrong comes last, where it is seen."""
    console = console or Console(highlight=False)
    hardware, versions = findings["hardware"], findings["versions"]
    memory = f"{hardware['memory_bytes'] / 2**30:.0f} GiB" if hardware["memory_bytes"] else MISSING
    gpu = hardware["gpu"] or "no NVIDIA GPU"
    console.print(f"\n[bold]machine[/bold]   {hardware['cpu']}, {hardware['cores']} cores, {memory}, {gpu}")
    console.print(
        "[bold]versions[/bold]  " + ", ".join(f"{name} {text}" for name, text in versions.items()), end="\n\n"
    )
    console.print(_engines(findings["engines"]))
    console.print()
    console.print(_meters(findings["meters"]))
    if not all(meter["works"] for meter in findings["meters"]):
        console.print("\n[bold]why not, and what would help[/bold]")
        console.print(_missing(findings["meters"]))
    console.print()
    label = findings["best_label"]
    console.print(f"best energy label here: [bold]{label}[/bold] ({LABELS[label]})")
    reached = findings["grade"]
    console.print(f"energy grade here: [bold]{reached or MISSING}[/bold] ({GRADES[reached]})")
    for better in findings["better"]:
        console.print(f"  for {better['grade']}, by {better['meter']}: {better['how']}", markup=False)
    for sentence in (*findings["clashes"], *findings["broken_parts"]):
        console.print(Text(sentence, style="red"))
    console.print("[green]all well[/green]" if findings["healthy"] else "[red]something is broken[/red]")


def _engines(engines: list[dict[str, str]]) -> Table:
    table = plain_table("engine", "physics", "pictures")
    for engine in engines:
        table.add_row(engine["name"], _state(engine["physics"]), _state(engine["picture"]))
    return table


def _meters(meters: list[dict[str, Any]]) -> Table:
    table = plain_table("meter", "state", "label", "update#", "idle#")
    for meter in meters:
        state = ("counts" if meter["counts"] else "works") if meter["works"] else "no"
        label = meter["label"] if meter["works"] else MISSING
        period = _period(meter["measured_update_seconds"], meter["update_seconds"])
        table.add_row(meter["name"], state, label or MISSING, period, number(meter["idle_watts"], "W"))
    return table


def _missing(meters: list[dict[str, Any]]) -> Table:
    """Why meters do not work, and what would help."""
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for meter in meters:
        if not meter["works"]:
            table.add_row(meter["name"], Text(f"{meter['why']}\n→ {meter['remedy']}"))
    return table


def _state(why_not: str) -> Text:
    return Text(why_not, style="red") if why_not else Text("works", style="green")


def _period(measured: float | None, stated: float | None) -> str:
    """The measured update period; in brackets the one that the meter states, where none was seen."""
    if measured is not None:
        return _seconds(measured)
    return f"({_seconds(stated)})" if stated is not None else MISSING


def _seconds(seconds: float) -> str:
    if seconds < 1e-4:
        return "at once"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"
