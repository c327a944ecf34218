"""``nsctl quantize``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from samples import Install
from typer.testing import CliRunner, Result

from nsctl.cli.app import app

SQUEEZER = """
import json
from dataclasses import asdict
from pathlib import Path
class Squeezer:
    operator = "wave"
    def begin(self, step, scene): ...
    def describe(self): return {}
    def quantise(self, request):
        Path("request.json").write_text(json.dumps(asdict(request), default=str))
        same = {"before": 400, "action_error": 0.0625}
        layers = [
            {"name": "a.long.name.of.a.layer.in_proj", "rows": 96, "kept": 4, "after": 120, "weight_error": 0.08125, **same,
             "excluded": ""},
            {"name": "b", "rows": 0, "kept": 100, "after": 400, "weight_error": 0.0, **same, "excluded": "it errs by 0.3"},
        ]
        return {"precision": "nvfp4", "rule": request.rule, "bytes_before": 900, "bytes_after": 620, "ratio": 620 / 900,
                "quantised_ratio": 0.28125, "action_error": 0.05, "threshold": 0.1, "moments": 321, "layers": layers,
                **({} if request.seed else {"device": "cuda", "kernels": KERNELS})}
KERNELS = {"a.long.name.of.a.layer.in_proj": {"kernel": "packed", "why": "it was quicker"},
           "b": {"kernel": "whole", "why": "it is excluded"}}
class Lump:
    operator = "lump"
    def begin(self, step, scene): ...
    def describe(self): return {}
"""
DEFAULTS = {"weights": None, "rule": "search", "exclude": [], "threshold": None, "episodes": 12, "seed": 0}


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["quantize", *arguments], prog_name="nsctl", env={"COLUMNS": "80"})


def asked() -> dict[str, object]:
    told: dict[str, object] = json.loads(Path("request.json").read_text())
    return told


@pytest.fixture(autouse=True)
def squeezer(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("press", SQUEEZER, {"skills:wave": "press:Squeezer\nlump = press:Lump\nghost = press:Ghost"})
    monkeypatch.chdir(tmp_path)


def test_the_table_says_what_every_layer_lost() -> None:
    answer = call("wave")
    assert answer.exit_code == 0, answer.output
    assert asked() == {**DEFAULTS, "out": "weights/wave-nvfp4"}
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert ["a.long.name.of.a.layer.in_proj", "96", "4", "400", "120", "0.0813", "0.0625", "packed"] in lines
    assert ["the", "whole", "policy", "900", "620", "0.05"] in lines
    assert "0.281 of their bytes in bfloat16 for the weights in NVFP4, 0.689 for all" in answer.stdout
    assert "b is excluded: it errs by 0.3" in answer.stdout
    assert "packed on cuda (1: a.long.name.of.a.layer.in_proj): it was quicker\n" in answer.stdout
    assert "whole on cuda (1: b): it is excluded\n" in answer.stdout
    assert max(map(len, answer.stdout.splitlines()[:8])) <= 80
    assert "nsctl run TASK --skill wave:weights/wave-nvfp4" in answer.stdout


def test_a_skill_that_does_not_say_by_what_it_is_computed_has_no_such_column() -> None:
    answer = call("wave", "--seed", "1", "--report")
    assert answer.exit_code == 0, answer.output
    assert "kernel" not in answer.stdout
    assert "packed" not in answer.stdout


def test_every_choice_is_passed_on() -> None:
    choices = ("--out", "w", "--rule", "max", "--exclude", "a", "--exclude", "b", "--threshold", "0.2")
    assert call("wave", *choices, "--episodes", "3", "--seed", "5").exit_code == 0
    settled = {"out": "w", "rule": "max", "exclude": ["a", "b"], "threshold": 0.2, "episodes": 3, "seed": 5}
    assert asked() == {**DEFAULTS, **settled}


def test_a_report_writes_nothing() -> None:
    answer = call("wave", "--report")
    assert asked()["out"] is None
    assert "weights/" not in answer.stdout
    assert call("wave", "--report", "--out", "w").exit_code == 2


def test_json_is_one_object() -> None:
    answer = call("wave", "--json")
    assert json.loads(answer.stdout)["layers"][1]["excluded"] == "it errs by 0.3"


def test_a_folder_is_for_nsctl_s_own_skills(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for named in ("empty", str(tmp_path / "nowhere")):
        answer = call(named)
        assert answer.exit_code == 1
        assert "holds no policy: config.json and model.safetensors are expected there" in answer.stderr
    assert not Path("request.json").exists()


def test_what_has_no_weights_is_answered_with_what_has() -> None:
    answer = call("lump")
    assert answer.exit_code == 2
    assert "the skill 'lump' has no weights to quantise; these have: close, open, pick" in answer.stderr
    assert "wave" in answer.stderr
    assert "did you mean" in call("wavee").stderr.lower()
