"""What an agent was given is what its parts say, and nothing is guessed."""

from __future__ import annotations

import pytest
from samples import make_run

from nsctl import registry
from nsctl.ledger import ITEMS, NONE, NOTHING, entries, ledger, of_planner

TRAINED = {"sha256": "aa", "training": {"demonstrations": 800, "expert_queries": 600}}
BY_HAND = {"kind": "scripted"}


def test_lessons_are_summed_over_weights_and_those_that_are_shared_counted_once() -> None:
    other = {"sha256": "bb", "training": {"demonstrations": 5, "expert_queries": 0}}
    told = of_planner(
        ["proprio", "objects"], "a:B", {"pick": TRAINED, "stack": TRAINED, "place": other, "clear": BY_HAND}
    )
    assert (told["demonstrations"], told["expert_queries"]) == (805, 600)
    assert told["control"] == "learnt: pick, stack, place; by hand: clear"


@pytest.mark.parametrize("training", [None, {}, {"demonstrations": None}, {"demonstrations": True}, "many"])
def test_one_training_that_does_not_say_leaves_the_sum_unknown(training: object) -> None:
    told = of_planner([], "a:B", {"pick": TRAINED, "place": {"sha256": "bb", "training": training}})
    assert told["demonstrations"] is None
    assert entries({"knowledge": told})["demonstrations"] == ""


def test_what_is_read_is_what_is_told() -> None:
    seeing = of_planner(["proprio", "images"], "a:B", {})
    assert (seeing["poses"], seeing["cameras"]) == (NONE, "channel images")
    tracked = of_planner(["proprio", "objects"], "a:B", {})
    assert (tracked["poses"], tracked["cameras"]) == ("channel objects", NONE)


def test_an_agent_that_says_nothing_has_a_ledger_of_unknowns() -> None:
    for told in ({}, {"knowledge": "everything"}):
        assert entries(told) == dict.fromkeys(ITEMS, "")


def test_the_class_of_the_poses_is_that_of_the_record() -> None:
    told = {"knowledge": of_planner(["objects"], "a:B", {"pick": BY_HAND})}
    assert ledger(make_run(agent=told, privilege="sim_truth"))["poses"] == "channel objects (sim_truth)"
    assert ledger(make_run(agent={"knowledge": dict(NOTHING)}))["poses"] == NONE


@pytest.mark.parametrize("name", ["nesy", "nesy-fp4", "nesy-open-loop", "scripted", "random"])
def test_our_agents_say_of_every_item_what_they_were_given(name: str) -> None:
    told = entries(registry.load("agents", name)().describe())
    assert "" not in told.values(), told


def test_a_scripted_agent_was_shown_nothing_and_a_random_one_given_nothing() -> None:
    scripted = entries(registry.load("agents", "scripted")().describe())
    assert (scripted["demonstrations"], scripted["expert_queries"]) == (NONE, NONE)
    assert scripted["domain"] != NONE
    assert entries(registry.load("agents", "random")().describe()) == NOTHING
