"""Many agents side by side: each by itself, each against the first, classes apart."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from samples import make_meter, put_record

from nsctl.comparison import BreakEven
from nsctl.errors import InvalidValue
from nsctl.record_folder import StoredRun
from nsctl.standings import standings

Put = Callable[..., StoredRun]


def trained(joules: float) -> dict[str, Any]:
    """The description of an agent whose training took so much."""
    return {"training": {"joules": joules, "label": "modelled"}}


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Writes a record under the test's own folder."""
    return partial(put_record, tmp_path)


def test_each_is_held_against_the_first_over_pairs(put: Put) -> None:
    found = standings([put("one", "+" * 40 + "-" * 10, 1.0), put("two", "+" * 20 + "-" * 30, 3.0)])
    first, second = found.members
    assert (first.against, first.difference, first.name) == (None, None, "one")
    assert second.against is not None
    assert second.against.p == pytest.approx(2 / 2**20)
    assert second.difference is not None
    value, (low, high) = second.difference
    assert value == pytest.approx(-0.4)
    assert low < value < high < 0
    assert [f.times for f in second.failures] == [30]
    assert not found.provisional


def test_the_order_is_that_of_naming_and_classes_stand_apart(put: Put) -> None:
    oracle = put("two", "++", 0.5, privilege="sim_truth", config={"agent": "one"}, agent=trained(100.0))
    found = standings(
        [put("one", "-+", 9.0, agent=trained(1.0)), oracle, put("three", "-+", 1.0, agent=trained(100.0))]
    )
    assert {name: [m.name for m in members] for name, members in found.classes.items()} == {
        "tracked": ["one", "three"],
        "sim_truth": ["one@truth"],
    }
    assert found.provisional
    against = found.members[1].against
    assert against is not None
    assert "privilege class" in against.differences.unranked
    assert against.break_even is None
    ranked = found.members[2].against
    assert ranked is not None
    assert ranked.break_even == BreakEven(1, pytest.approx((100.0 - 1.0) / (18.0 - 2.0)))


def test_two_of_the_same_agent_are_told_apart_by_the_end_of_their_ids(put: Put) -> None:
    same = {"config": {"agent": "nesy", "skills": ("pick:a/b",)}}
    found = standings([put("x-01", "+", 1.0, **same), put("x-02", "+", 1.0, **same)])
    assert [m.name for m in found.members] == ["nesy+pick:a/b 01", "nesy+pick:a/b 02"]


def test_records_without_a_common_start_are_shown_and_not_compared(put: Put) -> None:
    other = put("two", "++", 1.0, config={"engine": "pybullet"})
    member = standings([put("one", "++", 1.0), other]).members[1]
    assert (member.against, member.difference) == (None, None)
    assert "differ in their engine" in member.why_not


def test_records_of_two_tasks_have_no_standings(put: Put) -> None:
    one = put("one", "+", 1.0)
    other = StoredRun(
        one.folder, one.run.model_copy(update={"config": one.run.config.model_copy(update={"task": "move"})}), ()
    )
    with pytest.raises(InvalidValue, match="standings are of one task, got records of hanoi-1, move"):
        standings([one, other])


def test_what_is_known_of_one_agent_is_its_own_whole_record(put: Put) -> None:
    """The second has played more: its own figures are of all, the difference is of the pairs."""
    found = standings(
        [
            put("one", "++++++", 1.0),
            put("two", "++++++" + "----", 2.0, meters=(make_meter("modelled", "process", "modelled"),)),
        ]
    )
    member = found.members[1]
    assert (member.side.successes, member.side.episodes) == (6, 10)
    assert member.difference is not None
    assert member.difference[0] == 0
    assert member.side.per_success.value == pytest.approx(20 / 6)
    assert member.net_per_success == pytest.approx(20 / 6)
    assert member.pairs == 6
    assert member.warnings[-1] == "the difference is over 6 pairs of one start, rates and joules over all episodes"
    assert "label of joules" not in member.unranked
    assert not found.same_starts


def test_few_pairs_are_provisional_however_many_episodes_there_are(put: Put) -> None:
    one, two = put("one", "+" * 60, 1.0), put("two", "+" * 60, 1.0)
    assert (standings([one, two]).provisional, standings([one, two]).same_starts) == (False, True)
    later = tuple(e.model_copy(update={"initial_hash": f"{int(e.initial_hash or 0) + 20}"}) for e in two.episodes)
    found = standings([one, StoredRun(two.folder, two.run, later)])
    assert (found.members[1].pairs, found.provisional, found.same_starts) == (40, True, False)


def test_another_machine_forbids_to_rank_joules_within_a_class(put: Put) -> None:
    one = put("one", "++", 1.0)
    hardware = one.run.hardware.model_copy(update={"cpu": "another processor"})
    member = standings([one, put("two", "++", 2.0, hardware=hardware)]).members[1]
    assert member.unranked == ("processor",)
    assert any(line.startswith("processor differs") for line in member.warnings)
