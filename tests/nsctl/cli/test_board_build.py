"""``nsctl board build``: what it prints and how it ends."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from samples import make_episode, make_run
from typer.testing import CliRunner, Result

from nsctl.cli.app import app
from nsctl.record_folder import RecordWriter

KEYS = ["page", "bytes", "runs", "episodes", "skipped", "videos", "videos_missing", "videos_that_differ"]
needs_charts = pytest.mark.usefixtures("charts")


@pytest.fixture
def charts() -> None:
    pytest.importorskip("vl_convert", reason="the extra board is not installed")


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder ``runs`` with a complete record, r, and one that is not, s; it is in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name, whole in (("r", True), ("s", False)):
        with RecordWriter.create(tmp_path / "runs", make_run(2, id=name)) as writer:
            for index in range(2):
                writer.append(make_episode(index, run=name))
            if whole:
                writer.complete()
    return tmp_path / "runs"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["board", "build", *arguments], prog_name="nsctl", env={"COLUMNS": "80"})


@needs_charts
def test_without_arguments_all_complete_runs_are_shown(runs: Path) -> None:
    answer = call()
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.startswith("board/index.html: 1 runs, 2 episodes, 0.")
    assert answer.stderr.startswith("left out: runs/s is running")
    assert answer.stderr.count("runs/s") == 1
    assert "<h1>nsctl board</h1>" in (runs.parent / "board" / "index.html").read_text()


@needs_charts
def test_json_is_one_object_with_exactly_these_keys(runs: Path) -> None:
    answer = call(str(runs / "r"), "--out", "there", "--title", "Ours & theirs", "--json")
    assert (answer.exit_code, answer.stderr) == (0, "")
    told = json.loads(answer.stdout)
    assert list(told) == KEYS
    page = Path(told["page"])
    assert (told["runs"], told["episodes"], told["bytes"]) == (1, 2, page.stat().st_size)
    assert "<h1>Ours &amp; theirs</h1>" in page.read_text()


@needs_charts
def test_a_video_that_cannot_be_made_is_told_and_spoils_nothing(runs: Path) -> None:
    told = json.loads(call("--videos", "--json").stdout)
    assert told["videos"] + len(told["videos_missing"]) == 1


def test_a_record_that_is_not_complete_is_refused_where_it_is_named(runs: Path) -> None:
    answer = call(str(runs / "s"))
    assert answer.exit_code == 1
    assert "`nsctl run --resume` goes on with it" in answer.stderr


def test_a_place_without_records_is_a_mistake_of_the_command(runs: Path) -> None:
    assert call("./nowhere").exit_code == 2


def test_where_the_extra_is_missing_a_sentence_names_it(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    answer = call()
    assert answer.exit_code == 1
    assert "pip install 'nsctl[board]'" in answer.stderr
    assert not (runs.parent / "board" / "index.html").exists()
