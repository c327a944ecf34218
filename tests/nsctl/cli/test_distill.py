"""``nsctl distill``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from samples import Install
from typer.testing import CliRunner, Result

from nsctl.cli.app import app

STILL = """
import json
from dataclasses import asdict
from pathlib import Path
from nsctl.errors import NsctlError
class Still:
    operator = "wave"
    def begin(self, step, scene): ...
    def describe(self): return {}
    def distil(self, request):
        Path("request.json").write_text(json.dumps(asdict(request), default=str))
        if request.seed == 7:
            raise NsctlError("the distilled student is worse")
        if request.seed == 8:
            raise KeyboardInterrupt
        return {"errors": {"ptq": 0.0625, "qat": 0.05, "qad": 0.0125}, "error_ratio": 0.2, "squared_error_ratio": 0.04,
                "moments": 321, "episodes": 12}
class Lump:
    operator = "lump"
    def begin(self, step, scene): ...
    def describe(self): return {}
"""
DEFAULTS = {
    **{"weights": None, "teacher": "wave", "precision": "nvfp4", "episodes": None, "rounds": None},
    **{"device": "cpu", "seed": 0, "resume": False, "quick": False},
}


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["distill", *arguments], prog_name="nsctl", env={"COLUMNS": "80"})


def asked() -> dict[str, object]:
    told: dict[str, object] = json.loads(Path("request.json").read_text())
    return told


@pytest.fixture(autouse=True)
def still(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("kettle", STILL, {"skills:wave": "kettle:Still\nlump = kettle:Lump"})
    monkeypatch.chdir(tmp_path)


def test_the_table_compares_the_three() -> None:
    answer = call("--teacher", "wave")
    assert answer.exit_code == 0, answer.output
    assert asked() == {**DEFAULTS, "out": "weights/wave-nvfp4-distilled"}
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert ["PTQ", "0.0625", "quantised,", "without", "training"] in lines
    assert ["QAD", "0.0125", "distilled:", "what", "was", "written"] in lines
    assert "QAD / PTQ 0.200, of the squared errors 0.040" in answer.stdout
    assert "nsctl run TASK --skill wave:weights/wave-nvfp4-distilled" in answer.stdout


def test_every_choice_is_passed_on() -> None:
    choices = ("--student-precision", "nvfp4", "--out", "w", "--episodes", "3", "--rounds", "2", "--device", "cuda:1")
    assert call("--teacher", "wave", *choices, "--seed", "5", "--resume", "--quick").exit_code == 0
    settled = {"out": "w", "episodes": 3, "rounds": 2, "device": "cuda:1", "seed": 5, "resume": True, "quick": True}
    assert asked() == {**DEFAULTS, **settled}


def test_json_is_the_last_line() -> None:
    answer = call("--teacher", "wave", "--json")
    assert json.loads(answer.stdout.splitlines()[-1])["errors"]["qad"] == 0.0125


def test_a_worse_student_is_an_error_and_not_a_result() -> None:
    answer = call("--teacher", "wave", "--seed", "7")
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "nsctl: the distilled student is worse" in answer.stderr


def test_an_interrupt_says_how_to_go_on() -> None:
    answer = call("--teacher", "wave", "--seed", "8", "--rounds", "2")
    assert answer.exit_code == 130
    command = (
        "nsctl distill --teacher wave --student-precision nvfp4 --out weights/wave-nvfp4-distilled --rounds 2 --seed 8"
    )
    assert f"interrupted: go on with `{command} --resume`" in answer.stderr


def test_a_folder_is_for_nsctl_s_own_skills(tmp_path: Path) -> None:
    answer = call("--teacher", str(tmp_path / "nowhere"))
    assert answer.exit_code == 1
    assert "holds no policy: config.json and model.safetensors are expected there" in answer.stderr
    assert not Path("request.json").exists()


def test_what_has_no_weights_is_answered_with_what_has() -> None:
    answer = call("--teacher", "lump")
    assert answer.exit_code == 2
    assert "the skill 'lump' has no weights to distil; these have: close, open, pick" in answer.stderr
    assert "wave" in answer.stderr
    assert call().exit_code == call("--teacher", "wave", "--seed", "-1").exit_code == 2
