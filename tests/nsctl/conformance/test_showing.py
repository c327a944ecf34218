"""Checks of boards find the faults of a board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nsctl.conformance.report import Checklist
from nsctl.conformance.showing import examine_board


class Plain:
    """A board that lists the runs."""

    name = "plain"

    def build(self, folders: Sequence[Path], out: Path, *, title: str) -> Path:
        out.mkdir()
        page = out / "board.txt"
        page.write_text("\n".join([title, *(folder.name for folder in folders)]))
        return page


class Dated(Plain):
    count = 0

    def build(self, folders: Sequence[Path], out: Path, *, title: str) -> Path:
        Dated.count += 1
        return super().build(folders, out, title=f"{title} {Dated.count}")


class Meddling(Plain):
    def build(self, folders: Sequence[Path], out: Path, *, title: str) -> Path:
        (folders[0] / "board.txt").touch()
        return super().build(folders, out, title=title)


class Elsewhere(Plain):
    def build(self, folders: Sequence[Path], out: Path, *, title: str) -> Path:
        super().build(folders, out, title=title)
        return folders[0] / "run.json"


@pytest.mark.parametrize(
    ("board", "sentence"),
    [
        (Plain(), ""),
        (Dated(), "The same record must give the same page."),
        (Meddling(), "build() must leave the record as it is."),
        (Elsewhere(), "run.json must lie in the folder that was asked for."),
        (object(), "It lacks name, build"),
    ],
)
def test_faults_are_told(board: Any, sentence: str) -> None:
    checklist = Checklist()
    examine_board(board, checklist, 1, ())
    (check,) = checklist.checks
    assert check.ok == (not sentence)
    assert sentence in check.sentence
