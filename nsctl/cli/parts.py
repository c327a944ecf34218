"""``nsctl parts``: what is registered, from metadata alone, and whether a part does what its contract says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli import exits
from nsctl.cli.completion import complete_group, complete_part, complete_task

if TYPE_CHECKING:
    from nsctl.conformance import Report
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


@commands.command("check")
def check_part(
    name: Annotated[str, typer.Argument(help="For example my_skill.", autocompletion=complete_part)],
    group: Annotated[
        str | None, typer.Option(help="Its group, where two have a part of this name.", autocompletion=complete_group)
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Simulated executions of a skill, or episodes of a suite.")] = 20,
    task: Annotated[
        list[str] | None,
        typer.Option(help="Try it on this task alone; may be given again.", autocompletion=complete_task),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Put a part through the checks of its group. Ends with 1 if one of them fails."""
    from nsctl import tasks
    from nsctl.conformance import examine

    name, _, variant = name.partition(":")
    part = _part(name, group)
    for each in task or ():
        tasks.find(each)
    report = examine(part, trials, tuple(task or ()), variant)
    if as_json:
        typer.echo(json.dumps(result(report)))
    else:
        _print_report(report)
    raise typer.Exit(exits.DONE if report.ok else exits.FAILED)


def result(report: Report) -> dict[str, Any]:
    """The object that ``--json`` prints. Its keys may be added to, never renamed."""
    return {
        "part": asdict(report.part),
        "ok": report.ok,
        "verdict": report.verdict,
        "checks": [asdict(check) for check in report.checks],
        "licence": report.licence,
        "sha256": report.sha256,
    }


def _part(name: str, group: str | None) -> Part:
    """The part of this name; without a group, the only one in all groups."""
    from nsctl import registry
    from nsctl.errors import InvalidValue, UnknownName

    if group is not None:
        return registry.find(group, name)
    every = list(registry.every_part())
    found = [part for part in every if part.name == name]
    if not found:
        raise UnknownName("part", name, {part.name for part in every})
    if len(found) > 1:
        groups = " and ".join(part.group for part in found)
        raise InvalidValue(f"{name!r} is a name in {groups}: say which is meant, for example --group {found[0].group}")
    return found[0]


def _print_report(report: Report) -> None:
    from rich.console import Console
    from rich.text import Text

    from nsctl.cli.tables import MISSING, plain_table

    part, console = report.part, Console(highlight=False)
    table = plain_table("check", "", "what was found")
    for check in report.checks:
        state = Text("ok", style="green") if check.ok else Text("FAILED", style="bold red")
        table.add_row(check.name, state, Text(check.sentence))
    console.print(f"\n[bold]{part.name}[/bold], one of the {part.group}, from {part.distribution} {part.version}\n")
    console.print(table)
    told = f"{report.sha256} (what describe() tells)" if report.sha256 else MISSING
    console.print(f"\n[dim]licence  {report.licence}\nsha256   {told}[/dim]\n", soft_wrap=True)
    console.print(Text(report.verdict, style="green" if report.ok else "red"))


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
