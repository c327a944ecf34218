"""``nsctl board``: records for others to look at, and to argue with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli import board_verify
from nsctl.cli.folders import RUNS, folder, record

if TYPE_CHECKING:
    from nsctl.clips import Clip
    from nsctl.record_folder import StoredRun

commands = typer.Typer(help="Show records on a page, and verify them.", no_args_is_help=True)
LARGE = 2_000_000
"""Bytes above which a page is told to be slow to open."""


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.add_typer(commands, name="board")


@commands.callback()
def board() -> None:
    """Show records on a page, and verify them."""


def _named(context: typer.Context, given: list[Path]) -> list[Path]:
    return record(context, given) if given else [RUNS]


@commands.command("build")
def build_board(
    records: Annotated[
        list[Path],
        typer.Argument(
            metavar="[RUN_OR_FOLDER]...",
            callback=_named,
            help="Records, or folders of records; runs/ unless named.",
        ),
    ] = [],  # noqa: B006 (typer copies it; the callback fills it)
    out: Annotated[Path, typer.Option(metavar="DIR", callback=folder, help="Where to.")] = Path("board"),
    title: Annotated[str, typer.Option(help="The page's heading.")] = "nsctl board",
    videos: Annotated[
        bool, typer.Option("--videos", help="Film a success and a failure of each run by playing them again.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and no progress.")] = False,
) -> None:
    """Write all records as one page that works from the disk: table, charts, episodes, and videos if asked for."""
    from nsctl import registry
    from nsctl.board_records import gather

    found, skipped = gather(records)
    made = registry.load("boards", "html")()
    clips = _clips(found, out, as_json) if videos else []
    page = made.build([stored.folder for stored in found], out, title=title)
    answer = result(page, found, skipped, clips)
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        _print(answer)


def result(page: Path, found: Sequence[StoredRun], skipped: dict[str, str], clips: Sequence[Clip]) -> dict[str, Any]:
    """The object that ``--json`` prints. Its keys may be added to, never renamed."""
    return {
        "page": str(page),
        "bytes": page.stat().st_size,
        "runs": len(found),
        "episodes": sum(len(stored.episodes) for stored in found),
        "skipped": skipped,
        "videos": sum(clip.path is not None for clip in clips),
        "videos_missing": {f"{clip.run} {clip.index}": clip.why_not for clip in clips if clip.path is None},
        "videos_that_differ": [f"{clip.run} {clip.index}" for clip in clips if clip.path and not clip.same],
    }


def _clips(found: Sequence[StoredRun], out: Path, quiet: bool) -> list[Clip]:
    from nsctl.cli.demos_progress import bar
    from nsctl.clips import make_clips

    with nullcontext(lambda done, of: None) if quiet else bar("control steps filmed") as told:
        return make_clips(found, out / "videos", told)


def _print(answer: dict[str, Any]) -> None:
    for why in answer["skipped"].values():  # it names the record
        typer.echo(f"left out: {why}", err=True)
    for episode, why in answer["videos_missing"].items():
        typer.echo(f"no video of {episode}: {why}", err=True)
    for episode in answer["videos_that_differ"]:
        typer.echo(f"the video of {episode} does not end as the record does; the page says so", err=True)
    films = f", {answer['videos']} videos" if answer["videos"] else ""
    size = f"{answer['bytes'] / 1e6:.2f} MB"
    typer.echo(f"{answer['page']}: {answer['runs']} runs, {answer['episodes']} episodes{films}, {size}")
    if answer["bytes"] > LARGE:
        typer.echo("that is much for a page: name fewer runs", err=True)


commands.command("verify")(board_verify.verify_run)
