"""``nsctl parts list``: what is registered, from metadata alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from nsctl.cli.completion import complete_group

if TYPE_CHECKING:
    from nsctl.registry import Part

commands = typer.Typer(help="The parts that are installed: ours and other people's.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.add_typer(commands, name="parts")


@commands.callback()
def parts() -> None:
    """The parts that are installed: ours and other people's."""


@commands.command("list")
def list_parts(
    group: Annotated[
        str | None, typer.Argument(help="Only this group, for example agents.", autocompletion=complete_group)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """List agents, planners, skills, tasks, meters and so on. Nothing is imported."""
    from nsctl import registry

    found = list(registry.every_part()) if group is None else list(registry.parts(group).values())
    if as_json:
        typer.echo(json.dumps({"parts": [asdict(part) for part in found]}))
    else:
        _print(found)


def _print(found: Sequence[Part]) -> None:
    from rich.console import Console

    from nsctl.cli.tables import plain_table
    from nsctl.registry import GROUPS

    table = plain_table("group", "name", "from", "target")
    for number, part in enumerate(found):
        first = number == 0 or found[number - 1].group != part.group
        if first and number:
            table.add_section()
        claims = (f"{part.distribution} {part.version}", *part.rivals)
        table.add_row(part.group if first else "", part.name, " and ".join(claims), part.target)
    console = Console()
    console.print(table)
    console.print()
    groups = {part.group for part in found}
    console.print("\n".join(f"[dim]{group:<12} {GROUPS[group]}[/dim]" for group in GROUPS if group in groups))
