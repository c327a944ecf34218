"""A file is there as a whole or as it was, and has one writer."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsctl.errors import InvalidValue
from nsctl.files import append_line, cut_torn_line, hold, make_folder, whole_lines, write_atomically


def test_a_file_is_replaced_and_leaves_no_draft(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        write_atomically(tmp_path / "a.json", content)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.json", b"new")]


def test_a_torn_line_is_no_line_and_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\ntwo\nthr")
    assert whole_lines(path.read_bytes()) == [b"one", b"two"]
    with path.open("a", encoding="utf-8") as file:
        cut_torn_line(file, whole_lines(path.read_bytes()))
        append_line(file, "drei")
        assert path.read_bytes() == b"one\ntwo\ndrei\n", "it is on the disk before the file is closed"


def test_a_file_has_one_writer(tmp_path: Path) -> None:
    with (tmp_path / "a").open("w") as first:
        assert hold(first)
        with (tmp_path / "a").open("a") as second:
            assert not hold(second)
    with (tmp_path / "a").open("a") as third:
        assert hold(third)


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    make_folder(tmp_path / "new" / "films", "film")
    assert (tmp_path / "new" / "films").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(InvalidValue, match=r"no film can be written to .*file/films: Not a directory"):
        make_folder(tmp_path / "file" / "films", "film")
