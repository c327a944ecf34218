"""``nsctl energy``: what a decision costs."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli.folders import record

if TYPE_CHECKING:
    from nsctl.records import FigureRecord
    from nsctl.replay import Replay

commands = typer.Typer(help="Joules of what is too quick to be measured in place.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.add_typer(commands, name="energy")


@commands.callback()
def energy() -> None:
    """Joules of what is too quick to be measured in place."""


@commands.command("replay")
def replay_run(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", callback=record, help="A record's folder, its id, or the last letters of it."),
    ],
    phase: Annotated[str, typer.Option(help="policy: the skills alone; agent: all of it.")] = "policy",
    seconds: Annotated[float, typer.Option(help="How long a trial lasts at least.")] = 10.0,
    cool_down: Annotated[float, typer.Option(metavar="SECONDS", help="Rest before each trial.")] = 5.0,
    trials: Annotated[int, typer.Option(help="How many.")] = 3,
    episodes: Annotated[int, typer.Option(help="Episodes of the record whose inputs are asked.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and no progress.")] = False,
) -> None:
    """Ask the policy of RUN again what it was asked, and nothing else: joules of one decision."""
    from nsctl.cli.energy_report import print_replay, replay_progress
    from nsctl.replay import ReplayOptions, replay

    options = ReplayOptions(phase, seconds, cool_down, trials, episodes)  # type: ignore[arg-type]
    with nullcontext() if as_json else replay_progress() as told:
        done = replay(run, options, told) if told else replay(run, options)
    if as_json:
        typer.echo(json.dumps(result(done)))
    else:
        print_replay(done)


def result(done: Replay) -> dict[str, Any]:
    """The object that ``--json`` prints. Its keys may be added to, never renamed."""
    config = done.stored.run.config
    return {
        "record": str(done.stored.folder),
        "task": config.task,
        "agent": config.agent,
        "phase": done.phase,
        "joules_per_decision": _figure(done.gross),
        "net_per_decision": _figure(done.net),
        "in_place": _figure(done.in_place),
        "same_machine": done.same_machine,
        "grade": done.grade,
        "seconds_per_decision": done.seconds_per_decision,
        "decisions": done.inputs.decisions,
        "repeated": done.repeated,
        "episodes": list(done.inputs.episodes),
        "differ": list(done.inputs.differ),
        "idle": dict(done.idle.watts) if done.idle else None,
        "contended": done.idle.contended if done.idle else None,
        "trials": [
            {
                "decisions": trial.decisions,
                "seconds": trial.seconds,
                "joules": _figure(trial.gross),
                "net": _figure(trial.net),
                "joules_per_decision": done.per_decision(trial),
            }
            for trial in done.trials
        ],
    }


def _figure(figure: FigureRecord) -> dict[str, Any]:
    return figure.model_dump()
