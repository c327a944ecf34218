"""Which records go onto a board."""

from __future__ import annotations

from pathlib import Path

import pytest
from samples import make_episode, make_run

from nsctl.board_records import gather
from nsctl.errors import InvalidValue, RecordError
from nsctl.record_folder import RecordWriter


def put(runs: Path, name: str, *, whole: bool = True) -> Path:
    with RecordWriter.create(runs, make_run(2, id=name)) as writer:
        for index in range(2 if whole else 1):
            writer.append(make_episode(index, run=name))
        if whole:
            writer.complete()
    return writer.folder


def test_all_complete_records_of_a_folder_and_why_others_are_left_out(tmp_path: Path) -> None:
    one, other = put(tmp_path, "a"), put(tmp_path, "b")
    begun, damaged = put(tmp_path, "c", whole=False), put(tmp_path, "d")
    (damaged / "run.json").write_text("{")
    (tmp_path / "no-record").mkdir()
    found, skipped = gather([tmp_path])
    assert [stored.folder for stored in found] == [one, other]
    assert list(skipped) == [str(begun), str(damaged)]
    assert "is running, with 1 of 2 episodes" in skipped[str(begun)]
    assert "is not JSON" in skipped[str(damaged)]


def test_a_record_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    one = put(tmp_path, "a")
    found, _ = gather([one, tmp_path])
    assert [stored.run.id for stored in found] == ["a"]


def test_a_record_that_is_named_itself_must_be_whole(tmp_path: Path) -> None:
    begun = put(tmp_path, "c", whole=False)
    with pytest.raises(RecordError, match=r"`nsctl run --resume` goes on with it"):
        gather([begun])


def test_places_without_a_record_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"there is no record and no folder of records at .*nowhere"):
        gather([tmp_path / "nowhere"])
    with pytest.raises(InvalidValue, match="`nsctl run hanoi-3` makes one"):
        gather([tmp_path])
    put(tmp_path, "c", whole=False)
    with pytest.raises(InvalidValue, match=r"of 1 left out, the first: .*c is running"):
        gather([tmp_path])
