"""Reads records, ranks them and writes the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from energy.board.page import page
from energy.board.ranks import ranked
from energy.board.rows import Row, read_tier
from nsctl.clips import clip_path
from nsctl.errors import InvalidValue, RecordError
from nsctl.files import make_folder, write_atomically
from nsctl.record_folder import read_record

PAGE: Final = "index.html"
VIDEOS: Final = "videos"


class HtmlBoard:
    """One self-contained page, ``index.html``; it links what videos lie in ``videos/`` beside it."""

    name = "html"

    def build(self, folders: Sequence[Path], out: Path, *, title: str) -> Path:
        """Write the page of the records in ``folders`` into the folder ``out``; returns where it lies.

        Refuses a record that is not whole or not complete, two of the same run, and none at all.
        """
        if not folders:
            raise InvalidValue("a board needs at least one record")
        rows = [_row(folder) for folder in folders]
        _refuse_doubles(rows)
        make_folder(out, "board")
        ranking = ranked(rows)
        content = page(ranking, title, {row.run.id: _clips(out, row) for row in ranking})
        write_atomically(out / PAGE, content.encode())
        return out / PAGE


def _row(folder: Path) -> Row:
    stored = read_record(folder)
    if stored.run.status != "complete":
        raise RecordError(f"{folder} is {stored.run.status}, and a board shows complete runs alone: resume it first")
    return Row(stored, read_tier(folder))


def _refuse_doubles(rows: Sequence[Row]) -> None:
    seen: dict[str, Path] = {}
    for row in rows:
        if row.run.id in seen:
            raise InvalidValue(f"{seen[row.run.id]} and {row.stored.folder} are the same run: name one of them")
        seen[row.run.id] = row.stored.folder


def _clips(out: Path, row: Row) -> dict[int, str]:
    """The videos of a run, by episode; seen from the page."""
    found = {}
    for episode in row.stored.episodes:
        for same in (False, True):  # the same episode's rather than another one's, where both lie there
            path = clip_path(out / VIDEOS, row.run.id, episode.index, same=same)
            if path.is_file():
                found[episode.index] = f"{VIDEOS}/{path.name}"
    return found
