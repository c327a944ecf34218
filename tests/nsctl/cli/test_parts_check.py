"""``nsctl parts check``."""

from __future__ import annotations

import json

from samples import Install
from typer.testing import CliRunner, Result

from nsctl.cli.app import app


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["parts", "check", *arguments], prog_name="nsctl", env={"COLUMNS": "120"})


def test_a_good_part_gets_a_table_and_a_verdict() -> None:
    answer = call("pick-scripted", "--trials", "2", "--task", "hanoi-1")
    assert answer.exit_code == 0
    assert "pick-scripted, one of the skills, from nsctl" in answer.stdout
    assert "licence  Apache-2.0" in answer.stdout
    assert "FAILED" not in answer.stdout
    assert answer.stdout.rstrip().endswith("pick-scripted does all that is asked of it: 12 of 12 checks hold.")


def test_a_broken_part_is_reported_by_name_and_ends_with_1(install: Install) -> None:
    install("broken", "raise RuntimeError('no camera')", {"skills:mine": "broken:Mine"})
    answer = call("mine")
    assert answer.exit_code == 1
    told = " ".join(answer.stdout.split())
    assert "the skill 'mine' of broken 1.5 (broken:Mine) could not be loaded: RuntimeError: no camera" in told
    assert "mine is not ready: 1 of 1 checks FAILED (can be made)." in told


def test_a_part_that_ends_the_program_does_not(install: Install) -> None:
    install("quits", "import sys\ndef Mine():\n    sys.exit(9)", {"agents:mine": "quits:Mine"})
    answer = call("mine", "--json")
    assert answer.exit_code == 1
    told = json.loads(answer.stdout)
    assert list(told) == ["part", "ok", "verdict", "checks", "licence", "sha256"]
    assert told["checks"] == [{"name": "can be made", "ok": False, "sentence": "It raised SystemExit: 9"}]


def test_a_name_in_two_groups_needs_its_group() -> None:
    answer = call("stack")
    assert answer.exit_code == 2
    assert answer.stderr == (
        "nsctl: 'stack' is a name in skills and envs: say which is meant, for example --group skills\n"
    )


def test_unknown_names_are_answered_with_the_nearest() -> None:
    assert "no part is called 'pikc'. Did you mean 'pick'?" in call("pikc").stderr
    assert "no task is called 'hanio-1'. Did you mean 'hanoi-1'?" in call("pick", "--task", "hanio-1").stderr
    assert "no skill is called 'nesy'." in call("nesy", "--group", "skills").stderr
