"""``nsctl tasks``: what there is to do, and how it looks."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli.completion import complete_engine, complete_task
from nsctl.cli.folders import folder

if TYPE_CHECKING:
    from nsctl.task import Task


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command("tasks")(list_tasks)


def list_tasks(
    task: Annotated[
        str | None, typer.Argument(help="Only this task, with its bodies and phrasings.", autocompletion=complete_task)
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", callback=folder, help="Draw each task, and a sheet of all, into this folder."),
    ] = None,
    engine: Annotated[str, typer.Option(help="The simulator that draws.", autocompletion=complete_engine)] = "mujoco",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """List the tasks of every suite: bodies, horizon and an instruction; with TASK, all there is to know of it."""
    from nsctl import tasks

    names = tasks.names() if task is None else (task,)
    found = [describe(tasks.find(name)) for name in names]
    sheet = None if pictures is None else _draw(names, pictures, engine, quiet=as_json)
    if as_json:
        typer.echo(json.dumps({"tasks": found, "sheet": None if sheet is None else str(sheet)}))
        return
    if task is None:
        _print(found)
    else:
        _print_one(found[0])
    if sheet is not None:
        typer.echo(f"\npictures  {sheet.parent}/, all of them on {sheet.name}")


def describe(task: Task) -> dict[str, Any]:
    """What a table or a program wants to know of a task; its phrasings are those of one goal, drawn as an example."""
    import numpy as np

    from nsctl import registry

    rng = np.random.default_rng(0)
    task.sample(rng)
    task.phrase(rng)
    domain = registry.load("planners", "clingo")().domain(task.domain_pddl)
    return {
        "task": task.name,
        "version": int(task.version),
        "horizon": task.horizon,
        "operators": [operator.name for operator in domain.operators],
        "bodies": [_body(body) for body in task.bodies],
        "instruction": task.instruction,
        "phrasings": list(task.phrasings),
    }


def _body(body: Any) -> dict[str, Any]:
    kind = "movable" if body.movable else "sliding" if body.mount and body.mount.travel else ""
    kind = kind or ("fixture" if body.boxes else "place")
    return {
        "name": body.name,
        "type": body.type,
        "kind": kind,
        "size_m": [2 * float(half) for half in body.half_extents],
    }


def _draw(names: tuple[str, ...], folder: Path, engine: str, *, quiet: bool) -> Path:
    from nsctl.contact_sheet import draw

    return draw(
        names, folder, engine, (lambda name: None) if quiet else lambda name: typer.echo(f"drawing {name}", err=True)
    )


def _print(found: list[dict[str, Any]]) -> None:
    from rich.console import Console

    from nsctl.cli.tables import plain_table

    console = Console()
    table = plain_table("task", "bodies#", "seconds#", "instruction, for example")
    room = max(
        24, console.width - 10 - sum(max(map(len, column)) for column in zip(*map(_columns, found), strict=True))
    )
    family = ""
    for each in found:
        if family and each["task"].partition("-")[0] != family:
            table.add_section()
        family = each["task"].partition("-")[0]
        table.add_row(*_columns(each), shorten(each["instruction"], room, placeholder="…"))
    console.print(table)
    console.print("\n[dim]bodies: those that can be moved; seconds: of robot time until an episode times out[/dim]")


def _columns(task: dict[str, Any]) -> tuple[str, str, str]:
    """The table's columns but the instruction; numbers are as wide as their heads."""
    from nsctl.scene import CONTROL_HZ

    movable = sum(body["kind"] == "movable" for body in task["bodies"])
    seconds = task["horizon"] / CONTROL_HZ
    return task["task"], f"{movable:>6}", f"{seconds:>7.0f}"


def _print_one(task: dict[str, Any]) -> None:
    from rich.console import Console

    from nsctl.cli.tables import plain_table

    console = Console()
    console.print(
        f"{task['task']} v{task['version']}, {task['horizon']} control steps, {', '.join(task['operators'])}\n"
    )
    table = plain_table("body", "type", "kind", "size, mm")
    for body in task["bodies"]:
        table.add_row(body["name"], body["type"], body["kind"], " x ".join(f"{1000 * s:.0f}" for s in body["size_m"]))
    console.print(table)
    console.print("\n" + "\n".join(f"- {phrasing}" for phrasing in task["phrasings"]))
