"""``nsctl run``: what it prints, what it leaves, and what survives a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from samples import comparable
from typer.testing import CliRunner, Result

from nsctl.cli.app import app
from nsctl.phases import PHASES
from nsctl.record_folder import read_record

NSCTL = (sys.executable, "-m", "nsctl")
KEYS = [
    "task",
    "agent",
    "skills",
    "engine",
    "episodes",
    "success_once",
    "success_at_end",
    "interval",
    "plan_length",
    "replans",
    "disturbed",
    "disturbed_replanned",
    "disturbed_replanned_success",
    "joules",
    "net",
    "idle",
    "joules_per_success",
    "seconds",
    "errors",
    "reasons",
    "replay",
    "grade",
    "record",
]


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["run", *arguments], prog_name="nsctl", env={"COLUMNS": "80"})


def begin(runs: Path, *arguments: str, episodes: int = 40) -> tuple[subprocess.Popen[str], Path]:
    """Start a run in a process (and a group) of its own and wait until two episodes have ended."""
    command = (*NSCTL, "run", "hanoi-1", "--agent", "random", "--episodes", str(episodes), "--no-carbon")
    process = subprocess.Popen(
        (*command, "--runs", str(runs), *arguments), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    for _ in range(1200):
        lines = [path for path in runs.glob("*/episodes.jsonl") if path.read_bytes().count(b"\n") >= 2]
        if lines:
            return process, lines[0].parent
        time.sleep(0.05)
    raise AssertionError(f"no episode ended: {process.communicate()}")


def episodes_of(folder: Path) -> list[dict[str, Any]]:
    return [comparable(episode) for episode in read_record(folder).episodes]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Result:
    runs = tmp_path_factory.mktemp("runs")
    return call(
        "hanoi-1", "--agent", "scripted", "--episodes", "2", "--disturb", "hand", "--no-carbon", "--runs", str(runs)
    )


def test_a_newcomer_sees_success_steps_joules_and_the_record(printed: Result) -> None:
    assert printed.exit_code == 0, printed.output
    told = printed.stdout
    assert "hanoi-1 with agent scripted on mujoco, seed 0" in told
    assert "success at end     2/2 = 100%" in told
    assert "95 % interval 34% to 100%" in told
    rows = ("success once", "plan", "control steps", "wall time", "replans, retries", "disturbed", "recovered")
    for row in (*rows, "reacted", "agent sees"):
        assert f"\n{row} " in told
    for row in (*PHASES, "agent", "total", "joules per success"):
        assert f"\n{row} " in told
    assert "modelled" in told or "measured" in told or "attributed" in told
    record = Path(told.rpartition("record  ")[2].strip())
    assert len(read_record(record).episodes) == 2


def test_no_line_is_wider_than_the_terminal(printed: Result) -> None:
    lines = [line.rstrip() for line in printed.stdout.splitlines() if not line.startswith("record")]
    assert max(map(len, lines)) <= 80


def test_the_page_says_what_its_joules_are(printed: Result) -> None:
    assert "Joules of computing, not of the arm's motors. Modelled: CPU seconds x 4 W." in printed.stdout


def test_plain_progress_goes_to_stderr(printed: Result) -> None:
    assert printed.stderr == "hanoi-1 with scripted: 2 episodes\n"


def test_json_is_one_object_with_exactly_these_keys(tmp_path: Path) -> None:
    answer = call(
        "hanoi-1", "--agent", "random", "--episodes", "1", "--seed", "3", "--json", "--no-carbon", "--runs", str(tmp_path)
    )  # fmt: skip
    assert answer.stderr == ""
    (line,) = answer.stdout.splitlines()
    told = json.loads(line)
    assert list(told) == KEYS
    assert set(told["joules"]) == {*PHASES, "agent", "total"}
    assert all(list(figure) == ["value", "label"] for figure in told["joules"].values())
    assert (told["episodes"], told["success_at_end"], told["plan_length"]) == (1, 0, None)
    assert (told["net"], told["idle"]) == (told["joules"], None)  # the model's joules have no idle power in them
    assert told["joules_per_success"] is None
    assert told["interval"] == pytest.approx([0.0, 0.793], abs=1e-3)
    run = read_record(Path(told["record"])).run
    assert run.config.seed == 3
    assert run.carbon == ()
    assert told["replay"] == run.replay_sha256
    assert (told["disturbed"], told["disturbed_replanned"], told["disturbed_replanned_success"]) == (0, 0, 0)


def test_a_killed_run_keeps_its_episodes_and_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    process, folder = begin(tmp_path / "cut", episodes=8)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    kept = episodes_of(folder)
    assert 2 <= len(kept) < 8
    assert read_record(folder).run.status == "running"
    resumed = call("--resume", str(folder), "--no-carbon", "--json")
    assert resumed.exit_code == 0, resumed.output
    assert json.loads(resumed.stdout)["episodes"] == 8
    whole = call(
        "hanoi-1", "--agent", "random", "--episodes", "8", "--no-carbon", "--json", "--runs", str(tmp_path / "w")
    )
    assert episodes_of(folder) == episodes_of(Path(json.loads(whole.stdout)["record"]))
    assert kept == episodes_of(folder)[: len(kept)]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_says_what_is_kept_and_how_to_go_on(tmp_path: Path, workers: str) -> None:
    process, folder = begin(tmp_path, "--workers", workers)
    os.killpg(process.pid, signal.SIGINT)
    told, errors = process.communicate(timeout=20)
    stored = read_record(folder)
    assert process.returncode == 130
    assert told == ""
    done = len(stored.episodes)
    sentence = f"nsctl: interrupted: {done} of 40 episodes are kept; go on with `nsctl run --resume {folder}`\n"
    assert errors.startswith("hanoi-1 with random: 40 episodes\n")
    assert errors.endswith(f"\n{sentence}")
    assert "Traceback" not in errors
    assert (stored.run.status, stored.run.ended is not None) == ("interrupted", True)


def test_a_task_or_a_record_must_be_named() -> None:
    answer = call()
    assert answer.exit_code == 2
    assert "name a task; there is: " in answer.stderr


def test_what_the_record_has_settled_is_not_taken_twice(tmp_path: Path) -> None:
    answer = call("hanoi-1", "--resume", str(tmp_path), "--pose-noise", "0.001", "--disturb", "push", "--skill", "pick")
    assert answer.exit_code == 2
    told = " ".join(answer.stderr.replace("│", " ").split())
    assert (
        "Invalid value for --resume: the record has settled TASK, --disturb, --pose-noise, --skill: leave it out"
        in told
    )


def test_a_folder_without_a_record_is_told(tmp_path: Path) -> None:
    answer = call("--resume", str(tmp_path))
    assert answer.exit_code == 1
    assert "is no run record: there is no run.json in it" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hanoi-9"], "hanoi-N takes 1 to 6 discs, got 9"),
        (["hanoi-1", "--agent", "nezy"], "Did you mean 'nesy'?"),
        (["hanoi-1", "--engine", "mujocco"], "Did you mean 'mujoco'?"),
        (["hanoi-1", "--disturb", "pusj"], "no kind of disturbance is called 'pusj'. Did you mean 'push'? There is: "),
        (["hanoi-1", "--disturb", "push:x"], "the strength in 'push:x' must be a number, as in push:0.5"),
        (["hanoi-1", "--episodes", "0"], "episodes must be >= 1, got 0"),
        (["hanoi-1", "--agent", "random", "--pose-noise", "1"], "pose noise must lie between 0 and 0.05 m, got 1.0"),
    ],
)
def test_bad_choices_are_told_and_leave_nothing_behind(tmp_path: Path, arguments: list[str], message: str) -> None:
    answer = call(*arguments, "--runs", str(tmp_path / "runs"))
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert not (tmp_path / "runs").exists()


def test_true_poses_are_another_class(tmp_path: Path) -> None:
    answer = call(
        "move", "--agent", "scripted", "--episodes", "1", "--pose-noise", "0", "--no-carbon", "--runs", str(tmp_path)
    )  # fmt: skip
    assert "the simulator's true poses" in answer.stdout
    (folder,) = tmp_path.iterdir()
    assert read_record(folder).run.privilege == "sim_truth"


def test_an_option_is_not_taken_for_a_folder() -> None:
    told = CliRunner().invoke(app, ["run", "hanoi-1", "--video", "--json"])
    assert told.exit_code == 2
    assert "a folder was expected" in told.output


def test_an_agent_that_lacks_a_skill_is_refused_before_anything_is_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nsctl.agents.neurosymbolic.OPERATORS", ("pick", "place", "stack"))
    told = CliRunner().invoke(app, ["run", "drawer-1", "--runs", str(tmp_path / "runs")])
    assert told.exit_code == 2
    assert "none for" in told.output
    assert "--skill NAME" in told.output
    assert not (tmp_path / "runs").exists()
