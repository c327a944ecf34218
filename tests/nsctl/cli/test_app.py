"""The command line as a whole: quick, lazy, and plain about errors."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from samples import Install
from typer.testing import CliRunner

import nsctl
from nsctl.cli.app import app
from nsctl.cli.exits import exit_code
from nsctl.errors import BrokenPart, InvalidValue, NsctlError, RecordError, UnknownName

NSCTL = (sys.executable, "-m", "nsctl")
HEAVY = (
    "torch",
    "mujoco",
    "pybullet",
    "clingo",
    "codecarbon",
    "gymnasium",
    "numpy",
    "PIL",
    "planners",
    "policies",
    "envs",
    "energy",
)
HELP_SECONDS = 0.3


def call(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "80", **environment}
    return subprocess.run((*NSCTL, *arguments), capture_output=True, text=True, env=environment, cwd=cwd, check=False)


def test_help_names_every_command() -> None:
    told = call("--help").stdout
    assert all(f" {name} " in told for name in ("run", "plan", "train", "parts", "doctor"))
    assert "nsctl run hanoi-3" in told


def test_help_takes_little_cpu_time() -> None:
    taken = []
    for _ in range(3):  # the best of three: the machine may be busy
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        call("--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(taken) < HELP_SECONDS


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["parts", "list"], ["parts", "list", "--json"]])
def test_nothing_heavy_is_imported(arguments: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['nsctl', *{arguments}]\n"
        "from nsctl.cli import main\n"
        "try: main()\n"
        f"except SystemExit as end: print(end.code, [m for m in {HEAVY} if m in sys.modules])"
    )
    told = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert told.splitlines()[-1] == "0 []"


def test_the_console_script_is_installed() -> None:
    script = Path(sys.executable).with_name("nsctl")
    assert subprocess.check_output([script, "--version"], text=True) == f"nsctl {nsctl.__version__}\n"


def test_an_error_is_one_sentence_on_stderr() -> None:
    told = call("run", "hanoy-3")
    assert told.returncode == 2
    assert told.stdout == ""
    assert told.stderr.startswith("nsctl: no task is called 'hanoy-3'. Did you mean 'hanoi-3'? There is: drawer-1, ")
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize(("arguments", "environment"), [(["--debug"], {}), ([], {"NSCTL_DEBUG": "1"})])
def test_debug_shows_the_traceback(arguments: list[str], environment: dict[str, str]) -> None:
    told = call(*arguments, "run", "hanoy-3", **environment)
    assert told.returncode == 1
    assert "Traceback (most recent call last)" in told.stderr
    assert "UnknownName: no task is called 'hanoy-3'" in told.stderr


def test_a_broken_part_is_named(install: Install) -> None:
    install("stranger", "raise ImportError('no libstdc')", {"agents:odd": "stranger:Odd"})
    told = call("run", "hanoi-1", "--agent", "odd")
    assert told.returncode == 1
    sentence = "the agent 'odd' of stranger 1.5 (stranger:Odd) could not be loaded: ImportError: no libstdc"
    assert told.stderr.splitlines()[-1] == f"nsctl: {sentence}"


def test_a_package_in_the_way_is_told_and_the_command_goes_on(tmp_path: Path) -> None:
    (tmp_path / "energy").mkdir()
    (tmp_path / "energy" / "__init__.py").write_text("")
    told = call("parts", "list", "meters", cwd=tmp_path)
    assert told.returncode == 0
    assert told.stderr.startswith("nsctl: Another package stands before nsctl's 'energy': Python finds ")
    assert "modelled" in told.stdout


def test_an_unknown_option_is_a_usage_error() -> None:
    told = call("run", "hanoi-1", "--episode", "3")
    assert told.returncode == 2
    assert "No such option" in told.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnknownName("task", "x", []), 2),
        (InvalidValue("x"), 2),
        (BrokenPart("x"), 1),
        (RecordError("x"), 1),
        (NsctlError("x"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(error: BaseException, code: int) -> None:
    assert exit_code(error) == code


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("nsctl run hanoi-3", {"hanoi-3", "hanoi-3-any"}),
        ("nsctl run hanoi-1 --agent ne", {"nesy", "nesy-fp4", "nesy-open-loop"}),
        ("nsctl compare hanoi-3", {"hanoi-3", "hanoi-3-any"}),
        ("nsctl run hanoi-1 --engine mu", {"mujoco"}),
        ("nsctl plan hanoi-1 --planner cl", {"clingo"}),
        ("nsctl train skill pick-", {"pick-scripted"}),
        ("nsctl parts list perc", {"perceptions"}),
    ],
)
def test_the_shell_completes_names(words: str, expected: set[str]) -> None:
    environment = {"_NSCTL_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    answer = CliRunner().invoke(app, [], env=environment, prog_name="nsctl")
    assert set(answer.stdout.split()) == expected
