"""``nsctl tasks``: the list, one task, and pictures."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image
from typer.testing import CliRunner

from nsctl import tasks
from nsctl.cli.app import app
from nsctl.scene import CONTROL_HZ


def invoke(*words: str) -> str:
    result = CliRunner().invoke(app, ["tasks", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_every_task_is_listed() -> None:
    listed = [each["task"] for each in json.loads(invoke("--json"))["tasks"]]
    assert listed == list(tasks.names())
    assert all(name in invoke() for name in listed)


def test_a_task_is_described_as_it_is() -> None:
    (found,) = json.loads(invoke("hanoi-2", "--json"))["tasks"]
    task = tasks.find("hanoi-2")
    assert found["horizon"] == task.horizon
    assert found["operators"] == ["pick", "place"]
    assert found["bodies"][0] == {"name": "disc1", "type": "disc", "kind": "movable", "size_m": [0.04, 0.04, 0.04]}
    assert {body["kind"] for body in found["bodies"]} == {"movable", "place"}
    assert found["instruction"] in found["phrasings"]
    assert len(set(found["phrasings"])) >= 3


def test_the_table_counts_what_can_be_moved_and_the_seconds() -> None:
    (row,) = [line for line in invoke().splitlines() if line.startswith("hanoi-2 ")]
    assert row.split()[1:3] == ["2", f"{tasks.find('hanoi-2').horizon / CONTROL_HZ:.0f}"]


def test_one_tasks_phrasings_are_shown() -> None:
    shown = " ".join(invoke("hanoi-2").split())
    assert all(phrasing in shown for phrasing in tasks.find("hanoi-2").phrasings)


def test_an_unknown_task_is_answered_with_what_is_near() -> None:
    result = CliRunner().invoke(app, ["tasks", "hanoy-3"])
    assert result.exit_code == 2
    assert "hanoi-3" in result.output


def test_a_folder_for_pictures_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["tasks", "hanoi-2", "--pictures", str(tmp_path / "file")])
    assert result.exit_code == 2
    assert "no picture can be written to" in result.output


def test_pictures_are_drawn_and_put_on_a_sheet(tmp_path: Path) -> None:
    sheet = Path(json.loads(invoke("hanoi-2", "--pictures", str(tmp_path / "new"), "--json"))["sheet"])
    with Image.open(sheet) as whole, Image.open(sheet.with_name("hanoi-2.png")) as picture:
        assert whole.width < picture.width
        colours = picture.convert("RGB").getcolors(maxcolors=1 << 20)
    assert colours is not None
    assert len(colours) > 500, "an empty picture has few colours"


def test_each_task_has_one_line() -> None:
    lines = [line for line in invoke().splitlines() if line.split(" ")[0] in tasks.names()]
    assert len(lines) == len(tasks.names())
    assert max(map(len, lines)) <= 80
