"""``nsctl doctor``: what works on this machine, what does not, and what would help."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli import exits
from nsctl.errors import BrokenPart

if TYPE_CHECKING:
    from nsctl.registry import Part


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command()(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a page.")] = False,
) -> None:
    """Try parts, engines and meters on this machine. Ends with 1 if something is broken."""
    findings = examine()
    if as_json:
        typer.echo(json.dumps(findings))
    else:
        from nsctl.cli.findings import print_findings

        print_findings(findings)
    raise typer.Exit(exits.DONE if findings["healthy"] else exits.FAILED)


def examine() -> dict[str, Any]:
    """All findings. A broken part is named among them and harms no other."""
    from nsctl import guard, provenance, registry
    from nsctl.cli import probe
    from nsctl.metering import grade

    clashes = list(guard.clashes())
    engines = [{"name": name, **probe.examine(name)} for name in registry.parts("engines")]
    broken = [why for part in registry.every_part() if (why := _load_failure(part))]
    meters = _meters()
    broken += [meter["why"] for meter in meters if meter["label"] is None and meter["why"] not in broken]
    works = any(not engine["physics"] for engine in engines)
    reached = grade()
    return {
        "versions": provenance.versions(),
        "hardware": provenance.hardware().model_dump(),
        "clashes": clashes,
        "engines": engines,
        "broken_parts": broken,
        "meters": meters,
        "best_label": _best_label(),
        "grade": reached,
        "better": _better(reached, meters),
        "healthy": works and not clashes and not broken,
    }


def _load_failure(part: Part) -> str:
    try:
        part.load()
    except BrokenPart as error:
        return str(error)
    return ""


def _meters() -> list[dict[str, Any]]:
    from nsctl.counter_check import CounterCheck, check_counters
    from nsctl.metering import counters, survey

    used = counters()
    entries = survey()
    checks = check_counters(entry.meter for entry in entries if entry.meter is not None and entry.ok)
    unknown = CounterCheck(None, None)
    return [
        {
            "name": entry.part.name,
            "works": entry.ok,
            "counts": entry.meter in used,
            "label": entry.meter.label if entry.meter else None,
            "granularity": entry.meter.granularity if entry.meter else None,
            "scope": entry.meter.scope if entry.meter else None,
            "update_seconds": entry.meter.update_seconds if entry.meter else None,
            "measured_update_seconds": checks.get(entry.part.name, unknown).update_seconds,
            "idle_watts": checks.get(entry.part.name, unknown).idle_watts,
            "grade": entry.meter.grade if entry.meter in used and entry.meter else None,
            "external": entry.meter.external if entry.meter else None,
            "why": entry.why,
            "remedy": entry.remedy,
        }
        for entry in entries
    ]


def _better(reached: str | None, meters: list[dict[str, Any]]) -> list[dict[str, str]]:
    """What would raise the grade: what the machine's counters that do not work need, and what those that count lack."""
    found = [
        {"grade": "A" if meter["external"] else "B", "meter": meter["name"], "how": meter["remedy"]}
        for meter in meters
        if not meter["works"] and meter["scope"] == "machine"
    ]
    if any(meter["external"] and meter["counts"] for meter in meters):
        found = []  # no other counter would count beside it
    if reached == "C":
        shared = ", ".join(meter["name"] for meter in meters if meter["grade"] == "C")
        alone = "run on bare metal, and stop whatever else is at work: others may take a twentieth of the busy CPU time"
        best = "A" if any(meter["external"] and meter["counts"] for meter in meters) else "B"
        found.insert(0, {"grade": best, "meter": shared, "how": alone})
    return sorted((one for one in found if reached is None or one["grade"] < reached), key=lambda one: one["grade"])


def _best_label() -> str:
    """The best that can be said of a phase's joules here; measured needs phases that last long enough."""
    from nsctl.metering import counters

    phase = next((meter.label for meter in counters() if meter.granularity == "phase"), None)
    return phase or ("attributed" if counters() else "unavailable")
