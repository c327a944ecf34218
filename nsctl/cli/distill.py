"""``nsctl distill``: train a policy's weights to act in four bits as they did in all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeGuard

import typer

from nsctl.cli.completion import complete_skill
from nsctl.cli.folders import folder

if TYPE_CHECKING:
    from nsctl.precision import Distillable, DistillationRequest

MEANINGS = {
    "ptq": "quantised, without training",
    "qat": "trained as long on the demonstrations' labels",
    "qad": "distilled: what was written",
}


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command()(distill)


def distill(
    teacher: Annotated[
        str,
        typer.Option(help="A skill, for example pick, or a folder with its weights.", autocompletion=complete_skill),
    ],
    student_precision: Annotated[str, typer.Option(help="In what the student's weights are stored.")] = "nvfp4",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", callback=folder, help="Where to put the weights; weights/TEACHER-nvfp4-distilled."),
    ] = None,
    episodes: Annotated[
        int | None, typer.Option(min=1, help="Demonstrations of each operator, and the student's own a round.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="The first learns from demonstrations alone.")] = None,
    device: Annotated[str, typer.Option(help="Where the student learns: cpu, cuda, cuda:1.")] = "cpu",
    seed: Annotated[int, typer.Option(min=0, help="Decides all episodes and batches.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what lies in the folder.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A tiny run of every stage; its weights are no good.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as one JSON object on the last line.")
    ] = False,
) -> None:
    """Store TEACHER in NVFP4 and train that to act as TEACHER does; an untrained and a label-trained one to compare with."""
    from nsctl.cli.holders import holder
    from nsctl.precision import DistillationRequest

    skill, weights = holder(teacher, _can, "distil")
    where = out or _beside(teacher, weights, quick)
    request = DistillationRequest(
        where, weights, teacher, student_precision, episodes, rounds, device, seed, resume, quick
    )
    try:
        figures = skill.distil(request)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"interrupted: go on with `{_command(request)}`") from stop
    if as_json:
        from nsctl.records import plain

        typer.echo(json.dumps(plain(dict(figures))))
    else:
        _print(request, figures)


def _beside(teacher: str, weights: Path | None, quick: bool) -> Path:
    name = "nvfp4-distilled" + "-quick" * quick
    return Path("weights") / f"{teacher}-{name}" if weights is None else weights / name


def _can(skill: object) -> TypeGuard[Distillable]:
    from nsctl.precision import Distillable

    return isinstance(skill, Distillable)


def _command(request: DistillationRequest) -> str:
    choices = f"--teacher {request.teacher} --student-precision {request.precision} --out {request.out}"
    choices += "".join(
        f" --{name} {value}"
        for name, value in (("episodes", request.episodes), ("rounds", request.rounds))
        if value is not None
    )
    choices += f" --device {request.device}" * (request.device != "cpu") + f" --seed {request.seed}"
    return f"nsctl distill {choices}{' --quick' * request.quick} --resume"


def _print(request: DistillationRequest, figures: Mapping[str, Any]) -> None:
    from rich.console import Console

    from nsctl.cli.tables import number, plain_table

    console, errors = Console(highlight=False), figures["errors"]
    console.print(f"\n[bold]{request.teacher}[/bold] distilled into {request.precision}\n")
    table = plain_table("", "action error#", "")
    for name, meaning in MEANINGS.items():
        table.add_row(name.upper(), number(errors[name]), meaning)
    console.print(table)
    console.print(
        f"\nQAD / PTQ {figures['error_ratio']:.3f}, of the squared errors {figures['squared_error_ratio']:.3f}",
        soft_wrap=True,
    )
    console.print(
        f"action error: in parts of the action's spread, over {figures['moments']} moments of {figures['episodes']} "
        "episodes that the teacher played and nobody learnt from",
        style="dim",
        soft_wrap=True,
    )
    typer.echo(f"\nweights  {request.out}")
    skill = request.teacher if request.weights is None else "NAME"
    typer.echo(f"play with them: nsctl run TASK --skill {skill}:{request.out}")
