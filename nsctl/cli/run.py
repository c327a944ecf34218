"""``nsctl run``: play episodes of a task, keep a record, say what came of it."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli.completion import (
    complete_agent,
    complete_disturbance,
    complete_engine,
    complete_log,
    complete_skill,
    complete_task,
)
from nsctl.cli.folders import folder

if TYPE_CHECKING:
    from nsctl.evaluation import Evaluation, RunOptions

FIXED = (
    "agent",
    "episodes",
    "seed",
    "workers",
    "engine",
    "disturb",
    "pose_noise",
    "skill",
    "precision",
    "device",
    "runs",
)
"""Options that a record to be gone on with has settled already."""


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command()(run)


def run(
    ctx: typer.Context,
    task: Annotated[str | None, typer.Argument(help="For example hanoi-3.", autocompletion=complete_task)] = None,
    agent: Annotated[
        str, typer.Option(help="nesy (neural skills), scripted or random.", autocompletion=complete_agent)
    ] = "nesy",
    episodes: Annotated[int, typer.Option(help="How many.")] = 10,
    seed: Annotated[int, typer.Option(help="Decides the initial states.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes that play side by side.")] = 1,
    engine: Annotated[str, typer.Option(help="The simulator.", autocompletion=complete_engine)] = "mujoco",
    disturb: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND[:STRENGTH]",
            help="For example hand, push:0.5 or lag; may be given again.",
            autocompletion=complete_disturbance,
        ),
    ] = None,
    pose_noise: Annotated[
        float, typer.Option(metavar="METRES", help="Error of the simulated tracker; 0 gives true poses.")
    ] = 0.001,
    skill: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A skill in place of the agent's own for its operator; may be given again.",
            autocompletion=complete_skill,
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="In what the agent's neural skills play: float32, nvfp4 or, on a GPU, bfloat16.")
    ] = "float32",
    device: Annotated[str, typer.Option(help="Where they play: cpu, cuda, cuda:1.")] = "cpu",
    video: Annotated[
        Path | None, typer.Option(metavar="DIR", callback=folder, help="Film every episode into this folder.")
    ] = None,
    runs: Annotated[Path, typer.Option(metavar="DIR", callback=folder, help="Where records are kept.")] = Path("runs"),
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", callback=folder, help="Go on with the record in this folder.")
    ] = None,
    log: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOOL",
            help="Show the run to tensorboard, wandb or trackio as well; may be given again.",
            autocompletion=complete_log,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and no progress.")] = False,
    carbon: Annotated[bool, typer.Option("--carbon/--no-carbon", help="Let codecarbon meter the whole run.")] = True,
    region: Annotated[
        str | None, typer.Option(metavar="ABC", help="Whose grid codecarbon counts with, such as DEU [default: USA].")
    ] = None,
) -> None:
    """Play episodes of TASK, keep a record of each, and sum up success and joules."""
    if resume is None and task is None:
        from nsctl import tasks

        raise typer.BadParameter(f"name a task; there is: {', '.join(tasks.names())}", param_hint="TASK")
    if resume is not None:
        _refuse_fixed(ctx, task)

    from nsctl.cli.progress import progress
    from nsctl.disturbance import parse
    from nsctl.evaluation import RunOptions
    from nsctl.precision import quantised_at_load, skills_at
    from nsctl.run_log import Listeners, logs

    skills = skills_at(precision, agent, skill or (), device)

    with logs(log or (), lambda run: resume or runs / run) as logged, nullcontext() if as_json else progress() as shown:
        options = RunOptions(("nsctl", *sys.argv[1:]), carbon, video, Listeners(shown, logged), region)
        choices = (
            agent,
            engine,
            episodes,
            seed,
            tuple(map(parse, disturb or ())),
            pose_noise,
            workers,
            skills,
        )
        done = _evaluate(task, choices, runs, options) if resume is None else _resume(resume, options)
        logged.summary(done.summary)
    if fresh := quantised_at_load(done.run.agent):
        typer.echo(f"nsctl: quantised at load, having no NVFP4 weights of their own: {', '.join(fresh)}", err=True)
    if as_json:
        typer.echo(json.dumps(result(done)))
    else:
        from nsctl.cli.report import print_report

        print_report(done)


def result(done: Evaluation) -> dict[str, Any]:
    """The object that ``--json`` prints. Its keys may be added to, never renamed."""
    config, summary = done.run.config, done.summary
    return {
        "task": config.task,
        "agent": config.agent,
        "skills": list(config.skills),
        "engine": config.engine,
        "episodes": summary.episodes,
        "success_once": summary.success_once,
        "success_at_end": summary.success_at_end,
        "interval": list(summary.interval),
        "plan_length": summary.plan_length,
        "replans": summary.replans,
        "disturbed": summary.disturbed,
        "disturbed_replanned": summary.disturbed_replanned,
        "disturbed_replanned_success": summary.disturbed_replanned_success,
        "joules": {name: {"value": f.value, "label": f.label} for name, f in summary.joules.items()},
        "net": {name: {"value": f.value, "label": f.label} for name, f in done.net.items()},
        "idle": done.run.idle.model_dump() if done.run.idle else None,
        "joules_per_success": summary.joules_per_success,
        "seconds": summary.seconds,
        "errors": summary.errors,
        "reasons": summary.reasons,
        "replay": done.run.replay_sha256,
        "grade": done.run.grade,
        "record": str(done.folder),
    }


def _evaluate(task: str | None, choices: tuple[Any, ...], runs: Path, options: RunOptions) -> Evaluation:
    from nsctl.evaluation import evaluate
    from nsctl.run_config import RunConfig

    return evaluate(RunConfig(task or "", *choices), runs, options)


def _resume(folder: Path, options: RunOptions) -> Evaluation:
    from nsctl.evaluation import resume

    return resume(folder, options)


def _refuse_fixed(ctx: typer.Context, task: str | None) -> None:
    given = ["TASK"] if task is not None else []
    for name in FIXED:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            given.append("--" + name.replace("_", "-"))
    if given:
        raise typer.BadParameter(f"the record has settled {', '.join(given)}: leave it out", param_hint="--resume")
