"""``nsctl energy replay``: what it prints."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from nsctl.cli.app import app
from nsctl.cli.energy_report import prefixed, print_replay, remarks
from nsctl.evaluation import RunOptions, evaluate
from nsctl.idle import Look
from nsctl.records import FigureRecord
from nsctl.replay import Replay, ReplayOptions, replay
from nsctl.run_config import RunConfig

QUICK = ("--seconds", "0.05", "--cool-down", "0", "--trials", "2", "--episodes", "1")
KEYS = [
    "record", "task", "agent", "phase", "joules_per_decision", "net_per_decision", "in_place", "same_machine", "grade",
    "seconds_per_decision", "decisions", "repeated", "episodes", "differ", "idle", "contended", "trials",
]  # fmt: skip


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["energy", "replay", *arguments], prog_name="nsctl", env={"COLUMNS": "80"})


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = RunConfig("hanoi-1", agent="scripted", episodes=1)
    return evaluate(config, tmp_path_factory.mktemp("runs"), RunOptions(carbon=False)).folder


@pytest.fixture(scope="module")
def done(record: Path) -> Replay:
    return replay(record, ReplayOptions(seconds=0.05, cool_down=0.0, trials=2))


def test_json_is_one_object_with_exactly_these_keys(record: Path) -> None:
    answer = call(str(record), "--json", *QUICK)
    assert answer.stderr == ""
    (line,) = answer.stdout.splitlines()
    told = json.loads(line)
    assert list(told) == KEYS
    assert told["joules_per_decision"] == told["net_per_decision"]
    assert (told["phase"], told["same_machine"], told["differ"], told["idle"]) == ("policy", True, [], None)
    assert told["repeated"] == told["decisions"] > 0
    assert len(told["trials"]) == 2


def test_a_record_is_named_by_the_last_letters_of_its_id(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(record, tmp_path / "runs" / record.name)
    monkeypatch.chdir(tmp_path)
    assert json.loads(call(record.name[-6:], "--json", *QUICK).stdout)["record"] == f"runs/{record.name}"


def test_the_page_says_what_a_decision_costs_and_in_its_place(record: Path) -> None:
    answer = call(str(record), *QUICK)
    assert answer.exit_code == 0, answer.output
    told = " ".join(answer.stdout.split())
    assert "hanoi-1 with agent scripted: its policy, asked again" in told
    assert "a decision" in told
    assert "in its place" in told
    assert "decisions of 1 episodes; " in told
    assert max(len(line.rstrip()) for line in answer.stdout.splitlines()[:-1]) <= 80


def page(done: Replay) -> str:
    file = StringIO()
    print_replay(done, Console(file=file, width=80))
    return " ".join(file.getvalue().split())


def test_net_is_shown_where_it_differs(done: Replay) -> None:
    assert "beyond idle power" not in page(done)
    net = FigureRecord(value=1e-6, label="attributed", source="rapl")
    trials = tuple(replace(trial, net=net) for trial in done.trials)
    told = page(replace(done, trials=trials))
    assert "gross J net J" in told
    assert "beyond idle power" in told
    assert "attributed by rapl" in told


def test_what_a_reader_must_know_is_said(done: Replay) -> None:
    inputs = replace(done.inputs, split=False, differ=(3, 7))
    other = done.stored.run.model_copy(update={"hardware": done.stored.run.hardware.model_copy(update={"cpu": "Z80"})})
    odd = replace(
        done, inputs=inputs, stored=replace(done.stored, run=other), idle=Look({"rapl": 9.0}, 2.0, contended=True)
    )
    told = " ".join(remarks(odd))
    assert "what it perceives and plans is in the figure" in told
    assert "Episode 3, 7 did not go as recorded" in told
    assert "The record was made on another processor" in told
    assert "Other processes were at work" in told
    assert len(list(remarks(done))) == 1


def test_without_a_counter_the_page_says_so(done: Replay) -> None:
    nothing = FigureRecord(value=None, label="unavailable", source="none")
    trials = tuple(replace(trial, gross=nothing, net=nothing) for trial in done.trials)
    assert "a decision — unavailable; no counter could be read" in page(replace(done, trials=trials, grade=None))


def test_bad_choices_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no folder of runs to look a name up in
    answer = call("nowhere", "--phase", "plans")
    assert answer.exit_code == 2
    assert "no phase that can be replayed is called 'plans'" in answer.stderr
    answer = call("nowhere")
    assert answer.exit_code == 1
    assert "nowhere is no run record" in answer.stderr


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.000584, "584 µJ"), (1.04e-3, "1.04 mJ"), (2.5, "2.5 J"), (0.0, "0 J"), (3e-12, "0.003 nJ"), (None, "—")],
)
def test_small_quantities_have_prefixes(value: float | None, text: str) -> None:
    assert prefixed(value, "J") == text
