"""``nsctl compare``: two runs against each other."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli.completion import complete_record
from nsctl.cli.folders import RUNS, folder, record

if TYPE_CHECKING:
    from nsctl.comparison import Comparison, Side

Run = Annotated[
    Path,
    typer.Argument(
        callback=record,
        help="A record's folder, its id, or the last letters of it.",
        autocompletion=complete_record,
        show_default=False,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command()(compare)


def compare(
    run_a: Run,
    run_b: Run,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="Compare as independent samples, whatever the starts.")
    ] = False,
    runs: Annotated[
        Path, typer.Option(metavar="DIR", callback=folder, is_eager=True, help="Where records are kept.")
    ] = RUNS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a page.")] = False,
) -> None:
    """Compare two runs: who succeeds more often from the same initial states, and who pays fewer joules for it."""
    from nsctl.comparison import compare as judge
    from nsctl.errors import InvalidValue
    from nsctl.record_folder import read_record

    one, other = read_record(run_a), read_record(run_b)
    if one.run.id == other.run.id:
        raise InvalidValue(f"{run_a} and {run_b} are one and the same record, {one.run.id}: name two to compare")
    found = judge(one, other, paired=not unpaired)
    if as_json:
        typer.echo(json.dumps(result(found)))
    else:
        from nsctl.cli.compare_report import print_comparison

        print_comparison(found)


def result(found: Comparison) -> dict[str, Any]:
    """The object that ``--json`` prints. Its keys may be added to, never renamed."""
    from nsctl.verdict import cheaper, more_successful, verdict

    return {
        "task": found.task,
        "paired": found.paired,
        "verdict": verdict(found),
        "provisional": found.provisional,
        "more_successful": _side_name(more_successful(found)),
        "cheaper": _side_name(cheaper(found)),
        "a": _side(found.sides[0]),
        "b": _side(found.sides[1]),
        "test": "mcnemar" if found.paired else "fisher",
        "p": found.p,
        "only_a": list(found.only[0]),
        "only_b": list(found.only[1]),
        "ratio_per_success": asdict(found.ratio_per_success),
        "ratio_of_joules": asdict(found.ratio_of_joules),
        "break_even": None
        if found.break_even is None
        else {"side": _side_name(found.break_even.side), "successes": found.break_even.successes},
        "warnings": list(found.differences.warnings),
        "unranked": list(found.differences.unranked),
    }


def _side(side: Side) -> dict[str, Any]:
    return {
        "agent": side.agent,
        "record": side.record,
        "episodes": side.episodes,
        "left_out": side.left_out,
        "success_at_end": side.successes,
        "interval": list(side.interval),
        "joules": {name: {"value": f.value, "label": f.label} for name, f in side.joules.items()},
        "net": {"value": side.net.value, "label": side.net.label},
        "seconds": dict(side.seconds),
        "joules_per_success": asdict(side.per_success),
        "training": side.training.model_dump() if side.training else None,
    }


def _side_name(side: int | None) -> str | None:
    return None if side is None else "ab"[side]
