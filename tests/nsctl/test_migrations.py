"""Records of every older schema are read, and nothing is made up for what they do not know."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nsctl.errors import RecordError
from nsctl.evaluation import load, resume
from nsctl.migrations import EPISODE_STEPS, RUN_STEPS, migrate_episode, migrate_run, schema_of
from nsctl.record_folder import RecordWriter, read_record
from nsctl.records import SCHEMA_VERSION, DisturbanceRecord

GOLDEN = Path(__file__).parent / "records"
FOLDERS = sorted(path.parent.name for path in GOLDEN.glob("*/run.json"))
OLDER = [name for name in FOLDERS if not name.startswith(f"schema-{SCHEMA_VERSION}")]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def raw(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    lines = (folder / "episodes.jsonl").read_text().splitlines()
    return json.loads((folder / "run.json").read_text()), [json.loads(line) for line in lines]


def test_there_is_a_record_of_every_schema_and_a_step_from_each() -> None:
    schemas = {int(name.split("-")[1]) for name in FOLDERS}
    assert schemas == set(range(1, SCHEMA_VERSION + 1))
    assert len(RUN_STEPS) == len(EPISODE_STEPS) == SCHEMA_VERSION - 1


@pytest.mark.parametrize("name", FOLDERS)
def test_it_is_read_whole_and_left_as_it_was(name: str) -> None:
    before = content(GOLDEN / name)
    stored = read_record(GOLDEN / name)
    assert content(GOLDEN / name) == before
    run, episodes = raw(GOLDEN / name)
    assert stored.schema == run["schema_version"]
    assert stored.run.schema_version == SCHEMA_VERSION
    assert stored.run.status == "complete"
    assert load(GOLDEN / name).summary.success_at_end == sum(e["success_at_end"] for e in episodes) == 2


@pytest.mark.parametrize("name", FOLDERS)
def test_what_the_file_says_is_what_is_read(name: str) -> None:
    """Every field of the file, with its value; only the disturbances of schema 1 are said in other words."""
    stored = read_record(GOLDEN / name)
    run, episodes = raw(GOLDEN / name)
    read = stored.run.model_dump(mode="json")
    for field in run.keys() - {"schema_version", "config", "meters"}:
        assert read[field] == run[field], field
    assert {**read["config"], "disturb": 0} == {"skills": [], **run["config"], "disturb": 0}
    assert stored.run.config.disturb == (DisturbanceRecord(kind="hand", strength=1.0),)
    for ours, meter in zip(read["meters"], run["meters"], strict=True):
        assert ours == {"scope": None, **meter}
    for episode, line in zip(stored.episodes, episodes, strict=True):
        told = episode.model_dump(mode="json")
        for field in line.keys() - {"seconds"}:
            assert told[field] == line[field], field
        assert told["seconds"] == {phase: {"children": None, **spent} for phase, spent in line["seconds"].items()}


@pytest.mark.parametrize("name", OLDER)
def test_what_they_do_not_know_is_none(name: str) -> None:
    stored = read_record(GOLDEN / name)
    assert (stored.run.grade, stored.run.idle, stored.run.merged) == (None, None, ())
    assert {episode.robot for episode in stored.episodes} == {None}
    assert (stored.run.code is None) == (stored.run.replay_sha256 is None) == (name == "schema-1-first")


@pytest.mark.parametrize("name", OLDER)
def test_an_older_record_is_not_gone_on_with(name: str, tmp_path: Path) -> None:
    folder = shutil.copytree(GOLDEN / name, tmp_path / name)
    before = content(folder)
    message = rf"is a record of schema {name.split('-')[1]} and cannot be gone on with: this nsctl writes schema 3"
    with pytest.raises(RecordError, match=message):
        RecordWriter.open(folder)
    with pytest.raises(RecordError, match=message):
        resume(folder)
    assert content(folder) == before


@pytest.mark.parametrize("name", OLDER)
def test_older_records_are_watched_over_like_today_s(name: str, tmp_path: Path) -> None:
    folder = shutil.copytree(GOLDEN / name, tmp_path / name)
    path = folder / "episodes.jsonl"
    whole = path.read_text()
    path.write_text(whole.replace('"steps":', '"stesp":', 1))
    with pytest.raises(RecordError, match="was changed after the run was complete"):
        read_record(folder)
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**run, "status": "interrupted", "episodes_sha256": None}))
    with pytest.raises(RecordError, match=r"jsonl:1 is not a valid EpisodeRecord: \w+: "):
        read_record(folder)
    for line, message in (
        ("{", r"jsonl:3 is not JSON"),
        ("[]", r"jsonl:3 is not a valid EpisodeRecord: it is no JSON"),
    ):
        path.write_text(whole + line + "\n")
        with pytest.raises(RecordError, match=message):
            read_record(folder)


def test_a_field_that_no_schema_had_is_refused_in_an_older_record_too(tmp_path: Path) -> None:
    folder = shutil.copytree(GOLDEN / "schema-1-first", tmp_path / "r")
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**run, "stauts": "x"}))
    with pytest.raises(RecordError, match="not a valid RunRecord: stauts: Extra inputs"):
        read_record(folder)


@pytest.mark.parametrize(("asked", "expected"), [(True, [{"kind": "hand", "strength": 1.0}]), (False, [])])
def test_disturb_of_schema_1_was_a_hand_or_nothing(asked: bool, expected: list[Any]) -> None:
    fields = {"schema_version": 1, "config": {"disturb": asked}}
    assert migrate_run(fields, 1)["config"]["disturb"] == expected
    assert fields == {"schema_version": 1, "config": {"disturb": asked}}


@pytest.mark.parametrize("fields", [{}, {"config": None}, {"config": 3}, {"config": {}}, {"config": {"disturb": "x"}}])
def test_what_a_step_does_not_understand_it_passes_on(fields: dict[str, Any]) -> None:
    assert migrate_run(fields, 1)["config"] == fields.get("config")


def test_today_s_fields_are_left_alone() -> None:
    fields = {"schema_version": SCHEMA_VERSION}
    assert migrate_run(fields, SCHEMA_VERSION) is fields
    assert migrate_episode(fields, SCHEMA_VERSION) is fields


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([], "^here is no run record: it has no schema_version$"),
        ({"id": "r"}, "^here is no run record: it has no schema_version$"),
        ({"schema_version": 4}, "^here has schema_version 4, and this nsctl reads 1 to 3: read it with the nsctl that"),
        ({"schema_version": 0}, "^here has schema_version 0; this nsctl reads 1 to 3$"),
        ({"schema_version": True}, "^here has schema_version True; this nsctl reads 1 to 3$"),
        ({"schema_version": "3"}, "^here has schema_version '3'; this nsctl reads 1 to 3$"),
    ],
)
def test_a_foreign_schema_is_refused(fields: Any, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        schema_of(fields, "here")
