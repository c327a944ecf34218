"""The index says what the files say, whatever happened to them or to it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from samples import make_episode, make_run

from nsctl import run_index
from nsctl.errors import InvalidValue
from nsctl.record_folder import RecordWriter
from nsctl.run_index import INDEX, IndexedRun, listed, rebuilt
from nsctl.statistics import wilson


def put(runs: Path, name: str, episodes: int = 3, **fields: Any) -> Path:
    """A record of three wanted episodes, of which so many have ended."""
    with RecordWriter.create(runs, make_run(id=name, **fields)) as writer:
        for index in range(episodes):
            writer.append(make_episode(index, run=name, success_at_end=index == 0))
        if episodes == 3:
            writer.complete()
    return runs / name


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the records that were read, as it happens."""
    seen: list[str] = []
    real = run_index.read_record

    def read(folder: Path) -> Any:
        seen.append(folder.name)
        return real(folder)

    monkeypatch.setattr(run_index, "read_record", read)
    return seen


def test_a_row_holds_what_a_list_shows(tmp_path: Path) -> None:
    put(tmp_path, "r", grade="C")
    (row,) = listed(tmp_path)
    assert row == IndexedRun(
        folder="r",
        task="hanoi-1",
        task_version=1,
        protocol="p",
        agent="random",
        engine="mujoco",
        privilege="tracked",
        status="complete",
        episodes=3,
        wanted=3,
        success_at_end=1,
        low=wilson(1, 3)[0],
        high=wilson(1, 3)[1],
        joules_per_success=9.0,
        label="measured",
        grade="C",
        tier="self-reported",
        schema_version=3,
        started="2026-01-01T00:00:00+00:00",
    )


def test_the_latest_comes_first(tmp_path: Path) -> None:
    for day, name in enumerate(("b", "c", "a"), start=1):
        put(tmp_path, name, started=f"2026-01-0{day}T00:00:00+00:00")
    assert [row.folder for row in listed(tmp_path)] == ["a", "c", "b"]


def test_only_what_is_new_or_changed_is_read(tmp_path: Path, reads: list[str]) -> None:
    put(tmp_path, "a"), put(tmp_path, "b", episodes=1)
    listed(tmp_path)
    assert sorted(reads) == ["a", "b"]
    listed(tmp_path)
    assert len(reads) == 2
    with RecordWriter.open(tmp_path / "b") as writer:
        writer.append(make_episode(1, run="b"))
    assert {row.folder: row.episodes for row in listed(tmp_path)} == {"a": 3, "b": 2}
    assert reads[2:] == ["b"]


def test_a_change_that_keeps_the_size_is_noticed(tmp_path: Path) -> None:
    path = put(tmp_path, "r") / "run.json"
    before = listed(tmp_path)[0]
    path.write_text(path.read_text().replace('"agent": "random"', '"agent": "nesy12"'))
    assert (before.agent, listed(tmp_path)[0].agent) == ("random", "nesy12")


def test_a_verification_that_comes_later_is_noticed(tmp_path: Path, reads: list[str]) -> None:
    folder = put(tmp_path, "r")
    listed(tmp_path)
    (folder / "verification.json").write_text('{"schema_version": 1, "attestations": []}')
    listed(tmp_path)
    assert reads == ["r", "r"]


def test_a_record_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    put(tmp_path, "a"), put(tmp_path, "b")
    assert len(listed(tmp_path)) == 2
    shutil.rmtree(tmp_path / "a")
    assert [row.folder for row in listed(tmp_path)] == ["b"]


def test_a_damaged_record_is_listed_with_its_trouble(tmp_path: Path) -> None:
    put(tmp_path, "a"), put(tmp_path, "b")
    (tmp_path / "a" / "run.json").write_text("{")
    trouble = {row.folder: row.trouble for row in listed(tmp_path)}
    assert trouble["b"] == ""
    assert "run.json is not JSON" in trouble["a"]


@pytest.mark.parametrize("content", [b"", b"this is no database at all, whatever its name says" * 90])
def test_a_damaged_index_is_made_anew(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, "r")
    listed(tmp_path)
    (tmp_path / INDEX).write_bytes(content)
    assert [row.folder for row in listed(tmp_path)] == ["r"]
    assert (tmp_path / INDEX).read_bytes()[:6] == b"SQLite"


def test_an_index_that_is_damaged_behind_its_head_is_made_anew(tmp_path: Path) -> None:
    for number in range(20):
        put(tmp_path, f"r{number}")
    listed(tmp_path)
    path, head = tmp_path / INDEX, 2 * 4096
    path.write_bytes(path.read_bytes()[:head] + b"\xff" * (path.stat().st_size - head))
    assert len(listed(tmp_path)) == 20


def test_an_index_of_other_columns_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "r")
    listed(tmp_path)
    with sqlite3.connect(tmp_path / INDEX) as index:
        index.execute("UPDATE runs SET row = '{\"colour\": 3}'")
    monkeypatch.setattr(run_index, "VERSION", run_index.VERSION + 1)
    assert listed(tmp_path)[0].task == "hanoi-1"


def test_it_is_rebuilt_from_the_files_whatever_it_holds(tmp_path: Path) -> None:
    put(tmp_path, "r")
    truth = listed(tmp_path)
    with sqlite3.connect(tmp_path / INDEX) as index:
        index.execute("UPDATE runs SET row = replace(row, 'hanoi-1', 'hanoi-9')")
    assert listed(tmp_path)[0].task == "hanoi-9"  # a cache believes what it holds
    assert rebuilt(tmp_path) == truth == listed(tmp_path)


def test_where_nothing_can_be_written_it_lives_in_memory(tmp_path: Path) -> None:
    put(tmp_path, "r")
    (tmp_path / INDEX).mkdir()
    assert [row.folder for row in listed(tmp_path)] == ["r"]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"there is no folder .*nowhere; --runs names the one"):
        listed(tmp_path / "nowhere")


def test_several_processes_may_look_at_once(tmp_path: Path) -> None:
    for number in range(20):
        put(tmp_path, f"r{number}")
    code = (
        f"from pathlib import Path; from nsctl.run_index import rebuilt; print(len(rebuilt(Path({str(tmp_path)!r}))))"
    )
    lookers = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [looker.communicate()[0].strip() for looker in lookers] == ["20"] * 3
    assert len(listed(tmp_path)) == 20
    assert all(os.path.basename(path).startswith(INDEX) for path in map(str, tmp_path.glob(".*")))
