"""``nsctl demos``: record demonstrations, export them, say what is in a dataset."""

from __future__ import annotations

import json
import shlex
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli.completion import complete_agent, complete_disturbance, complete_engine, complete_task
from nsctl.cli.folders import folder

if TYPE_CHECKING:
    from nsctl.demos.recorder import DemoConfig
    from nsctl.demos.recording import Recording
    from nsctl.demos.source import Source

DEMO_SEED = 1_000_000
"""Far from the seeds that people evaluate with: who learned from an episode must not be judged by it."""

commands = typer.Typer(help="Record demonstrations, export them, look into them.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and no progress.")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A recording, a Minari dataset or a LeRobot dataset.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.add_typer(commands, name="demos")


@commands.callback()
def demos() -> None:
    """Record demonstrations, export them, look into them."""


@commands.command("record")
def record_demos(
    task: Annotated[str, typer.Argument(help="For example hanoi-3.", autocompletion=complete_task)],
    episodes: Annotated[int, typer.Option(help="How many demonstrations; failed episodes do not count.")] = 100,
    cameras: Annotated[str, typer.Option(metavar="NAMES", help="For example front,wrist; none unless named.")] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", callback=folder, help="Where to; demos/TASK-vN unless named.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that play side by side.")] = 1,
    seed: Annotated[int, typer.Option(help="Decides the initial states; evaluate with another.")] = DEMO_SEED,
    engine: Annotated[str, typer.Option(help="The simulator.", autocompletion=complete_engine)] = "mujoco",
    agent: Annotated[str, typer.Option(help="Who shows how.", autocompletion=complete_agent)] = "scripted",
    disturb: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND[:STRENGTH]", help="As for nsctl run.", autocompletion=complete_disturbance),
    ] = None,
    pose_noise: Annotated[float, typer.Option(metavar="METRES", help="Error of the simulated tracker.")] = 0.001,
    as_json: Json = False,
) -> None:
    """Record demonstrations of TASK. The same command again goes on where it was cut short, or adds more."""
    from nsctl.cli.demos_progress import bar
    from nsctl.demos.recorder import DemoConfig
    from nsctl.demos.recording import record
    from nsctl.disturbance import parse

    names = tuple(name for name in cameras.replace(" ", "").split(",") if name)
    config = DemoConfig(
        task, agent, engine, episodes, seed, tuple(map(parse, disturb or ())), pose_noise, workers, cameras=names
    )
    try:
        with nullcontext(lambda done, of: None) if as_json else bar("demonstrations") as told:
            done = record(config, out, told)
    except KeyboardInterrupt as stop:
        again = shlex.join(["nsctl", *sys.argv[1:]])
        raise KeyboardInterrupt(f"interrupted: what succeeded is kept; go on with `{again}`") from stop
    if as_json:
        typer.echo(json.dumps({**asdict(done), "folder": str(done.folder)}))
    else:
        _print_recording(config, done)


@commands.command("export")
def export_demos(
    folder: Folder,
    form: Annotated[str, typer.Option("--format", help="lerobot or minari.")] = "lerobot",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", callback=folder, help="A new folder; DIR-FORMAT unless named.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the demonstrations in DIR once more, as a LeRobotDataset v3.0 or as a Minari dataset."""
    from nsctl.cli.demos_progress import bar
    from nsctl.demos.exporting import export

    whole = folder.resolve() if folder.name in ("", "..") else folder
    target = out or whole.with_name(f"{whole.name}-{form}")
    with nullcontext(lambda done, of: None) if as_json else bar("exported") as told:
        source = export(folder, form, target, told)
    _tell(target, source, as_json)


@commands.command("show")
def show_demos(folder: Folder, as_json: Json = False) -> None:
    """Say what is in DIR: episodes, steps, bodies, cameras, size."""
    from nsctl.demos.source import open_source

    _tell(folder, open_source(folder), as_json)


def _tell(folder: Path, source: Source, as_json: bool) -> None:
    values = _values(folder, source)
    source.close()
    if as_json:
        typer.echo(json.dumps(values))
        return
    for name, value in values.items():
        typer.echo(f"{name:<16} {', '.join(value) or 'none' if isinstance(value, list) else value}")


def _values(folder: Path, source: Source) -> dict[str, Any]:
    """What ``--json`` prints of a dataset. Its keys may be added to, never renamed."""
    about, steps = source.about, sum(source.lengths)
    return {
        "folder": str(folder),
        "format": about.format,
        "task": about.task,
        "demonstrations": len(source.lengths),
        "steps": steps,
        "seconds": steps / about.fps,
        "bodies": list(about.bodies),
        "cameras": list(about.cameras),
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
    }


def _print_recording(config: DemoConfig, done: Recording) -> None:
    failed = done.attempts - done.demonstrations
    typer.echo(f"{done.demonstrations} demonstrations of {config.task}, {done.steps} control steps")
    typer.echo(f"{failed} of {done.attempts} episodes failed and were not kept" if failed else "no episode failed")
    for reason, times in sorted(done.reasons.items(), key=lambda item: -item[1]):
        typer.echo(f"  {times} x {reason}")
    typer.echo(f"{done.folder}  {done.bytes / 1e6:.1f} MB, for Minari {done.dataset_id}")
