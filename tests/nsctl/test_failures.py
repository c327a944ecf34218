"""Failures are counted by kind: how they ended, why, and at which step."""

from __future__ import annotations

from typing import Any

from samples import make_episode

from nsctl.failures import BETWEEN, Failure, body_types, failures
from nsctl.records import OutcomeRecord


def lost(index: int, reason: str, status: str = "failed", *steps: tuple[str, str]) -> Any:
    skills = tuple({"step": step, "status": state, "reason": "", "steps": 3} for step, state in steps)
    outcome = OutcomeRecord.model_validate({"status": status, "reason": reason})
    return make_episode(index, outcome=outcome, skills=skills)


def test_names_of_things_do_not_make_kinds() -> None:
    types = {"disc1": "disc", "disc2": "disc", "disc10": "disc", "left": "peg"}
    told = [lost(0, "disc2 lies on the smaller disc1"), lost(1, "disc10 lies on the smaller disc2"), lost(2, "gave up")]
    assert failures(told, types) == (
        Failure("failed", "disc lies on the smaller disc", "", 2),
        Failure("failed", "gave up", "", 1),
    )
    assert len(failures(told, {})) == 3
    assert failures([lost(0, "box-lid fell")], {"box": "container", "box-lid": "lid"})[0].reason == "lid fell"


def test_the_step_is_the_one_at_work_or_that_has_just_failed() -> None:
    told = [
        lost(0, "why", "failed", ("pick(a, b)", "succeeded"), ("place(a, c)", "failed")),
        lost(1, "why", "failed", ("place(a, c)", "running")),
        lost(2, "why", "timed_out", ("pick(a, b)", "failed"), ("pick(a, b)", "succeeded")),
        lost(3, "why", "errored"),
    ]
    assert [(f.status, f.step, f.times) for f in failures(told, {})] == [
        ("failed", "place", 2),
        ("errored", "", 1),
        ("timed_out", BETWEEN, 1),
    ]


def test_successes_are_no_failures() -> None:
    won = make_episode(0, success_at_end=True, outcome=OutcomeRecord(status="succeeded", reason=""))
    assert failures([won], {}) == ()


def test_types_are_those_of_the_task_and_none_of_a_task_that_is_not_here() -> None:
    assert body_types("hanoi-2") == {"disc1": "disc", "disc2": "disc", "left": "peg", "middle": "peg", "right": "peg"}
    assert body_types("juggling-3") == {}
