"""Timelines: which episodes are chosen, and what is said of them."""

from __future__ import annotations

from typing import Any

from planted_records import episode

from energy.board.timelines import chosen, timelines
from nsctl.records import EpisodeRecord, OutcomeRecord


def told(index: int, won: bool, reason: str = "", **fields: Any) -> EpisodeRecord:
    outcome = OutcomeRecord(status="succeeded" if won else "failed", reason=reason)
    return episode("r", "t", index, won, 1.0).model_copy(update={"outcome": outcome, **fields})


def test_failures_of_each_kind_and_the_most_eventful_success_are_chosen() -> None:
    plain = [told(i, True, replans=0, retries=0, disturbances=()) for i in range(10)]
    failures = [told(10, False, "slipped"), told(11, False, "slipped"), told(12, False, "lost")]
    eventful = told(13, True, replans=9)
    assert [e.index for e in chosen([*plain, *failures, eventful], 4)] == [0, 10, 12, 13]
    assert [e.index for e in chosen([*plain, *failures, eventful], 1)] == [10]
    assert [e.index for e in chosen(plain[:1], 4)] == [0]


def test_a_timeline_says_in_words_what_it_shows() -> None:
    page = timelines([told(0, False, "gave up")])
    for words in ("Episode 0", "failed", "gave up", "80 control steps", "plan of 2 steps", "1 replan", "1 retry"):
        assert words in page
    assert page.count('class="failed"') == 1
    assert "place(a, c) failed: it slipped" in page
    assert "step 40: push a" in page
    assert "--at:50.0%" in page
    assert "--n:30" in page
    assert "10 control steps: no skill at work" in page


def test_an_episode_without_skills_still_has_a_bar() -> None:
    assert "no skills" in timelines([told(0, True, skills=(), disturbances=())])


def test_skills_in_a_strangers_words_are_shown_as_they_are() -> None:
    page = timelines(
        [
            told(
                0,
                True,
                skills=(
                    {"what": 1},
                    {"step": 5, "steps": "many", "status": None},
                ),
            )
        ]
    )
    assert "?" in page
    assert "--n:1" in page
