"""``nsctl plan``: steps, reasons, and four different endings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from samples import Install
from typer.testing import CliRunner, Result

from nsctl.cli.app import app

PLANNERS = """
from nsctl.outcomes import *
from planners.clingo import ClingoPlanner
class Fixed(ClingoPlanner):
    def session(self, problem): return self
    def plan(self, init, time_limit): return self.answer
class Never(Fixed): answer = ProvenUnsolvable("disc1 is glued", "never", 0.002)
class Slow(Fixed): answer = TimedOut(None, 7, "slow", 60.0)
class Picky(Fixed): answer = Unsupported("axioms", "picky")
class Mute:
    def __init__(self): self.clingo = ClingoPlanner()
    def domain(self, pddl): return self.clingo.domain(pddl)
    def session(self, problem): return self.clingo.session(problem)
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments], prog_name="nsctl", env={"COLUMNS": "80"})


@pytest.fixture
def others(install: Install) -> None:
    entries = {f"planners:{name}": f"others:{name.title()}" for name in ("never", "slow", "picky", "mute")}
    lines = "\n".join(f"{door.split(':')[1]} = {target}" for door, target in entries.items())
    install("others", PLANNERS, {"planners:never": f"others:Never\n{lines.partition(chr(10))[2]}"})


def test_the_plan_is_numbered_explained_and_proven() -> None:
    answer = call("hanoi-2")
    assert answer.exit_code == 0, answer.output
    told = answer.stdout
    assert "hanoi-2: 6 steps (3 pick, 3 place), proven shortest" in told
    assert "1   pick(disc1, disc2)     for steps 2" in told
    assert "6   place(disc1, disc2)    for the goal" in told
    assert "found by clingo in " in told


def test_the_plan_as_json() -> None:
    answer = call("hanoi-2", "--json")
    told: dict[str, Any] = json.loads(answer.stdout)
    assert set(told) == {
        "task", "seed", "status", "planner", "length", "cost", "optimal", "bound", "counts", "seconds", "steps"
    }  # fmt: skip
    assert (told["status"], told["length"], told["optimal"], told["counts"]) == (
        "solved",
        6,
        True,
        {"pick": 3, "place": 3},
    )
    first = told["steps"][0]
    assert (first["number"], first["operator"], first["arguments"]) == (1, "pick", ["disc1", "disc2"])
    assert told["steps"][-1]["needed_by"] == ["goal"]


def test_the_seed_decides_the_initial_state() -> None:
    plans = {json.dumps(json.loads(call("move", "--json", "--seed", str(seed)).stdout)["steps"]) for seed in range(4)}
    assert len(plans) > 1


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(
    ("planner", "code", "text", "fields"),
    [
        ("never", 3, "hanoi-1 has no plan: disc1 is glued (proven by never in 2 ms)", {"why": "disc1 is glued"}),
        ("slow", 4, "slow found no plan for hanoi-1 in 60.0 s; any costs at least 7", {"bound": 7, "length": None}),
        ("picky", 5, "picky cannot plan for hanoi-1: it does not support axioms", {"feature": "axioms"}),
    ],
)
def test_every_ending_has_its_own_words_and_exit_code(
    planner: str, code: int, text: str, fields: dict[str, Any]
) -> None:
    plain = call("hanoi-1", "--planner", planner)
    assert (plain.exit_code, plain.stdout.strip()) == (code, text)
    answer = call("hanoi-1", "--planner", planner, "--json")
    told = json.loads(answer.stdout)
    assert answer.exit_code == code
    assert told["status"] == {3: "unsolvable", 4: "timed_out", 5: "unsupported"}[code]
    assert fields.items() <= told.items()


@pytest.mark.usefixtures("others")
def test_a_planner_that_gives_no_reasons_still_plans() -> None:
    answer = call("hanoi-1", "--planner", "mute", "--json")
    assert [step["needed_by"] for step in json.loads(answer.stdout)["steps"]] == [None, None]
    assert call("hanoi-1", "--planner", "mute").exit_code == 0


def test_unknown_names_are_usage_errors() -> None:
    assert "Did you mean 'hanoi-2'?" in call("hanoi2").stderr
    answer = call("hanoi-1", "--planner", "klingo")
    assert (answer.exit_code, "Did you mean 'clingo'?" in answer.stderr) == (2, True)
