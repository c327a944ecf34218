"""``nsctl watch``: look on while an agent plays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nsctl.cli.completion import complete_agent, complete_disturbance, complete_engine, complete_task
from nsctl.cli.folders import folder


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command()(watch)


def watch(
    task: Annotated[str, typer.Argument(help="For example stack-4.", autocompletion=complete_task)],
    agent: Annotated[str, typer.Option(help="Who plays.", autocompletion=complete_agent)] = "scripted",
    seed: Annotated[int, typer.Option(help="Decides the initial state.")] = 0,
    engine: Annotated[str, typer.Option(help="The simulator.", autocompletion=complete_engine)] = "mujoco",
    disturb: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND[:STRENGTH]", help="As for nsctl run.", autocompletion=complete_disturbance),
    ] = None,
    speed: Annotated[float, typer.Option(help="Times as fast as life, in a window.", min=0.05, max=50.0)] = 1.0,
    video: Annotated[
        Path | None,
        typer.Option(metavar="DIR", callback=folder, help="Film into this folder; without a display: into watched/."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Play one episode of TASK in a window, or film it where there is no display."""
    from nsctl import watching
    from nsctl.disturbance import parse
    from nsctl.errors import NoWindow
    from nsctl.run_config import RunConfig

    config = RunConfig(task, agent, engine, episodes=1, seed=seed, disturb=tuple(map(parse, disturb or ())))
    path = None
    if video is None:
        try:
            episode = watching.watch(config, speed, _tell)
        except NoWindow as error:
            video = Path("watched")
            typer.echo(f"no window, so this is filmed into {video}/: {error}", err=True)
    if video is not None:
        episode, path = watching.film(config, video, _tell)
    outcome = episode.outcome
    if as_json:
        values = {"status": outcome.status, "reason": outcome.reason, "steps": episode.steps}
        typer.echo(json.dumps(values | {"film": None if path is None else str(path)}))
        return
    if path is not None:
        typer.echo(f"film    {path}")
    typer.echo(f"{outcome.status} after {episode.steps} control steps. {outcome.reason}".rstrip())


def _tell(steps: int, subgoal: str) -> None:
    typer.echo(f"{steps:>6}  {subgoal}", err=True)
