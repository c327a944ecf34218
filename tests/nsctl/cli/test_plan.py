"""``nsctl plan``: steps, reasons, and four different endings."""

from __future__ import annotations

import json
from pathlib import Path
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
    def plan(self, init, optimal, time_limit): return self.answer
class Never(Fixed): answer = ProvenUnsolvable("disc1 is glued", "never", 0.002)
class Slow(Fixed): answer = TimedOut(None, 7, "slow", 60.0)
class Picky(Fixed): answer = Unsupported("axioms", "picky")
class Mute:
    def __init__(self): self.clingo = ClingoPlanner()
    def domain(self, pddl, source=""): return self.clingo.domain(pddl, source)
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
    assert "1   pick(disc1, disc2)     for step" in told
    assert "6   place(disc1, disc2)    for the goal" in told
    assert "found by clingo (breadth-first search) in " in told


def test_the_plan_as_json() -> None:
    answer = call("hanoi-2", "--json")
    told: dict[str, Any] = json.loads(answer.stdout)
    assert set(told) == {
        "task", "seed", "status", "planner", "length", "cost", "optimal", "bound", "engine", "proof", "counts",
        "seconds", "steps",
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
def test_the_plan_of_a_planner_that_explains_nothing_is_explained_all_the_same() -> None:
    answer = call("hanoi-1", "--planner", "mute", "--json")
    assert [step["needed_by"] for step in json.loads(answer.stdout)["steps"]] == [[2], ["goal"]]


def test_unknown_names_are_usage_errors() -> None:
    assert "Did you mean 'hanoi-2'?" in call("hanoi2").stderr
    answer = call("hanoi-1", "--planner", "klingo")
    assert (answer.exit_code, "Did you mean 'clingo'?" in answer.stderr) == (2, True)


DOMAIN = """(define (domain doors) (:types room) (:predicates (at ?r - room) (door ?a ?b - room))
(:functions (total-cost) - number)
(:action walk :parameters (?a ?b - room) :precondition (and (at ?a) (door ?a ?b))
 :effect (and (at ?b) (not (at ?a)) (increase (total-cost) 2)))
(:action climb :parameters (?a ?b - room) :precondition (at ?a) :effect (and (at ?b) (not (at ?a))
 (increase (total-cost) 7))))"""
PROBLEM = """(define (problem way) (:domain doors) (:objects a b c d - room)
(:init (at a) (door a b) (door b c) (door c d)) (:goal (at d)) (:metric minimize (total-cost)))"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "domain.pddl").write_text(DOMAIN)
    (tmp_path / "way.pddl").write_text(PROBLEM)
    return str(tmp_path / "domain.pddl"), str(tmp_path / "way.pddl")


def test_pddl_files_are_planned_for(files: tuple[str, str], tmp_path: Path) -> None:
    plan = tmp_path / "plan.txt"
    answer = call(*files, "--optimal", "--output", str(plan))
    assert answer.exit_code == 0, answer.output
    assert "way: 3 steps (3 walk), cost 6, proven cheapest" in answer.stdout
    assert plan.read_text() == "(walk a b)\n(walk b c)\n(walk c d)\n; cost = 6\n"
    judged = call(*files, "--check", str(plan))
    assert (judged.exit_code, judged.stdout.strip()) == (0, f"{plan} is a valid plan for way, of cost 6")


def test_a_bad_plan_is_told_what_is_wrong(files: tuple[str, str], tmp_path: Path) -> None:
    plan = tmp_path / "plan.txt"
    plan.write_text("(walk a b)\n(walk a c)\n")
    judged = call(*files, "--check", str(plan), "--json")
    told = json.loads(judged.stdout)
    assert (judged.exit_code, told["status"], told["cost"]) == (6, "invalid", None)
    assert "step 2" in told["why"]


def test_costs_from_a_table_change_the_plan(files: tuple[str, str], tmp_path: Path) -> None:
    table = tmp_path / "joules.json"
    table.write_text('{"walk": 2.5, "climb": 7.25}')
    told = json.loads(call(*files, "--costs", str(table), "--json").stdout)
    assert ([step["operator"] for step in told["steps"]], told["cost"]) == (["climb"], 7.25)
    table.write_text('{"walk": 2.5')
    assert "is no JSON" in call(*files, "--costs", str(table)).stderr
    table.write_text("[1]")
    assert 'must hold an object such as {"pick": 1.9' in call(*files, "--costs", str(table)).stderr


def test_why_there_is_no_plan(files: tuple[str, str]) -> None:
    domain, problem = files
    Path(domain).write_text(DOMAIN.replace("(at ?a) :effect", "(and (at ?a) (door ?b ?a)) :effect"))
    Path(problem).write_text(PROBLEM.replace("(door b c)", ""))
    plain, told = call(domain, problem), call(domain, problem, "--explain", "--json")
    assert (plain.exit_code, told.exit_code) == (3, 3)
    assert "way has no plan" in plain.stdout
    reasons = json.loads(told.stdout)["explanation"]
    assert reasons[0].endswith("(proof)")
    assert any("at(d)" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("domain", "problem", "code", "message"),
    [
        (DOMAIN.replace("(:action walk", "(:durative-action walk"), PROBLEM, 5, "durative actions"),
        (DOMAIN.replace("(at ?b)", "(att ?b)", 1), PROBLEM, 6, "no predicate is called 'att'. Did you mean 'at'?"),
        (DOMAIN, PROBLEM.replace("(at a)", "(at e)"), 6, "way.pddl, line 2: initial state: no object is called 'e'"),
        (DOMAIN, PROBLEM[:-1], 6, "found the end of the text, expected ')'"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(
    files: tuple[str, str], domain: str, problem: str, code: int, message: str
) -> None:
    Path(files[0]).write_text(domain)
    Path(files[1]).write_text(problem)
    answer = call(*files)
    assert (answer.exit_code, message in answer.output) == (code, True), answer.output


def test_a_domain_alone_and_a_missing_file_are_usage_errors(files: tuple[str, str]) -> None:
    for arguments, message in (
        (files[:1], "name the problem's file after it"),
        ((files[0], "nowhere.pddl"), "nowhere.pddl cannot be read: No such file"),
        ((*files, "--graph-kind", "pie"), "--graph-kind must be one of plan, causal, states, got 'pie'"),
    ):
        answer = call(*arguments)
        assert (answer.exit_code, message in answer.stderr) == (2, True), answer.output
