"""``nsctl compare``: two runs against each other, or many agents side by side on the same episodes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli.completion import complete_disturbance, complete_engine, complete_task_or_record
from nsctl.cli.folders import RUNS, folder, record

if TYPE_CHECKING:
    from nsctl.comparison import Comparison, Side

ONLY_AGENTS = ("episodes", "seed", "engine", "workers", "disturb", "pose_noise", "skip_missing", "minutes", "ledger")
"""Options that say how agents are to play; records have played."""
LEAST = 2
"""Records without which there is nothing to compare."""


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command()(compare)


def compare(
    ctx: typer.Context,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="TASK | RUN_A RUN_B [RUN]...",
            help="With --agents a task. Otherwise records: a folder, its id, or the last letters of it.",
            autocompletion=complete_task_or_record,
            show_default=False,
        ),
    ],
    agents: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C", help="Who plays: AGENT, AGENT+SKILL or AGENT@truth, for example nesy,nesy@truth,scripted."
        ),
    ] = None,
    episodes: Annotated[int, typer.Option(help="How many each agent plays.")] = 100,
    seed: Annotated[int, typer.Option(help="Decides the initial states, the same for all.")] = 0,
    engine: Annotated[str, typer.Option(help="The simulator.", autocompletion=complete_engine)] = "mujoco",
    workers: Annotated[int, typer.Option(help="Processes that play side by side.")] = 1,
    disturb: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND[:STRENGTH]",
            help="For example hand or push:0.5; may be given again.",
            autocompletion=complete_disturbance,
        ),
    ] = None,
    pose_noise: Annotated[
        float, typer.Option(metavar="METRES", help="Error of the simulated tracker; 0 gives true poses.")
    ] = 0.001,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Go on without agents that cannot play, for want of weights say.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(min=0.0, help="Stop after so long; the same command then goes on.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", callback=folder, help="Write the tables and plots here as a page.")
    ] = None,
    ledger: Annotated[
        bool, typer.Option("--ledger", help="Only tell what each agent is given beforehand; play nothing.")
    ] = False,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="Compare two records as independent samples, whatever the starts.")
    ] = False,
    runs: Annotated[
        Path, typer.Option(metavar="DIR", callback=folder, is_eager=True, help="Where records are kept.")
    ] = RUNS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a page.")] = False,
) -> None:
    """Compare runs, or play several agents and compare them: who succeeds more often from the same initial states, and
    who pays fewer joules for it."""
    if agents is not None:
        from nsctl.cli.compare_agents import compare_agents
        from nsctl.disturbance import parse
        from nsctl.run_config import RunConfig

        if len(what) != 1 or unpaired:
            raise typer.BadParameter("with --agents one task is named, and all episodes are paired", param_hint="TASK")
        done_to_it = tuple(map(parse, disturb or ()))
        terms = RunConfig(what[0], "", engine, episodes, seed, done_to_it, pose_noise, workers)
        compare_agents(agents, terms, runs, out, minutes, skip=skip_missing, only_ledger=ledger, as_json=as_json)
        return
    _refuse(ctx, what)
    folders = record(ctx, [Path(word) for word in what])
    if len(folders) == LEAST and out is None:
        _two(folders[0], folders[1], unpaired=unpaired, as_json=as_json)
        return
    from nsctl.cli.compare_agents import compare_records

    if unpaired:
        raise typer.BadParameter("only two records can be compared as independent samples", param_hint="--unpaired")
    compare_records(folders, out, as_json=as_json)


def _refuse(ctx: typer.Context, what: list[str]) -> None:
    given = [
        name for name in ONLY_AGENTS if (source := ctx.get_parameter_source(name)) and source.name == "COMMANDLINE"
    ]
    if given:
        options = ", ".join("--" + name.replace("_", "-") for name in given)
        raise typer.BadParameter("records have been played already: name agents with --agents", param_hint=options)
    if len(what) < LEAST:
        raise typer.BadParameter("name two records, or a task and --agents", param_hint="RUN_B")


def _two(run_a: Path, run_b: Path, *, unpaired: bool, as_json: bool) -> None:
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
        "a": side_object(found.sides[0]),
        "b": side_object(found.sides[1]),
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


def side_object(side: Side) -> dict[str, Any]:
    """One side as the object has it."""
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
