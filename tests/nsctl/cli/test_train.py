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
    operator = "greet"
    def train(self, request):
        if request.seed == 13: raise KeyboardInterrupt
        if request.seed == 7: return {"low": 0.5, "high": 0.9, "commit": "unknown"}
        request.out.mkdir(parents=True)
        (request.out / "request.json").write_text(json.dumps(asdict(request), default=str))
        rounds = [{"round": 0, "loss": [0.5, 0.25]}, {"round": 1, "loss": 0.1}]
        return {"success": "9 of 10", "seconds": 61.23456, "rounds": rounds}
def nod():
    trainee = Trainee()
    trainee.operator = "agree"
    return trainee
class Lump: pass
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["train", "skill", *arguments], prog_name="nsctl", env={"COLUMNS": "120"})


@pytest.fixture(autouse=True)
def trainee(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        "school", TRAINEE, {"skills:wave": "school:Trainee\nnod = school:nod\nlump = school:Lump\nghost = school:Ghost"}
    )
    monkeypatch.chdir(tmp_path)


def test_the_request_is_passed_on_and_the_figures_are_printed(tmp_path: Path) -> None:
    answer = call("wave", "--out", "w", "--seed", "4", "--workers", "1", "--quick")
    assert answer.exit_code == 0, answer.output
    request = json.loads((tmp_path / "w" / "request.json").read_text())
    own = {"operators": [], "tasks": [], "device": "cpu", "backbone": ""}
    assert request == {"out": "w", "seed": 4, "workers": 1, "resume": False, "quick": True, **own}
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert ["success", "9", "of", "10", "episodes"] in [line[:5] for line in lines]
    assert ["seconds", "61.23", "wall", "time"] in lines
    assert not any("rounds" in line for line in lines)  # a table has its place on the card
    assert answer.stdout.endswith("\nin w: request.json\n")  # and nothing of weights, of which there are none


def test_what_a_figure_is_stands_beside_it() -> None:
    lines = [" ".join(line.split()) for line in call("nod", "--seed", "7").stdout.splitlines()]
    assert "95 % interval 0.5 to 0.9 of the rate of success" in lines
    assert "commit unknown of nsctl's code, if that is a checkout" in lines
    assert not any(line.startswith(("low", "high")) for line in lines)
    assert lines[-1] == "the skill put nothing into weights/nod"


def test_weights_go_to_a_folder_of_the_skill_s_name(tmp_path: Path) -> None:
    assert call("wave").exit_code == 0
    assert (tmp_path / "weights" / "wave" / "request.json").exists()


def test_ctrl_c_says_how_to_go_on() -> None:
    answer = call("wave", "--seed", "13", "--quick")
    assert answer.exit_code == 130
    command = "nsctl train skill wave --out weights/wave-quick --seed 13 --workers 2 --quick --resume"
    assert answer.stderr.strip() == f"nsctl: interrupted: go on with `{command}`"


def test_every_choice_is_passed_on_and_told_again(tmp_path: Path) -> None:
    choices = ("--task", "stack-3", "--task", "move", "--device", "cuda", "--backbone", "mlp")
    assert call("wave", *choices).exit_code == 0
    request = json.loads((tmp_path / "weights" / "wave" / "request.json").read_text())
    assert [request[name] for name in ("tasks", "device", "backbone")] == [["stack-3", "move"], "cuda", "mlp"]
    command = f"nsctl train skill wave --out w --seed 13 --workers 2 {' '.join(choices)} --resume"
    answer = call("wave", "--out", "w", "--seed", "13", *choices)
    assert answer.stderr.strip() == f"nsctl: interrupted: go on with `{command}`"


def test_an_unknown_task_is_answered_with_the_nearest() -> None:
    answer = call("wave", "--task", "stak-4")
    assert answer.exit_code == 2
    assert "Did you mean 'stack-4'?" in answer.stderr


def test_several_skills_share_a_network(tmp_path: Path) -> None:
    assert call("wave", "nod").exit_code == 0
    request = json.loads((tmp_path / "weights" / "wave-nod" / "request.json").read_text())
    assert request["operators"] == ["greet", "agree"]


def test_skills_of_two_makers_cannot_share_one() -> None:
    answer = call("wave", "pick")
    assert answer.exit_code == 2
    assert answer.stderr == "nsctl: the skills 'wave' and 'pick' cannot share a network: train each by itself\n"


def test_all_are_those_that_can_be_trained_with_nsctl_s_own() -> None:
    from nsctl.cli import train

    first, operators = train._everything()
    assert type(first).__name__ == "NeuralSkill"
    assert set(operators) == {"pick", "place", "stack", "open", "close", "push"}


def test_a_skill_that_cannot_be_trained_names_those_that_can() -> None:
    answer = call("lump")
    assert answer.exit_code == 2
    able = "close, nod, open, pick, place, push, stack, wave"
    assert answer.stderr == f"nsctl: the skill 'lump' cannot be trained; these can: {able}\n"


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
