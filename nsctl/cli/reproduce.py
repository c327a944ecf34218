"""``nsctl reproduce``: published results, made again with one command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli import exits
from nsctl.cli.compare_agents import entered, left_out, page_of, progress, result
from nsctl.cli.completion import complete_engine
from nsctl.cli.folders import RUNS, folder

if TYPE_CHECKING:
    from nsctl.contest import Entries
    from nsctl.record_folder import StoredRun
    from nsctl.run_config import RunConfig

commands = typer.Typer(help="Make published results again.", no_args_is_help=True)
AGENTS = "nesy,nesy-fp4,vla,vla-planned,vla-state,vla-mamba3,scripted"
EPISODES, QUICK_EPISODES = 500, 5
Played = dict[str, tuple["Entries", "list[StoredRun]"]]
"""By task, who could play and what came of it."""


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.add_typer(commands, name="reproduce")


@commands.callback()
def reproduce() -> None:
    """Make published results again."""


@commands.command("headline")
def reproduce_headline(
    quick: Annotated[
        bool, typer.Option("--quick", help=f"{QUICK_EPISODES} episodes each, for a look, onto a page of its own.")
    ] = False,
    episodes: Annotated[
        int | None, typer.Option(min=1, help=f"How many of each agent and task [default: {EPISODES}].")
    ] = None,
    agents: Annotated[str, typer.Option(metavar="A,B,C", help="Who plays, as nsctl compare has it.")] = AGENTS,
    seed: Annotated[int, typer.Option(help="Decides the initial states, the same for all.")] = 0,
    engine: Annotated[str, typer.Option(help="The simulator.", autocompletion=complete_engine)] = "mujoco",
    workers: Annotated[int, typer.Option(help="Processes that play side by side; take energy figures with one.")] = 1,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Go on without agents that cannot play, for want of weights say.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(min=0.0, help="Stop after so long; the same command then goes on.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", callback=folder, help="Where the page goes.")] = Path(
        "docs/results"
    ),
    runs: Annotated[Path, typer.Option(metavar="DIR", callback=folder, help="Where records are kept.")] = RUNS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of progress.")] = False,
) -> None:
    """Play a single move and towers of 3 and 4 with every agent from the same initial states, and write the page that
    holds them against arXiv 2602.19260. What is played already is not played again."""
    from nsctl.paper import TITLES
    from nsctl.run_config import RunConfig

    count = episodes or (QUICK_EPISODES if quick else EPISODES)
    terms = [RunConfig(task, "", engine, count, seed, workers=workers) for task in TITLES]
    played = _play(agents, terms, runs, minutes, skip=skip_missing, quiet=as_json)
    title = "Headline, a quick look" if quick else "Headline"
    records = [stored for _, of_task in played.values() for stored in of_task]
    page = page_of(records, out, title, left_out(entries for entries, _ in played.values()))
    told = {"page": str(page), "tasks": _results(played)}
    _keep(page, told["tasks"])
    typer.echo(json.dumps(told) if as_json else f"page  {page}")


def _play(agents: str, terms: list[RunConfig], runs: Path, minutes: float | None, *, skip: bool, quiet: bool) -> Played:
    """All records, in the order of tasks and agents; ends the command when its time is up."""
    from nsctl.contest import Deadline, OutOfTime, play

    deadline, played = Deadline(minutes), {}
    able = entered(agents, terms, skip=skip)  # all of them before any plays for hours
    try:
        for each, entries in zip(terms, able, strict=True):
            played[each.task] = entries, play(entries.able, runs, deadline, progress(quiet))
    except OutOfTime as stop:
        typer.echo(f"nsctl: {stop}; the same command goes on", err=True)
        raise typer.Exit(exits.TIMED_OUT) from stop
    return played


def _results(played: Played) -> dict[str, Any]:
    """By task the object of ``nsctl compare --agents``."""
    from nsctl.standings import standings

    return {
        task: {
            **result(standings(records, [entry.contestant.name for entry in entries.able])),
            "missing": dict(entries.unable),
        }
        for task, (entries, records) in played.items()
    }


def _keep(page: Path, told: Any) -> None:
    """The page's figures for programs, beside its plots."""
    from nsctl.files import make_folder, write_atomically

    beside = page.with_suffix("")
    make_folder(beside, "figures")
    write_atomically(beside / "figures.json", (json.dumps(told, indent=1) + "\n").encode())
