"""What a run came to."""

from __future__ import annotations

import pytest
from samples import make_episode

from nsctl.records import FigureRecord, OutcomeRecord
from nsctl.statistics import wilson
from nsctl.summary import summarise

WON = {
    "outcome": OutcomeRecord(status="succeeded", reason=""),
    "success_once": True,
    "success_at_end": True,
    "plan_length": 4,
    "steps": 20,
    "replans": 2,
    "retries": 1,
}


def test_counts_means_and_medians() -> None:
    push = ({"kind": "push"},)
    summary = summarise(
        [
            make_episode(0, **WON, disturbances=push),
            make_episode(1, **{**WON, "plan_length": 7, "steps": 40}),
            make_episode(2, success_once=True, disturbances=push),
            make_episode(3, outcome=OutcomeRecord(status="errored", reason="boom")),
        ]
    )
    assert (summary.success_once, summary.success_at_end, summary.episodes) == (3, 2, 4)
    assert summary.interval == wilson(2, 4)
    assert summary.interval_once == wilson(3, 4)
    assert summary.plan_length == 5.5
    assert summary.steps == 15
    assert summary.seconds == 6.0
    assert (summary.replans, summary.retries) == (4, 2)
    assert (summary.disturbed, summary.errors) == (2, 1)
    assert summary.reasons == {"gave up": 1, "boom": 1}


def test_only_an_episode_that_made_the_agent_react_counts_as_recovered() -> None:
    push = ({"kind": "push"},)
    summary = summarise(
        [
            make_episode(0, **WON, disturbances=push),
            make_episode(1, **{**WON, "replans": 0, "retries": 0}, disturbances=push),  # pushed what did not matter
            make_episode(2, retries=1, disturbances=push),
            make_episode(3, replans=1, disturbances=push),
            make_episode(4, **WON),
        ]
    )
    assert (summary.disturbed, summary.disturbed_replanned, summary.disturbed_replanned_success) == (4, 3, 1)
    assert summary.disturbed_as_planned == 1
    assert summary.interval_recovered == wilson(1, 3)


def test_joules_per_success_are_the_agent_s_and_count_failures() -> None:
    passing = make_episode(3, success_once=True)  # at some moment, and not at the end
    summary = summarise([make_episode(0, **WON), make_episode(1), make_episode(2, **WON), passing])
    assert summary.joules_per_success == pytest.approx(12.0 / 2)
    assert summary.joules["agent"].value == pytest.approx(3.0)
    assert summary.joules["total"].value == pytest.approx(6.0)


def test_a_mean_has_the_weakest_label_and_a_missing_part_is_missing() -> None:
    weak = FigureRecord(value=5.0, label="attributed", source="rapl")
    lost = FigureRecord(value=None, label="unavailable", source="none")
    plain = make_episode(0, **WON)
    other = make_episode(1, joules={**plain.joules, "plan": weak, "policy": lost, "agent": lost})
    summary = summarise([plain, other])
    assert summary.joules["plan"] == FigureRecord(value=3.0, label="attributed", source="rapl")
    assert summary.joules["policy"].value is None
    assert summary.joules["perceive"].label == "measured"
    assert summary.joules_per_success is None


def test_nothing_played_is_nothing_known() -> None:
    summary = summarise([])
    assert (summary.episodes, summary.interval) == (0, (0.0, 1.0))
    assert summary.seconds is summary.steps is summary.plan_length is summary.joules_per_success is None
    assert summary.joules["total"].value is None
