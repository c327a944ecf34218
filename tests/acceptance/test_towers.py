"""What the README promises, on a few episodes here and on a hundred with ``pytest -m slow``."""

from __future__ import annotations

import pytest

from nsctl import registry, tasks
from nsctl.contracts import SuiteOptions
from nsctl.disturbance import Disturbance
from nsctl.episode import Episode, play
from nsctl.phases import EpisodeClock

PROMISES = [("hanoi-3", False, 97), ("hanoi-4", False, 90), ("hanoi-3", True, 85)]


def episodes(task: str, disturb: bool, count: int, agent: str = "nesy") -> list[Episode]:
    world = tasks.suite_of(task).world(
        tasks.find(task), SuiteOptions(disturb=(Disturbance("hand"),) if disturb else ())
    )
    player = registry.load("agents", agent)()
    played = [play(world, player, EpisodeClock(), 1000, number) for number in range(count)]
    world.close()
    return played


@pytest.mark.parametrize(("task", "disturb", "count", "least"), [("hanoi-3", False, 5, 5), ("hanoi-3", True, 6, 5)])
def test_towers_are_solved(task: str, disturb: bool, count: int, least: int) -> None:
    played = episodes(task, disturb, count)
    assert sum(e.outcome.status == "succeeded" for e in played) >= least, [e.outcome for e in played]


def test_an_untrained_tower_of_four_is_solved() -> None:
    (episode,) = episodes("hanoi-4", disturb=False, count=1)
    assert episode.outcome.status == "succeeded", episode.outcome
    assert episode.report.plan_length == 30


def test_a_random_agent_never_solves_anything() -> None:
    (episode,) = episodes("hanoi-1", disturb=False, count=1, agent="random")
    assert episode.outcome.status == "timed_out"


@pytest.mark.slow
@pytest.mark.parametrize(("task", "disturb", "least"), PROMISES)
def test_a_hundred_towers(task: str, disturb: bool, least: int) -> None:
    played = episodes(task, disturb, 100)
    assert sum(e.outcome.status == "succeeded" for e in played) >= least, [e.outcome for e in played]
