"""How the doctor's findings look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nsctl.cli.tables import MISSING, plain_table

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
    console.print()
    label = findings["best_label"]
    console.print(f"best energy label here: [bold]{label}[/bold] ({LABELS[label]})")
    for sentence in (*findings["clashes"], *findings["broken_parts"]):
        console.print(Text(sentence, style="red"))
    console.print("[green]all well[/green]" if findings["healthy"] else "[red]something is broken[/red]")


def _engines(engines: list[dict[str, str]]) -> Table:
    table = plain_table("engine", "physics", "pictures")
    for engine in engines:
        table.add_row(engine["name"], _state(engine["physics"]), _state(engine["picture"]))
    return table


def _meters(meters: list[dict[str, Any]]) -> Table:
    table = plain_table("meter", "state", "label", "update", "why not, and what would help")
    for meter in meters:
        if meter["works"]:
            state, note = ("counts", "") if meter["counts"] else ("works", "")
        else:
            state, note = "no", f"{meter['why']}\n→ {meter['remedy']}"
        table.add_row(meter["name"], state, meter["label"] or MISSING, _period(meter["update_seconds"]), note)
    return table


def _state(why_not: str) -> Text:
    return Text(why_not, style="red") if why_not else Text("works", style="green")


def _period(seconds: float | None) -> str:
    if seconds is None:
        return MISSING
    return f"{seconds:g} s" if seconds >= 1 else f"{1000 * seconds:g} ms" if seconds >= 1e-6 else "at once"
