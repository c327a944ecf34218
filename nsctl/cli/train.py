"""``nsctl train``: make a part's weights from nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli.completion import complete_skill
from nsctl.cli.folders import folder
from nsctl.errors import InvalidValue, NsctlError

if TYPE_CHECKING:
    from nsctl.contracts import Trainable, TrainingRequest

commands = typer.Typer(help="Train a part from nothing.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.add_typer(commands, name="train")


@commands.callback()
def train() -> None:
    """Train a part from nothing."""


@commands.command("skill")
def train_skill(
    name: Annotated[str, typer.Argument(help="For example pick.", autocompletion=complete_skill)],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", callback=folder, help="Where to put the weights; weights/NAME.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides data and initial weights.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that collect and check.")] = 2,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what lies in the folder.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A tiny run of every stage; its weights are no good.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as one JSON object on the last line.")
    ] = False,
) -> None:
    """Train the skill NAME and print what its card says."""
    from nsctl.contracts import TrainingRequest

    skill = _trainable(name)
    request = TrainingRequest(
        out or Path("weights") / (f"{name}-quick" if quick else name), seed, workers, resume, quick
    )
    try:
        figures = skill.train(request)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"interrupted: go on with `{_command(name, request)}`") from stop
    if as_json:
        from nsctl.records import plain

        typer.echo(json.dumps(plain(dict(figures))))
    else:
        _print(name, request, figures)


def _trainable(name: str) -> Trainable:
    from nsctl import registry
    from nsctl.contracts import Trainable

    part = registry.find("skills", name)
    skill = part.load()()
    if isinstance(skill, Trainable):
        return skill
    others = [other.name for other in registry.parts("skills").values() if _can_train(other.name)]
    raise InvalidValue(f"the skill {name!r} cannot be trained; these can: {', '.join(others) or 'none'}")


def _can_train(name: str) -> bool:
    from nsctl import registry
    from nsctl.contracts import Trainable

    try:
        return isinstance(registry.load("skills", name)(), Trainable)
    except NsctlError:
        return False


def _command(name: str, request: TrainingRequest) -> str:
    quick = " --quick" if request.quick else ""
    choices = f"--out {request.out} --seed {request.seed} --workers {request.workers}"
    return f"nsctl train skill {name} {choices}{quick} --resume"


def _print(name: str, request: TrainingRequest, figures: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 3))
    table.add_column(no_wrap=True)
    table.add_column(style="bold")
    for key, value in figures.items():
        if not isinstance(value, Mapping | list | tuple):
            table.add_row(key, f"{value:.4g}" if isinstance(value, float) else str(value))
    console = Console(highlight=False)
    console.print(f"\n[bold]{name}[/bold] trained\n")
    console.print(table)
    console.print(f"\nweights and card, round by round  {request.out}", soft_wrap=True)
    console.print("How to play with them: docs/cli.md, nsctl train skill", style="dim")
