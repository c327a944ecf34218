"""``nsctl parts list``."""

from __future__ import annotations

import json

from samples import Install
from typer.testing import CliRunner, Result

from nsctl import registry
from nsctl.cli.app import app


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["parts", "list", *arguments], prog_name="nsctl", env={"COLUMNS": "80"})


def test_every_part_is_listed_with_where_it_comes_from() -> None:
    told = json.loads(call("--json").stdout)
    assert list(told) == ["parts"]
    assert all(list(part) == ["group", "name", "target", "distribution", "version", "rivals"] for part in told["parts"])
    assert [(p["group"], p["name"]) for p in told["parts"]] == [(p.group, p.name) for p in registry.every_part()]


def test_one_group_and_what_it_is_for() -> None:
    told = call("agents").stdout
    assert "nsctl.agents.random:RandomAgent" in told
    assert "acts in a world" in told
    assert "clingo" not in told


def test_a_stranger_s_part_is_listed_without_being_imported(install: Install) -> None:
    install("stranger", "raise SystemExit(9)", {"agents:odd": "stranger:Odd"})
    answer = call("agents")
    assert answer.exit_code == 0
    assert "stranger 1.5" in answer.stdout


def test_an_unknown_group_is_answered_with_the_nearest() -> None:
    answer = call("agent")
    assert answer.exit_code == 2
    assert "no group of parts is called 'agent'. Did you mean 'agents'?" in answer.stderr


def test_a_name_that_is_claimed_twice_names_both(install: Install) -> None:
    install("rival", "", {"agents:random": "rival:Agent"})
    told = " ".join(call("agents").stdout.split())
    assert "nsctl 0" in told
    assert " and rival 1.5" in told
    (part,) = (p for p in json.loads(call("agents", "--json").stdout)["parts"] if p["name"] == "random")
    assert part["rivals"] == ["rival 1.5"]
