"""``nsctl watch``: a film where there is no display, a window where there is one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from nsctl.cli.app import app


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own and no display."""
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_without_a_display_the_episode_is_filmed(nowhere: Path) -> None:
    result = CliRunner().invoke(app, ["watch", "hanoi-1", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["status"] == "succeeded"
    with Image.open(nowhere / told["film"]) as film:
        assert film.n_frames >= told["steps"] // 2
    assert "no display" in result.output
    assert "pick(disc1, left)" in result.output


def test_a_display_that_does_not_answer_is_none(nowhere: Path) -> None:
    environment = {"DISPLAY": ":9876", "PATH": ""}
    command = [sys.executable, "-m", "nsctl", "watch", "hanoi-1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert "no window can be opened on the display :9876" in done.stderr
    assert (nowhere / "watched" / "hanoi-1-0.webp").is_file()


def test_a_folder_for_the_film_can_be_named(nowhere: Path) -> None:
    result = CliRunner().invoke(app, ["watch", "hanoi-1", "--video", "films", "--seed", "2"])
    assert result.exit_code == 0, result.output
    assert (nowhere / "films" / "hanoi-1-2.webp").is_file()
    assert "no display" not in result.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["hanoy-1"], "no task is called 'hanoy-1'. Did you mean 'hanoi-1'?"),
        (["hanoi-1", "--video", "file/films"], "no film can be written to file/films: Not a directory"),
    ],
)
def test_what_is_wrong_is_told_once_and_nothing_is_played(nowhere: Path, words: list[str], sentence: str) -> None:
    (nowhere / "file").touch()
    result = CliRunner().invoke(app, ["watch", *words], prog_name="nsctl")
    assert result.exit_code == 2
    assert result.output.count(sentence) == 1
    assert "pick(" not in result.output
    assert not (nowhere / "watched").exists()


def test_an_unknown_disturbance_is_refused() -> None:
    result = CliRunner().invoke(app, ["watch", "hanoi-1", "--disturb", "pusch"])
    assert result.exit_code == 2
    assert "push" in result.output


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs a virtual display (Debian: apt-get install xvfb)")
def test_with_a_display_a_window_opens_and_closes(nowhere: Path) -> None:
    with subprocess.Popen(["Xvfb", ":97", "-screen", "0", "640x480x24"], stderr=subprocess.DEVNULL) as display:
        try:
            time.sleep(1.0)
            command = [sys.executable, "-m", "nsctl", "watch", "hanoi-1", "--speed", "10"]
            done = subprocess.run(  # noqa: PLW1510 (judged below)
                command, env={"DISPLAY": ":97", "PATH": ""}, capture_output=True, text=True, timeout=120
            )
        finally:
            display.terminate()
    assert done.returncode == 0, done.stderr
    assert "succeeded after" in done.stdout
    assert not (nowhere / "watched").exists()
