"""``nsctl train skill``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from samples import Install
from typer.testing import CliRunner, Result

from nsctl.cli.app import app

TRAINEE = """
import json
from dataclasses import asdict
class Trainee:
    def train(self, request):
        if request.seed == 13: raise KeyboardInterrupt
        request.out.mkdir(parents=True)
        (request.out / "request.json").write_text(json.dumps(asdict(request), default=str))
        rounds = [{"round": 0, "loss": [0.5, 0.25]}, {"round": 1, "loss": 0.1}]
        return {"success": "9 of 10", "seconds": 61.23456, "rounds": rounds}
class Lump: pass
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["train", "skill", *arguments], prog_name="nsctl", env={"COLUMNS": "120"})


@pytest.fixture(autouse=True)
def trainee(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("school", TRAINEE, {"skills:wave": "school:Trainee\nlump = school:Lump\nghost = school:Ghost"})
    monkeypatch.chdir(tmp_path)


def test_the_request_is_passed_on_and_the_figures_are_printed(tmp_path: Path) -> None:
    answer = call("wave", "--out", "w", "--seed", "4", "--workers", "1", "--quick")
    assert answer.exit_code == 0, answer.output
    request = json.loads((tmp_path / "w" / "request.json").read_text())
    assert request == {"out": "w", "seed": 4, "workers": 1, "resume": False, "quick": True}
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert ["success", "9", "of", "10"] in lines
    assert ["seconds", "61.23"] in lines
    assert not any("rounds" in line for line in lines)  # a table has its place on the card
    assert ["weights", "and", "card,", "round", "by", "round", "w"] in lines


def test_weights_go_to_a_folder_of_the_skill_s_name(tmp_path: Path) -> None:
    assert call("wave").exit_code == 0
    assert (tmp_path / "weights" / "wave" / "request.json").exists()


def test_ctrl_c_says_how_to_go_on() -> None:
    answer = call("wave", "--seed", "13", "--quick")
    assert answer.exit_code == 130
    command = "nsctl train skill wave --out weights/wave-quick --seed 13 --workers 2 --quick --resume"
    assert answer.stderr.strip() == f"nsctl: interrupted: go on with `{command}`"


def test_a_skill_that_cannot_be_trained_names_those_that_can() -> None:
    answer = call("lump")
    assert answer.exit_code == 2
    assert answer.stderr == "nsctl: the skill 'lump' cannot be trained; these can: pick, place, stack, wave\n"


def test_an_unknown_skill_is_answered_with_the_nearest() -> None:
    answer = call("pikc")
    assert answer.exit_code == 2
    assert "Did you mean 'pick'?" in answer.stderr


def test_json_is_the_figures_on_the_last_line() -> None:
    answer = call("wave", "--json")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout.splitlines()[-1])
    assert (told["success"], told["seconds"], len(told["rounds"])) == ("9 of 10", 61.23456, 2)
    assert "trained" not in answer.stdout
