"""Folders that the command line is given."""

from __future__ import annotations

from pathlib import Path

import typer


def folder(path: Path | None) -> Path | None:
    """Refuse what looks like the next option: ``--video --json`` would film into a folder called ``--json``."""
    if path is not None and str(path).startswith("-"):
        raise typer.BadParameter(f"a folder was expected, got the option {str(path)!r}; say ./{path} if you mean it")
    return path
