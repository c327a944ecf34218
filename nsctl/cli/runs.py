"""``nsctl runs``: the records that there are, and what can be done with them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli.completion import complete_agent, complete_format, complete_record, complete_task
from nsctl.cli.folders import RUNS, folder, record

if TYPE_CHECKING:
    from nsctl.run_index import IndexedRun

commands = typer.Typer(help="List, show, resume, merge and export records.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a page.")]
Runs = Annotated[Path, typer.Option(metavar="DIR", callback=folder, is_eager=True, help="Where records are kept.")]
Record = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        callback=record,
        help="A record's folder, its id, or the last letters of it.",
        autocompletion=complete_record,
        show_default=False,
    ),
]
Records = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN...",
        callback=record,
        help="Folders, ids or their last letters.",
        autocompletion=complete_record,
        show_default=False,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.add_typer(commands, name="runs")


@commands.callback()
def runs() -> None:
    """List, show, resume, merge and export records."""


@commands.command("list")
def list_runs(
    task: Annotated[str, typer.Option(help="Only of this task.", autocompletion=complete_task)] = "",
    agent: Annotated[str, typer.Option(help="Only of this agent.", autocompletion=complete_agent)] = "",
    runs: Runs = RUNS,
    as_json: Json = False,
) -> None:
    """List records, the latest first: success, joules per success, and how far they can be trusted."""
    from nsctl.cli.runs_filter import filtered, none_found
    from nsctl.run_index import listed

    rows = listed(runs, _watched(as_json))
    found = filtered(rows, task, agent, runs)
    if as_json:
        typer.echo(json.dumps({"runs": [_entry(row, runs) for row in found]}))
    elif not found:
        typer.echo(none_found(rows, task, agent, runs))
    else:
        from nsctl.cli.runs_report import print_runs

        print_runs(found)


@commands.command("index")
def index_runs(runs: Runs = RUNS, as_json: Json = False) -> None:
    """Make the index of a folder of records anew from the files."""
    from nsctl.run_index import INDEX, rebuilt

    found = rebuilt(runs, _watched(as_json))
    unreadable = [row for row in found if row.trouble]
    if as_json:
        typer.echo(json.dumps({"index": str(runs / INDEX), "runs": len(found), "unreadable": len(unreadable)}))
        return
    typer.echo(f"{runs / INDEX}: {len(found)} records, {len(unreadable)} of them unreadable")
    for row in unreadable:
        typer.echo(f"! {row.trouble}")


@commands.command("show")
def show_run(run: Record, as_json: Json = False) -> None:
    """Show what a run came to, as nsctl run does at its end."""
    from nsctl.evaluation import load

    _report(load(run), as_json=as_json)


@commands.command("resume")
def resume_run(
    run: Record,
    video: Annotated[
        Path | None, typer.Option(metavar="DIR", callback=folder, help="Film every episode into this folder.")
    ] = None,
    carbon: Annotated[bool, typer.Option("--carbon/--no-carbon", help="Let codecarbon meter the whole run.")] = True,
    as_json: Json = False,
) -> None:
    """Play what is missing from a record; the same as nsctl run --resume."""
    from nsctl.cli.progress import progress
    from nsctl.evaluation import RunOptions, resume

    with nullcontext() if as_json else progress() as shown:
        done = resume(run, RunOptions(("nsctl", *sys.argv[1:]), carbon, video, shown))
    _report(done, as_json=as_json)


@commands.command("merge")
def merge_runs(records: Records, runs: Runs = RUNS, as_json: Json = False) -> None:
    """Make one new record of partial ones of the same run; those stay as they are."""
    from nsctl.merging import merge

    made = merge(records, runs, ("nsctl", *sys.argv[1:]))
    there, wanted = len(made.episodes), made.run.config.episodes
    if as_json:
        told = {"record": str(made.folder), "episodes": there, "wanted": wanted, "repeated": made.repeated}
        typer.echo(json.dumps({**told, "status": made.run.status, "merged": list(made.run.merged)}))
        return
    again = f"; taken once although repeated: {made.repeated}" if made.repeated else ""
    typer.echo(f"{made.folder}: {there} of {wanted} episodes from {len(records)} records{again}")


@commands.command("export")
def export_runs(
    records: Records,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The file to write.")],
    kind: Annotated[
        str,
        typer.Option(
            "--format", help="csv, jsonl or parquet; the file's ending unless given.", autocompletion=complete_format
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Write the episodes of records as one flat table, a row an episode."""
    from nsctl.record_folder import read_record
    from nsctl.run_export import export, format_of

    kind = kind or format_of(out)
    written = export([read_record(each) for each in records], out, kind)
    if as_json:
        typer.echo(json.dumps({"file": str(out), "format": kind, "rows": written}))
    else:
        typer.echo(f"{out}: {written} episodes of {len(records)} record{'' if len(records) == 1 else 's'}")


@commands.command("schema")
def print_schema(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", callback=folder, help="Write a file for each instead.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the JSON Schema of run.json and of a line of episodes.jsonl."""
    from nsctl.record_schema import published, write

    if out is None:
        typer.echo(json.dumps(published(), indent=None if as_json else 2))
        return
    files = [str(path) for path in write(out)]
    typer.echo(json.dumps({"files": files}) if as_json else "\n".join(files))


def _watched(quiet: bool) -> Callable[[Sequence[str]], Iterable[str]]:
    """Shows on a terminal how the reading of many records gets on."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    hidden = quiet or not console.is_terminal
    return lambda names: track(names, "reading records", console=console, transient=True, disable=hidden)


def _entry(row: IndexedRun, runs: Path) -> dict[str, Any]:
    """What ``--json`` tells of a record."""
    told = asdict(row)
    bounds = [told.pop("low"), told.pop("high")]
    return {"record": str(runs / told.pop("folder")), **told, "interval": bounds}


def _report(done: Any, *, as_json: bool) -> None:
    if as_json:
        from nsctl.cli.run import result

        typer.echo(json.dumps(result(done)))
    else:
        from nsctl.cli.report import print_report

        print_report(done)
