"""``nsctl compare TASK --agents`` with agents that need no training, and of records that lie on the disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nsctl import provenance
from nsctl.cli.app import app
from nsctl.ledger import ITEMS
from nsctl.record_folder import read_record

WHO = "scripted,random,scripted@truth"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records go into a folder of the test's own; sources that are edited meanwhile are not another code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(provenance, "code", lambda: "c0de")


def call(*words: object) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, words)])


def told(*words: object) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(call(*words, "--json").stdout)
    return answer


def test_agents_play_and_are_held_against_the_first(tmp_path: Path) -> None:
    answer = json.loads(
        call("hanoi-1", "--agents", WHO, "--episodes", 6, "--seed", 3, "--out", "page", "--json").stdout
    )
    assert (answer["task"], answer["first"], answer["provisional"], answer["missing"]) == (
        "hanoi-1",
        "scripted",
        True,
        {},
    )
    scripted, random, oracle = answer["agents"]
    assert [agent["name"] for agent in answer["agents"]] == WHO.split(",")
    assert (scripted["success_at_end"], random["success_at_end"]) == (6, 0)
    assert (random["difference"]["value"], random["p"]) == (-1.0, pytest.approx(2 / 2**6))
    assert random["only_first"] == [0, 1, 2, 3, 4, 5]
    assert random["failures"] == [
        {"status": "timed_out", "reason": random["failures"][0]["reason"], "step": "", "times": 6}
    ]
    assert (scripted["difference"], scripted["p"]) == (None, None)
    assert (oracle["privilege"], scripted["privilege"]) == ("sim_truth", "tracked")
    assert "privilege class" in oracle["unranked"]
    assert oracle["break_even"] is None
    assert set(scripted["ledger"]) == set(ITEMS)
    assert (Path(answer["page"]).name, Path(answer["page"]).is_file()) == ("hanoi-1.md", True)
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_what_has_been_played_is_shown_again_as_agents_or_as_records() -> None:
    terms = ("hanoi-1", "--agents", "scripted,random,scripted@truth", "--episodes", 2)
    first = told(*terms)
    assert told(*terms) == first
    records = [agent["record"] for agent in first["agents"]]
    assert told(*records)["agents"] == first["agents"]


def test_records_of_other_starts_are_not_said_to_share_them() -> None:
    played = [
        told("hanoi-1", "--agents", "random,random@truth", "--episodes", 2 + seed, "--seed", seed)["agents"]
        for seed in (0, 1)
    ]
    records = [agent["record"] for agents in played for agent in agents]
    page = call(*records[:3]).stdout
    assert "hanoi-1: 3 agents whose initial states are not all the same" in page
    assert "no episode of" in page
    assert (
        "hanoi-1: 2 agents on the same initial states"
        in call("hanoi-1", "--agents", "random,random@truth", "--episodes", 2).stdout
    )


def test_what_has_no_partner_is_counted() -> None:
    records = [
        told("hanoi-1", "--agents", who, "--episodes", n)["agents"][0]["record"]
        for who, n in (("random", 2), ("random@truth", 3), ("scripted", 2))
    ]
    first, more, same = told(*records)["agents"]
    assert [(agent["episodes"], agent["left_out"], agent["pairs"]) for agent in (first, more, same)] == [
        (2, 0, None),
        (3, 1, 2),
        (2, 0, 2),
    ]


def test_the_tables_keep_classes_apart_and_rank_nobody() -> None:
    page = call("hanoi-1", "--agents", WHO, "--episodes", 2).stdout
    heads = [line for line in page.splitlines() if line.startswith(("tracked:", "sim_truth:"))]
    assert heads[:2] == ["tracked: poses from a simulated tracker", "sim_truth: the simulator's true poses"]
    assert "! agents of different privilege see different things" in page
    assert "! provisional: fewer than 50 episodes" in page
    assert "timed_out" in page
    assert max(map(len, page.splitlines())) <= 80


def test_who_cannot_play_ends_the_command_in_a_sentence_unless_he_is_skipped() -> None:
    terms = ("hanoi-1", "--agents", "random,nobody,scripted+pick:nowhere/weights", "--episodes", 1)
    refused = call(*terms)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "nsctl: nobody cannot play: no agent is called 'nobody'." in refused.stderr
    assert "scripted+pick:nowhere/weights cannot play:" in refused.stderr
    assert refused.stderr.rstrip().endswith("nsctl: not everybody can play: --skip-missing goes on with the others")
    assert not Path("runs").exists()
    rest = call(*terms, "--skip-missing", "--json")
    assert [agent["name"] for agent in json.loads(rest.stdout)["agents"]] == ["random"]
    assert set(json.loads(rest.stdout)["missing"]) == {"nobody", "scripted+pick:nowhere/weights"}


def test_nobody_who_can_play_is_refused_even_if_skipped() -> None:
    refused = call("hanoi-1", "--agents", "nobody", "--skip-missing")
    assert (refused.exit_code, refused.stderr.splitlines()[-1]) == (2, "nsctl: none of these agents can play hanoi-1")


def test_what_is_done_to_the_world_is_done_to_all() -> None:
    agents = told(
        "hanoi-1", "--agents", "scripted,random", "--episodes", 1, "--disturb", "hand", "--disturb", "lag:0.5"
    )
    for agent in agents["agents"]:
        kinds = read_record(agent["record"]).run.config.disturb
        assert [(kind.kind, kind.strength) for kind in kinds] == [("hand", 1.0), ("lag", 0.5)]


def test_time_that_is_up_is_said_with_a_code_of_its_own() -> None:
    stopped = call("hanoi-1", "--agents", "random", "--episodes", 2, "--minutes", 0)
    assert (stopped.exit_code, stopped.stdout) == (4, "")
    assert stopped.stderr == "nsctl: time is up before random could play hanoi-1; the same command goes on\n"


def test_the_ledger_is_told_without_playing() -> None:
    page = call("hanoi-1", "--agents", "scripted,random", "--ledger").stdout
    assert [line for line in page.splitlines() if line and not line.startswith(" ")] == ["scripted", "random"]
    assert "  domain          PDDL, given with the task" in page.splitlines()
    assert set(told("hanoi-1", "--agents", "random", "--ledger")["ledger"]) == {"random"}
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["hanoi-1"], "name two records, or a task and --agents"),
        (["a", "b", "--episodes", "3"], "records have been played already: name agents with --agents"),
        (["hanoi-1", "b", "--agents", "random"], "with --agents one task is named"),
        (["hanoi-1", "--agents", "random", "--unpaired"], "with --agents one task is named"),
        (["hanoi-1", "--agents", ","], "no agent is named: a list such as nesy,"),
        (["hanio-1", "--agents", "random"], "no task is called 'hanio-1'. Did you mean 'hanoi-1'?"),
        (["hanoi-1", "--agents", "random", "--engine", "bullet"], "no engine is called 'bullet'"),
        (["hanoi-1", "--agents", "random", "--disturb", "hnad"], "no kind of disturbance is called 'hnad'"),
        (["hanoi-1", "--agents", "random", "--episodes", "0"], "episodes must be >= 1, got 0"),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[str], sentence: str) -> None:
    refused = call(*words)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert sentence in " ".join(refused.stderr.replace("│", " ").split())
