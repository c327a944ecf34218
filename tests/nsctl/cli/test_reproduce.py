"""``nsctl reproduce headline``, quick, with agents that need no training."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nsctl import provenance, registry
from nsctl.cli.app import app
from nsctl.cli.reproduce import AGENTS
from nsctl.contestants import contestants


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(provenance, "code", lambda: "c0de")
    monkeypatch.setattr(sys, "argv", ["nsctl", "reproduce", "headline", "--quick"])


def call(*words: object) -> Result:
    return CliRunner().invoke(app, ["reproduce", "headline", *map(str, words)])


def test_a_page_with_all_tasks_is_written_and_the_second_call_plays_nothing() -> None:
    terms = ("--quick", "--episodes", 1, "--agents", "scripted,nobody", "--skip-missing", "--out", "results", "--json")
    answer = json.loads(call(*terms).stdout)
    assert list(answer["tasks"]) == ["move", "hanoi-3", "hanoi-4"]
    page = Path(answer["page"])
    assert page == Path("results/headline-a-quick-look.md")
    assert not Path("results/headline.md").exists()
    text = page.read_text()
    for part in (
        "## move (a single move)",
        "## hanoi-4",
        "## Beside arXiv 2602.19260",
        "    nsctl reproduce headline --quick\n",
        "- `nobody`: no agent",
    ):
        assert part in text, part
    assert json.loads((page.with_suffix("") / "figures.json").read_text()) == answer["tasks"]
    runs = sorted(Path("runs").iterdir())
    assert len(runs) == 3
    again = call(*terms)
    assert json.loads(again.stdout) == answer
    assert (sorted(Path("runs").iterdir()), page.read_text()) == (runs, text)


def test_all_who_shall_play_are_looked_at_before_anybody_plays() -> None:
    refused = call("--agents", "scripted,nobody")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.count("nobody cannot play") == 1
    assert not Path("runs").exists()


def test_time_that_is_up_leaves_no_page() -> None:
    told = ("--agents", "random", "--episodes", 1, "--minutes", 0)
    assert call(*told).exit_code == 4
    assert not Path("docs").exists()


def test_who_plays_unless_somebody_is_named_is_registered() -> None:
    assert {each.agent for each in contestants(AGENTS)} <= set(registry.parts("agents"))
