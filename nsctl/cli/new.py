"""``nsctl new``: begin a part of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nsctl.cli.completion import complete_kind
from nsctl.cli.folders import folder as plain_folder


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command()(new)


def new(
    kind: Annotated[str, typer.Argument(help="skill, task, agent or meter.", autocompletion=complete_kind)],
    name: Annotated[str, typer.Argument(help="As Python names things: my_skill.")],
    folder: Annotated[
        Path, typer.Option(metavar="DIR", callback=plain_folder, help="Where the package's folder goes.")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a page.")] = False,
) -> None:
    """Write a small package around a new part: it installs with pip, is found at once, and passes its own test."""
    from nsctl.scaffold import commands, scaffold

    target = scaffold(kind, name, folder)
    steps = commands(kind, name, target)
    if as_json:
        written = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
        typer.echo(json.dumps({"folder": str(target), "files": written, "commands": list(steps)}))
        return
    typer.echo(f"\n{target} holds a {kind} that works as it is. Next:\n")
    for step, why in zip(steps, ("install it where nsctl is", "put it through its checks", "try it"), strict=True):
        typer.echo(f"    {step:<44} # {why}")
    typer.echo(f"\nThen make it your own: {target / 'src' / name} is all there is, {target / 'README.md'} explains it.")
