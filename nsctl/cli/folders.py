"""Folders that the command line is given."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import typer

RUNS = Path("runs")
P = TypeVar("P", Path, list[Path])


def folder(path: Path | None) -> Path | None:
    """Refuse what looks like the next option: ``--video --json`` would film into a folder called ``--json``."""
    if path is not None and str(path).startswith("-"):
        raise typer.BadParameter(f"a folder was expected, got the option {str(path)!r}; say ./{path} if you mean it")
    return path


def record(context: typer.Context, given: P) -> P:
    """The folders of records that are given by path, by the id of one in ``runs``, or by the last letters of that id.

    A command that looks elsewhere has an eager option ``--runs``.
    """
    runs = context.params.get("runs") or RUNS
    return [_record(path, runs) for path in given] if isinstance(given, list) else _record(given, runs)


def _record(given: Path, runs: Path) -> Path:
    if given.exists() or not runs.is_dir() or len(given.parts) != 1:
        return given
    named = [path.parent for path in sorted(runs.glob("*/run.json")) if path.parent.name.endswith(given.name)]
    if len(named) > 1:
        raise typer.BadParameter(f"{len(named)} records in {runs} end in {given.name!r}: say more of the id")
    if not named:
        from nsctl.errors import UnknownName

        raise UnknownName("record", given.name, (path.parent.name for path in runs.glob("*/run.json")))
    return named[0]
