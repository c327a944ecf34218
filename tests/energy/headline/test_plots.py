"""The plots show what the standings say, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted_records import even, plant

from energy.headline.plots import OURS, PUBLISHED, draw, joules, phases, success
from nsctl.ledger import NOTHING
from nsctl.record_folder import read_record
from nsctl.standings import Standings, standings


@pytest.fixture
def found(tmp_path: Path) -> list[Standings]:
    """A planner that always wins, and a VLA that never does."""
    told = {"knowledge": {**NOTHING, "domain": "PDDL, given with the task"}}
    nesy = plant(tmp_path, "a-01", [True] * 10, even(1.0, 10), task="hanoi-4", who="nesy", agent=told)
    vla = plant(tmp_path, "b-02", [False] * 10, even(9.0, 10), task="hanoi-4", who="vla", agent={}, privilege="pixels")
    return [standings([read_record(nesy), read_record(vla)])]


def test_rates_have_their_exact_intervals_and_the_papers_beside_them(found: list[Standings]) -> None:
    values = success(found)["data"]["values"]
    ours = {v["agent"]: (v["rate"], v["low"], v["high"]) for v in values if v["where"] == OURS}
    assert ours["nesy"] == pytest.approx((1.0, 0.692, 1.0), abs=1e-3)
    assert ours["vla"] == pytest.approx((0.0, 0.0, 0.308), abs=1e-3)
    assert {v["agent"]: v["rate"] for v in values if v["where"] == PUBLISHED} == {"nesy": 0.78, "vla": 0.0}


def test_an_agent_without_a_success_has_no_joules_per_success(found: list[Standings]) -> None:
    (point,) = joules(found)["data"]["values"]
    assert (point["agent"], point["joules"]) == ("nesy", pytest.approx(1.0))
    assert point["low"] <= point["joules"] <= point["high"]


def test_phases_have_their_third_each(found: list[Standings]) -> None:
    values = phases(found)["data"]["values"]
    assert {(v["agent"], v["phase"]) for v in values} == {
        (a, p) for a in ("nesy", "vla") for p in ("perceive", "plan", "policy")
    }
    assert all(v["joules"] == pytest.approx(3.0) for v in values if v["agent"] == "vla")


def test_a_plot_without_a_point_is_left_out(found: list[Standings]) -> None:
    alone = [Standings("hanoi-4", found[0].members[1:])]
    assert set(draw(found)) == {"success", "joules", "phases"}
    assert set(draw(alone)) == {"success", "phases"}
    assert all("vla" in svg for svg in draw(alone).values())
