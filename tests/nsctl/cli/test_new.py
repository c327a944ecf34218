"""``nsctl new``."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from nsctl.cli.app import app


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["new", *arguments], prog_name="nsctl")


def test_it_says_what_to_type_next(tmp_path: Path) -> None:
    told = call("skill", "my_skill", "--folder", str(tmp_path)).stdout
    assert f"pip install -e {tmp_path / 'my_skill'}" in told
    assert "nsctl parts check my_skill" in told
    assert "nsctl run hanoi-3 --skill my_skill" in told


def test_as_json_it_lists_the_files(tmp_path: Path) -> None:
    told = json.loads(call("meter", "my_meter", "--folder", str(tmp_path), "--json").stdout)
    assert told["folder"] == str(tmp_path / "my_meter")
    assert all((tmp_path / "my_meter" / name).is_file() for name in told["files"])
    assert "src/my_meter/meter.py" in told["files"]
    assert len(told["commands"]) == 3


def test_a_refusal_is_one_sentence_and_a_usage_error(tmp_path: Path) -> None:
    answer = call("skill", "my-skill", "--folder", str(tmp_path))
    assert answer.exit_code == 2
    assert answer.stderr == (
        "nsctl: a part is named as Python names things, such as my_part; 'my-skill' is no such name\n"
    )
