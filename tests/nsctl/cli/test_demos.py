"""``nsctl demos``: record, export, show."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nsctl.cli.app import app
from nsctl.demos import libraries

h5py = pytest.importorskip("h5py", reason="demonstrations need the extra nsctl[demos]")


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["demos", *arguments], prog_name="nsctl", env={"COLUMNS": "120"})


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_is_recorded_is_shown() -> None:
    recorded = call("record", "hanoi-1", "--episodes", "2", "--json")
    assert recorded.exit_code == 0, recorded.output
    done = json.loads(recorded.stdout)
    assert (done["demonstrations"], done["attempts"], done["reasons"]) == (2, 2, {})
    assert done["folder"] == f"demos/{done['dataset_id']}"
    told = json.loads(call("show", done["folder"], "--json").stdout)
    assert (told["format"], told["task"], told["demonstrations"]) == ("minari", "hanoi-1", 2)
    assert told["steps"] == done["steps"] == told["seconds"] * 20
    assert told["cameras"] == []
    text = call("record", "hanoi-1", "--episodes", "2")
    assert "2 demonstrations of hanoi-1" in text.stdout
    assert "no episode failed" in text.stdout


def test_an_export_stands_beside_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    call("record", "hanoi-1", "--episodes", "1", "--out", "a-v1")
    answer = call("export", "a-v1")
    assert answer.exit_code == 0, answer.output
    assert "lerobot" in answer.stdout
    assert json.loads(call("show", "a-v1-lerobot", "--json").stdout)["demonstrations"] == 1
    monkeypatch.chdir("a-v1")
    assert call("export", ".", "--format", "minari").exit_code == 0
    assert json.loads(call("show", "../a-v1-minari", "--json").stdout)["demonstrations"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["record", "hanoi-1", "--cameras", "frnt"], 2, "no camera is called 'frnt'. Did you mean 'front'?"),
        (["record", "hanio-1"], 2, "no task is called 'hanio-1'. Did you mean 'hanoi-1'?"),
        (["record", "hanoi-1", "--disturb", "shove"], 2, "no kind of disturbance is called 'shove'"),
        (["record", "hanoi-1", "--episodes", "0"], 2, "episodes must be >= 1, got 0"),
        (["show", "nowhere"], 1, "nowhere has no demonstrations"),
        (["export", "nowhere"], 1, "nowhere has no demonstrations"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(arguments: list[str], code: int, sentence: str) -> None:
    answer = call(*arguments)
    assert answer.exit_code == code, answer.output
    assert sentence in answer.stderr
    assert "Traceback" not in answer.output


def test_what_interrupts_tells_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nsctl.demos.recording.record", interrupted)
    monkeypatch.setattr(sys, "argv", ["nsctl", "demos", "record", "hanoi-1"])
    answer = call("record", "hanoi-1")
    assert answer.exit_code == 130
    assert "go on with `nsctl demos record hanoi-1`" in answer.stderr


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    answer = call("record", "hanoi-1")
    assert answer.exit_code == 1
    assert "demonstrations need h5py, which is not installed: pip install 'nsctl[demos]'" in answer.stderr
    assert set(libraries.EXTRAS) == {"h5py", "pyarrow"}


def test_recording_and_streaming_import_no_library_before_it_is_used() -> None:
    heavy = ("h5py", "pyarrow", "torch", "mujoco", "minari", "gymnasium")
    code = (
        "import sys, nsctl.demos.recording, nsctl.demos.stream, nsctl.demos.exporting, nsctl.demos.lerobot_writer;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
