"""A record on disk: durable, ordered at the end, and particular about damage."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from samples import make_episode, make_run

from nsctl import record_folder
from nsctl.errors import RecordError
from nsctl.record_folder import RecordWriter, read_record
from nsctl.records import replay_sha256


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The record of a run of three episodes, two of which have ended."""
    with RecordWriter.create(tmp_path, make_run()) as writer:
        writer.append(make_episode(1))
        writer.append(make_episode(0))
    return tmp_path / "r"


def rewrite(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_what_was_written_is_read_in_the_order_of_index(folder: Path) -> None:
    stored = read_record(folder)
    assert stored.run == make_run()
    assert stored.episodes == (make_episode(0), make_episode(1))


def test_an_episode_is_on_the_disk_before_the_writer_is_closed(tmp_path: Path) -> None:
    with RecordWriter.create(tmp_path, make_run()) as writer:
        writer.append(make_episode(2))
        assert read_record(tmp_path / "r").episodes == (make_episode(2),)


def test_every_append_reaches_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    with RecordWriter.create(tmp_path, make_run()) as writer:
        monkeypatch.setattr(os, "fsync", synced.append)
        writer.append(make_episode(0))
        writer.append(make_episode(1))
    assert len(synced) == 2


def test_a_torn_last_line_is_left_out_when_read_and_cut_off_when_written(folder: Path) -> None:
    path = folder / "episodes.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + make_episode(2).model_dump_json().encode()[:-9])
    assert len(read_record(folder).episodes) == 2
    assert path.read_bytes() != whole
    with RecordWriter.open(folder) as writer:
        assert path.read_bytes() == whole
        writer.append(make_episode(2))
    assert [e.index for e in read_record(folder).episodes] == [0, 1, 2]


def test_a_complete_record_is_in_order_and_sealed(folder: Path) -> None:
    with RecordWriter.open(folder) as writer:
        writer.append(make_episode(2))
        writer.complete(ended="2026-01-01T00:01:00+00:00")
    lines = (folder / "episodes.jsonl").read_text().splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 1, 2]
    assert read_record(folder).run.status == "complete"
    assert read_record(folder).run.replay_sha256 == replay_sha256(make_episode(i) for i in (0, 1, 2))
    (folder / "episodes.jsonl").write_text("\n".join(lines).replace('"steps":10', '"steps":11') + "\n")
    with pytest.raises(RecordError, match=r"episodes\.jsonl was changed after the run was complete: its SHA-256"):
        read_record(folder)


def test_run_json_is_replaced_whole_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no space left")

    with RecordWriter.open(folder) as writer:
        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="no space left"):
            writer.update(status="interrupted")
    assert read_record(folder).run.status == "running"


def test_a_field_that_run_json_does_not_have_is_refused(folder: Path) -> None:
    with RecordWriter.open(folder) as writer, pytest.raises(ValueError, match="Extra inputs"):
        writer.update(stauts="complete")


def test_a_second_writer_is_refused_until_the_first_is_done(folder: Path) -> None:
    with RecordWriter.open(folder), pytest.raises(RecordError, match="is being written by another nsctl"):
        RecordWriter.open(folder)
    RecordWriter.open(folder).__exit__(None, None, None)


def test_a_new_record_needs_a_new_folder(folder: Path) -> None:
    with pytest.raises(RecordError, match="r exists already: a new run needs a new folder"):
        RecordWriter.create(folder.parent, make_run())


def test_a_record_cannot_be_made_where_a_file_stands(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(RecordError, match=r"the record cannot be written to .*runs/r: "):
        RecordWriter.create(tmp_path / "runs", make_run())


def test_the_same_episode_is_not_written_twice(folder: Path) -> None:
    with RecordWriter.open(folder) as writer, pytest.raises(RecordError, match=r"repeats the key \(r, hanoi-1, 0\)"):
        writer.append(make_episode(0))


def test_an_episode_that_could_not_be_read_again_is_not_written(folder: Path) -> None:
    long = make_episode(2, skills=({"step": "x" * record_folder.LARGEST_LINE},))
    with (
        RecordWriter.open(folder) as writer,
        pytest.raises(RecordError, match=r"episode 2 is 1,\d{3},\d{3} bytes long"),
    ):
        writer.append(long)
    assert len(read_record(folder).episodes) == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{}", r"jsonl:3 is not a valid EpisodeRecord: run: Field required"),
        ("no json", r"jsonl:3 is not a valid EpisodeRecord: the whole: Invalid JSON"),
        ("", r"jsonl:3 is not a valid EpisodeRecord: the whole: Invalid JSON"),
        (make_episode(0).model_dump_json(), r"jsonl:3 repeats the key \(r, hanoi-1, 0\)"),
        (make_episode(2, run="s").model_dump_json(), r"jsonl:3 belongs to run 's', not to 'r'"),
        (make_episode(2, task="move").model_dump_json(), r"jsonl:3 belongs to task 'move', not to 'hanoi-1'"),
        (make_episode(2, seed=5).model_dump_json(), r"jsonl:3 belongs to seed 5, not to 0"),
        (make_episode(3).model_dump_json(), r"jsonl:3 has index 3, but the run has episodes 0\.\.2"),
    ],
)
def test_damage_is_refused_with_file_and_line(folder: Path, line: str, message: str) -> None:
    with (folder / "episodes.jsonl").open("a") as file:
        file.write(line + "\n")
    before = (folder / "episodes.jsonl").read_bytes()
    with pytest.raises(RecordError, match=message):
        read_record(folder)
    with pytest.raises(RecordError, match=message):
        RecordWriter.open(folder)
    assert (folder / "episodes.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schema_version": 4}, r"run\.json has schema_version 4, and this nsctl reads 1 to 3"),
        ({"status": "done"}, r"run\.json is not a valid RunRecord: status: Input should be"),
        ({"stauts": "x"}, r"run\.json is not a valid RunRecord: stauts: Extra inputs are not permitted"),
        ({"status": "complete"}, r"episodes\.jsonl has 2 of 3 episodes, yet run\.json says complete"),
    ],
)
def test_a_run_that_does_not_fit_is_refused(folder: Path, fields: dict[str, Any], message: str) -> None:
    rewrite(folder / "run.json", **fields)
    with pytest.raises(RecordError, match=message):
        read_record(folder)


@pytest.mark.parametrize(
    ("name", "limit", "message"),
    [
        ("run.json", "LARGEST_RUN", r"run\.json is [\d,]+ bytes long; run\.json may have 100$"),
        ("episodes.jsonl", "LARGEST_EPISODES", r"episodes\.jsonl is [\d,]+ bytes long; episodes\.jsonl may have 100$"),
        ("a line", "LARGEST_LINE", r"episodes\.jsonl:1 is [\d,]+ bytes long; an episode may have 100$"),
    ],
)
def test_what_is_too_large_to_be_ours_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: str, message: str
) -> None:
    monkeypatch.setattr(record_folder, limit, 100)
    with pytest.raises(RecordError, match=message):
        read_record(folder)


def test_a_file_that_is_too_large_is_not_even_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (folder / "run.json").open("ab") as file:
        file.truncate(record_folder.LARGEST_RUN + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read"))
    with pytest.raises(RecordError, match=r"run\.json is 4,000,001 bytes long; run\.json may have 4,000,000"):
        read_record(folder)


def test_limits_are_far_from_what_is_written(folder: Path) -> None:
    assert (folder / "run.json").stat().st_size < record_folder.LARGEST_RUN / 100
    assert len(make_episode(0).model_dump_json()) < record_folder.LARGEST_LINE / 100


def test_what_cannot_be_read_is_told_so(folder: Path) -> None:
    (folder / "run.json").unlink()
    (folder / "run.json").mkdir()
    with pytest.raises(RecordError, match=r"run\.json cannot be read: Is a directory"):
        read_record(folder)


def test_json_that_is_nested_without_end_is_refused(folder: Path) -> None:
    (folder / "run.json").write_text("[" * 100_000)
    with pytest.raises(RecordError, match=r"run\.json is not JSON"):
        read_record(folder)


def test_no_two_ids_are_alike() -> None:
    ids = {record_folder.new_id("hanoi-3", "nesy") for _ in range(100)}
    assert len(ids) == 100
    assert all(name.split("Z-")[1].startswith("hanoi-3-nesy-") for name in ids)


def test_what_is_no_record_is_told_so(folder: Path) -> None:
    with pytest.raises(RecordError, match=r"nowhere is no run record: there is no run\.json in it"):
        read_record(folder / "nowhere")
    (folder / "run.json").write_text("{")
    with pytest.raises(RecordError, match=r"run\.json is not JSON: "):
        read_record(folder)


def test_a_record_without_episodes_file_is_refused(folder: Path) -> None:
    (folder / "episodes.jsonl").unlink()
    with pytest.raises(RecordError, match=r"episodes\.jsonl is missing: the folder is no whole record"):
        read_record(folder)
    with pytest.raises(RecordError, match=r"episodes\.jsonl is missing"):
        RecordWriter.open(folder)
    assert not (folder / "episodes.jsonl").exists()
