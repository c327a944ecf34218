"""How planning and episodes end."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from nsctl.errors import InvalidValue
from nsctl.outcomes import EpisodeOutcome, EpisodeStatus, ProvenUnsolvable, Solved, TimedOut, Unsupported
from nsctl.symbolic import Plan


@pytest.mark.parametrize("status", ["failed", "timed_out", "errored"])
def test_an_episode_that_did_not_succeed_must_say_why(status: EpisodeStatus) -> None:
    with pytest.raises(InvalidValue, match=f"^an episode that {status} must say why: reason is empty$"):
        EpisodeOutcome(status)
    assert EpisodeOutcome(status, "dropped the disc").reason == "dropped the disc"


def test_success_needs_no_reason() -> None:
    assert EpisodeOutcome("succeeded").reason == ""


def test_no_ending_of_planning_passes_for_another() -> None:
    endings = [
        Solved(Plan(), True, 0, "clingo", 0.1),
        ProvenUnsolvable("no plan of any length", "clingo", 0.1),
        TimedOut(None, 0, "clingo", 0.1),
        Unsupported("axioms", "clingo"),
    ]
    names = []
    for ending in endings:
        match ending:
            case Solved():
                names.append("solved")
            case ProvenUnsolvable():
                names.append("unsolvable")
            case TimedOut():
                names.append("timed out")
            case Unsupported():
                names.append("unsupported")
    assert names == ["solved", "unsolvable", "timed out", "unsupported"]
    assert len(set(map(repr, endings))) == 4


def test_outcomes_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        EpisodeOutcome("succeeded").status = "failed"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        TimedOut(None, 0, "clingo", 0.1).bound = 3  # type: ignore[misc]


def test_an_episode_ends_in_a_known_way() -> None:
    with pytest.raises(InvalidValue, match="an episode ends succeeded, failed, timed_out, errored, not 'suceeded'"):
        EpisodeOutcome("suceeded")  # type: ignore[arg-type]
