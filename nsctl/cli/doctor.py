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

    clashes = list(guard.clashes())
    engines = [{"name": name, **probe.examine(name)} for name in registry.parts("engines")]
    broken = [why for part in registry.every_part() if (why := _load_failure(part))]
    meters = _meters()
    broken += [meter["why"] for meter in meters if meter["label"] is None and meter["why"] not in broken]
    works = any(not engine["physics"] for engine in engines)
    return {
        "versions": provenance.versions(),
        "hardware": provenance.hardware().model_dump(),
        "clashes": clashes,
        "engines": engines,
        "broken_parts": broken,
        "meters": meters,
        "best_label": _best_label(),
        "healthy": works and not clashes and not broken,
    }


def _load_failure(part: Part) -> str:
    try:
        part.load()
    except BrokenPart as error:
        return str(error)
    return ""


def _meters() -> list[dict[str, Any]]:
    from nsctl.metering import counters, survey

    return [
        {
            "name": entry.part.name,
            "works": entry.ok,
            "counts": entry.meter in counters(),
            "label": entry.meter.label if entry.meter else None,
            "granularity": entry.meter.granularity if entry.meter else None,
            "update_seconds": entry.meter.update_seconds if entry.meter else None,
            "why": entry.why,
            "remedy": entry.remedy,
        }
        for entry in survey()
    ]


def _best_label() -> str:
    """The best that can be said of a phase's joules here; measured needs phases that last long enough."""
    from nsctl.metering import counters

    return next((meter.label for meter in counters() if meter.granularity == "phase"), "unavailable")
