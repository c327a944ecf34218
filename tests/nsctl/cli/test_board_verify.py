"""``nsctl board verify``: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nsctl.cli.app import app
from nsctl.evaluation import RunOptions, evaluate
from nsctl.run_config import RunConfig
from nsctl.verification import read_verification, tier

KEYS = ["record", "tier", "consistent", "agrees", "agreeing", "when", "by", "nsctl", "code", "hardware", "run_sha256"]
KEYS += ["episodes_sha256", "episodes", "checks", "seed", "replays", "changes"]


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["board", "verify", *arguments], prog_name="nsctl", env={"COLUMNS": "80"})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = RunConfig("hanoi-1", agent="random", episodes=2)
    return evaluate(config, tmp_path_factory.mktemp("runs"), RunOptions(carbon=False)).folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / whole.name))


def edit(folder: Path, **fields: Any) -> None:
    path = folder / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_a_record_is_named_by_the_last_letters_of_its_id(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(whole, tmp_path / "runs" / whole.name)
    monkeypatch.chdir(tmp_path)
    assert json.loads(call(whole.name[-6:], "--sample", "0", "--json").stdout)["record"] == f"runs/{whole.name}"


def test_an_honest_record_is_said_to_be_re_run(folder: Path) -> None:
    answer = call(str(folder), "--by", "an examiner")
    assert answer.exit_code == 0, answer.output
    told = answer.stdout
    assert "hanoi-1 with agent random on mujoco, seed 0, 2 episodes" in told
    assert "\ncomplete   ok   every episode that was asked for is there" in told
    assert "\n      1   same    same      same   same" in told
    assert "2 of 2 re-run episodes agree in every field that repeats (sample of seed " in told
    assert "not as in the record" not in told
    assert told.endswith("\ntier  re-run: consistent, and every episode that was re-run agrees\n")
    assert tier(folder) == "re-run"
    (attestation,) = read_verification(folder).attestations
    assert attestation.by == "an examiner"
    assert (
        max(map(len, (line.rstrip() for line in told.splitlines() if "tier" not in line and "sample" not in line)))
        <= 80
    )


def test_json_is_one_object_with_exactly_these_keys(folder: Path) -> None:
    answer = call(str(folder), "--sample", "1", "--seed", "4", "--json")
    assert (answer.exit_code, answer.stderr) == (0, "")
    (line,) = answer.stdout.splitlines()
    told = json.loads(line)
    assert list(told) == KEYS
    assert (told["tier"], told["seed"], told["agreeing"], len(told["replays"])) == ("checked", 4, 1, 1)
    assert list(told["replays"][0]) == ["index", "start", "success", "end", "agrees", "difference"]


def test_a_sample_is_drawn_anew_unless_a_seed_is_given(folder: Path) -> None:
    seeds = {json.loads(call(str(folder), "--sample", "0", "--json").stdout)["seed"] for _ in range(3)}
    assert len(seeds) == 3
    assert len(read_verification(folder).attestations) == 3


def test_an_inconsistent_record_ends_with_1_and_is_self_reported(folder: Path) -> None:
    edit(folder, grade="A")
    answer = call(str(folder), "--sample", "0")
    assert answer.exit_code == 1
    assert "claims     wrong   grade A, yet every meter that counts is a model" in answer.stdout
    assert "\nNothing was re-run.\n" in answer.stdout
    assert answer.stdout.endswith("\ntier  self-reported: a check does not hold\n")


def test_an_episode_that_differs_ends_with_1_and_says_what_has_changed(folder: Path) -> None:
    text = (folder / "episodes.jsonl").read_text()
    steps = json.loads(text.splitlines()[0])["steps"]
    (folder / "episodes.jsonl").write_text(text.replace(f'"steps":{steps}', f'"steps":{steps - 1}', 1))
    edit(folder, episodes_sha256=None, status="running", code="0ld", versions={"mujoco": "1.0"})
    answer = call(str(folder))
    assert answer.exit_code == 1
    assert f"differs   steps: {steps - 1}, now {steps}" in answer.stdout
    assert "1 of 2 re-run episodes agree" in answer.stdout
    assert "differences are to be expected." in answer.stdout
    assert "\nversions mujoco        '1.0'" in answer.stdout
    assert "\nand " in answer.stdout
    assert " more" in answer.stdout


def test_a_record_that_was_once_contradicted_stays_self_reported(folder: Path) -> None:
    text, sealed = (folder / "episodes.jsonl").read_text(), (folder / "run.json").read_text()
    steps = json.loads(text.splitlines()[0])["steps"]
    forged = text.replace(f'"steps":{steps}', f'"steps":{steps - 1}', 1)
    (folder / "episodes.jsonl").write_text(forged)
    edit(folder, episodes_sha256=hashlib.sha256(forged.encode()).hexdigest(), replay_sha256=None)
    answer = call(str(folder), "--json")
    assert (answer.exit_code, json.loads(answer.stdout)["tier"]) == (1, "self-reported")
    assert "tier  self-reported: an episode differs that should have agreed\n" in call(str(folder)).stdout
    answer = call(str(folder), "--sample", "0")
    assert answer.exit_code == 0
    assert answer.stdout.endswith(
        "self-reported: an episode differs in an earlier verification that should have agreed\n"
    )
    (folder / "episodes.jsonl").write_text(text)
    (folder / "run.json").write_text(sealed)
    assert json.loads(call(str(folder), "--json").stdout)["tier"] == "re-run"  # the honest files are others


def test_a_tampered_record_is_told_and_nothing_is_written(folder: Path) -> None:
    with (folder / "episodes.jsonl").open("a") as file:
        file.write("\n")
    answer = call(str(folder))
    assert answer.exit_code == 1
    assert answer.stdout == ""
    assert "was changed after the run was complete: its SHA-256 is not the one in run.json" in answer.stderr
    assert not (folder / "verification.json").exists()


@pytest.mark.parametrize(("arguments", "code"), [(["--sample", "-1"], 2), (["--seed", "-1"], 2), (["--sample"], 2)])
def test_bad_choices_are_refused(folder: Path, arguments: list[str], code: int) -> None:
    assert call(str(folder), *arguments).exit_code == code
    assert call("--json").exit_code == code
