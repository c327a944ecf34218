"""``nsctl doctor``: says what is broken, and is never broken by it."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from samples import Install
from typer.testing import CliRunner, Result

from nsctl import tasks
from nsctl.cli import doctor, probe
from nsctl.cli.app import app
from nsctl.cli.findings import _meters

KEYS = {
    "versions",
    "hardware",
    "clashes",
    "engines",
    "broken_parts",
    "meters",
    "best_label",
    "grade",
    "better",
    "healthy",
}
METER = {
    "name": "card",
    "works": True,
    "counts": True,
    "label": "attributed",
    "granularity": "phase",
    "scope": "machine",
    "update_seconds": 0.001,
    "measured_update_seconds": 0.00098,
    "idle_watts": 41.26,
    "grade": "C",
    "external": False,
    "why": "",
    "remedy": "",
}
WELL = {"physics": "", "picture": ""}


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments], prog_name="nsctl", env={"COLUMNS": "80"})


@pytest.fixture
def engines_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "examine", lambda engine: WELL)


@pytest.mark.usefixtures("engines_work")
def test_a_healthy_machine_as_json() -> None:
    answer = call("--json")
    told: dict[str, Any] = json.loads(answer.stdout)
    assert set(told) == KEYS
    assert (answer.exit_code, told["healthy"], told["broken_parts"], told["clashes"]) == (0, True, [], [])
    assert told["best_label"] in ("measured", "attributed", "modelled")
    assert told["grade"] in ("A", "B", "C", "D")
    for meter in told["meters"]:
        assert set(meter) == set(METER)
        assert meter["works"] or (meter["why"] and meter["remedy"])
        assert (meter["grade"] is not None) == meter["counts"]
        assert meter["label"]
        assert meter["update_seconds"] > 0


@pytest.mark.usefixtures("engines_work")
def test_the_page_names_engines_meters_and_the_best_label() -> None:
    told = call().stdout
    assert "best energy label here: " in told
    assert "all well" in told
    assert "mujoco" in told
    assert "codecarbon" in told
    assert max(len(line.rstrip()) for line in told.splitlines()) <= 80


def test_the_way_to_a_better_grade_is_told() -> None:
    lacking = {**METER, "works": False, "counts": False, "grade": None, "why": "no", "remedy": "buy one"}
    wall = {**lacking, "name": "wall", "external": True, "remedy": "plug it in"}
    gpu = {**lacking, "name": "gpu", "scope": "device"}
    assert doctor._better("D", [gpu, wall, lacking]) == [
        {"grade": "A", "meter": "wall", "how": "plug it in"},
        {"grade": "B", "meter": "card", "how": "buy one"},
    ]
    assert [(one["grade"], one["meter"]) for one in doctor._better("C", [METER, wall])] == [
        ("A", "wall"),
        ("B", "card"),
    ]
    assert doctor._better("B", [{**METER, "grade": "B"}, lacking]) == []
    plugged = {**METER, "name": "wall", "external": True}
    (one,) = doctor._better("C", [plugged, lacking])
    assert (one["grade"], one["meter"]) == ("A", "wall")
    assert doctor._better("A", [{**plugged, "grade": "A"}, lacking]) == []


def test_the_page_shows_what_was_measured_and_brackets_what_is_only_stated() -> None:
    console = Console(width=80, file=io.StringIO())
    stated = {**METER, "name": "slow", "measured_update_seconds": None, "update_seconds": 15.0, "idle_watts": None}
    console.print(_meters([METER, stated]))
    page = console.file.getvalue()  # type: ignore[attr-defined]
    assert re.search(r"card +counts +attributed +0.98 ms +41.3 W", page)
    assert re.search(r"slow +counts +attributed +\(15 s\) +—", page)


@pytest.mark.usefixtures("engines_work")
def test_the_page_names_the_grade() -> None:
    told = " ".join(call().stdout.split())
    assert re.search(r"energy grade here: [A-D] \(", told)


@pytest.mark.usefixtures("engines_work")
@pytest.mark.parametrize(
    "code", ["raise ImportError('no bus')", "raise SystemExit(3)", "def Odd(): raise OSError('no bus')"]
)
def test_a_broken_part_is_named_and_takes_nothing_down(install: Install, code: str) -> None:
    install("stranger", code, {"meters:odd": "stranger:Odd"})
    answer = call("--json")
    told = json.loads(answer.stdout)
    assert (answer.exit_code, told["healthy"]) == (1, False)
    (sentence,) = told["broken_parts"]
    assert "'odd' of stranger" in sentence
    assert sentence in " ".join(call().stdout.split())


def test_no_engine_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "examine", lambda engine: {"physics": "no libGL", "picture": "no libGL"})
    findings = doctor.examine()
    assert not findings["healthy"]
    assert findings["engines"][0]["physics"] == "no libGL"


def test_an_engine_is_tried_in_a_process_of_its_own() -> None:
    answer = probe.examine("mujoco")
    assert answer["physics"] == ""
    assert set(answer) == {"physics", "picture"}


def test_an_engine_that_nobody_has_is_told() -> None:
    assert probe.probe("unreal")["physics"].startswith("UnknownName: no engine is called 'unreal'")


def test_an_engine_that_takes_its_process_down_is_told(install: Install) -> None:
    code = "import os\nclass Engine:\n    def __init__(self, *a, **k): os.abort()\n"
    install("crasher", code, {"engines:crasher": "crasher:Engine"})
    answer = probe.examine("crasher")
    assert answer["physics"].startswith("the process ended with code -6: ")
    assert answer["picture"] == answer["physics"]


def test_an_engine_that_hangs_is_told(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("sleeper", "import time\ntime.sleep(60)", {"engines:sleeper": "sleeper:Engine"})
    monkeypatch.setattr(probe, "SECONDS", 1.0)
    assert probe.examine("sleeper")["physics"] == "no answer after 1 s"


@pytest.mark.usefixtures("engines_work")
def test_a_name_that_is_claimed_twice_is_reported(install: Install) -> None:
    install("rival", "", {"agents:random": "rival:Agent"})
    told = json.loads(call("--json").stdout)
    (sentence,) = told["broken_parts"]
    assert re.fullmatch(
        r"the agent 'random' is claimed by nsctl \S+ and rival 1.5: uninstall all but one of them", sentence
    )
    assert not told["healthy"]


def test_a_folder_in_the_working_directory_does_not_mislead_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "__init__.py").write_text("raise OSError('not these')")
    monkeypatch.chdir(tmp_path)
    assert probe.examine("mujoco")["physics"] == ""


def test_without_any_task_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "names", lambda: ())
    assert probe.probe("mujoco")["physics"].startswith("there is no task to try it on")
