"""``nsctl train vla``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from samples import Install
from typer.testing import CliRunner, Result

from nsctl.cli.app import app

PUPIL = """
import json
from dataclasses import asdict
class Pupil:
    name = "pupil"
    def train(self, request):
        if request.seed == 13: raise KeyboardInterrupt
        request.out.mkdir(parents=True)
        (request.out / "request.json").write_text(json.dumps(asdict(request), default=str))
        return {"seconds": 3.0} | ({"note": "stopped early"} if request.minutes else {})
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["train", "vla", *arguments], prog_name="nsctl", env={"COLUMNS": "120"})


@pytest.fixture(autouse=True)
def pupil(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("school", PUPIL, {"agents:pupil": "school:Pupil"})
    monkeypatch.chdir(tmp_path)


def test_the_request_is_passed_on(tmp_path: Path) -> None:
    answer = call("--variant", "pupil", "--head", "flow", "--seed", "4", "--workers", "1", "--budget", "2", "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout.splitlines()[-1]) == {"seconds": 3.0}
    request = json.loads((tmp_path / "weights" / "pupil-flow" / "request.json").read_text())
    assert request["head"] == "flow"
    assert (request["seed"], request["workers"], request["budget"]) == (4, 1, 2.0)
    assert (request["minutes"], request["resume"], request["quick"], request["compiled"]) == (None, False, False, False)


def test_a_sitting_that_ends_early_says_how_to_go_on() -> None:
    answer = call("--variant", "pupil", "--minutes", "9.5", "--device", "cuda", "--compile")
    assert "stopped early" in answer.stdout
    command = "nsctl train vla --variant pupil --out weights/pupil --seed 0 --workers 2 --device cuda --minutes 9.5"
    assert answer.stdout.endswith(f"go on with: {command} --compile --resume\n")


def test_so_does_an_interrupt() -> None:
    answer = call("--variant", "pupil", "--seed", "13")
    assert answer.exit_code == 130
    assert (
        "go on with `nsctl train vla --variant pupil --out weights/pupil --seed 13 --workers 2 --resume`"
        in answer.output
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variant", "nesy"], "the agent 'nesy' cannot be trained as a whole"),
        (["--variant", "pupi"], "Did you mean 'pupil'"),
        (["--variant", "pupil", "--minutes", "0"], "minutes must be > 0, got 0"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(arguments: list[str], message: str) -> None:
    answer = call(*arguments)
    assert answer.exit_code != 0
    assert message in answer.output
    assert len(answer.output.strip().splitlines()) == 1
