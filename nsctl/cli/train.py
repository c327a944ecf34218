"""``nsctl train``: make a part's weights from nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli.completion import complete_skill, complete_task
from nsctl.cli.folders import folder
from nsctl.cli.train_agent import train_vla
from nsctl.errors import InvalidValue, NsctlError

if TYPE_CHECKING:
    from nsctl.contracts import Trainable, TrainingRequest

ALL = "all"
"""The name that stands for every skill that can be trained."""
MEANINGS = {
    "kept": "the round that the weights are of",
    "success": "episodes in which the skill was checked",
    "interval": "of the rate of success",
    "seconds": "wall time",
    "joules": "of computing",
    "label": "how the joules are known",
    "commit": "of nsctl's code, if that is a checkout",
}
"""What a figure is, where its name is one of those that nsctl's own skills use."""

commands = typer.Typer(help="Train a part from nothing.", no_args_is_help=True)
commands.command("vla")(train_vla)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.add_typer(commands, name="train")


@commands.callback()
def train() -> None:
    """Train a part from nothing."""


@commands.command("skill")
def train_skill(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...",
            help="For example pick; several, or all, share one network.",
            autocompletion=complete_skill,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", callback=folder, help="Where to put the weights; weights/NAME.")
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TASK", help="Learn in this task alone; may be given again.", autocompletion=complete_task
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="Where the network learns: cpu, cuda, cuda:1.")] = "cpu",
    backbone: Annotated[str, typer.Option(help="The kind of network, where a skill offers several.")] = "",
    seed: Annotated[int, typer.Option(help="Decides data and initial weights.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that collect and check.")] = 2,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what lies in the folder.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A tiny run of every stage; its weights are no good.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as one JSON object on the last line.")
    ] = False,
) -> None:
    """Train the skill NAME, or one network for several, and print what its card says."""
    from nsctl import tasks
    from nsctl.contracts import TrainingRequest

    for wanted in task or ():
        tasks.find(wanted)
    name = "-".join(names)
    skill, operators = _together(names)
    request = TrainingRequest(
        out or Path("weights") / (f"{name}-quick" if quick else name),
        seed,
        workers,
        resume,
        quick,
        operators,
        tuple(task or ()),
        device,
        backbone,
    )
    try:
        figures = skill.train(request)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"interrupted: go on with `{_command(names, request)}`") from stop
    if as_json:
        from nsctl.records import plain

        typer.echo(json.dumps(plain(dict(figures))))
    else:
        print_figures(name, request, figures)


def _together(names: Sequence[str]) -> tuple[Trainable, tuple[str, ...]]:
    """Who trains these skills, and their operators; of one alone, none."""
    if list(names) == [ALL]:
        return _everything()
    skills = [_trainable(name) for name in names]
    strangers = [name for name, skill in zip(names, skills, strict=True) if type(skill) is not type(skills[0])]
    if strangers:
        raise InvalidValue(f"the skills {names[0]!r} and {strangers[0]!r} cannot share a network: train each by itself")
    return skills[0], _operators(skills) if len(skills) > 1 else ()


def _everything() -> tuple[Trainable, tuple[str, ...]]:
    """Every skill that can be trained together with nsctl's own."""
    from nsctl import registry

    found = [part for part in registry.parts("skills").values() if _can_train(part.name)]
    skills = [part.load()() for part in sorted(found, key=lambda part: part.distribution != "nsctl")]
    if not skills:
        raise InvalidValue("no skill can be trained: there is none with a method train")
    return skills[0], _operators([skill for skill in skills if type(skill) is type(skills[0])])


def _operators(skills: Sequence[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(skill.operator for skill in skills))


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


def _command(names: Sequence[str], request: TrainingRequest) -> str:
    choices = f"--out {request.out} --seed {request.seed} --workers {request.workers}"
    choices += "".join(f" --task {task}" for task in request.tasks)
    choices += f" --device {request.device}" * (request.device != "cpu")
    choices += f" --backbone {request.backbone}" * bool(request.backbone) + " --quick" * request.quick
    return f"nsctl train skill {' '.join(names)} {choices} --resume"


def print_figures(name: str, request: TrainingRequest, figures: Mapping[str, Any]) -> None:
    """What the card of ``name`` says, and what lies in the folder now."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 3))
    table.add_column(no_wrap=True)
    table.add_column(style="bold", overflow="fold")
    table.add_column(style="dim")
    for key, value in _rows(figures).items():
        told = f"{value:.4g}" if isinstance(value, float) else str(value)
        table.add_row("95 % interval" if key == "interval" else key, Text(told), MEANINGS.get(key, ""))
    console = Console(highlight=False)
    console.print(f"\n[bold]{name}[/bold] trained\n")
    console.print(table)
    console.print(Text(f"\n{_written(request.out)}"), soft_wrap=True)
    if (request.out / "model.safetensors").exists():
        console.print("How to play with them: docs/cli.md, nsctl train skill", style="dim")


def _rows(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that fit into a line each; the two ends of an interval as one."""
    rows: dict[str, Any] = {}
    for key, value in figures.items():
        if key == "low" and "high" in figures:
            rows["interval"] = f"{value:.4g} to {figures['high']:.4g}"
        elif not isinstance(value, Mapping | list | tuple) and not (key == "high" and "low" in figures):
            rows[key] = value
    return rows


def _written(folder: Path) -> str:
    """What lies in the folder that the skill was to write into."""
    there = sorted(path.name for path in folder.iterdir() if path.name[0] not in "._") if folder.is_dir() else []
    return f"in {folder}: {', '.join(there)}" if there else f"the skill put nothing into {folder}"
