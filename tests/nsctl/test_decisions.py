"""What a policy was asked, kept and asked again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from nsctl import registry, tasks
from nsctl.agents.random import RandomAgent
from nsctl.contracts import SuiteOptions, World
from nsctl.decisions import Bout, recording, splits
from nsctl.episode import Episode, play
from nsctl.phases import NoClock


@pytest.fixture
def world() -> World:
    return tasks.suite_of("hanoi-1").world(tasks.find("hanoi-1"), SuiteOptions())


def noted(agent: Any, world: World, *, split: bool) -> tuple[Episode, list[Bout]]:
    bouts: list[Bout] = []
    return play(world, recording(agent, bouts, split=split), NoClock(), 0, 0), bouts


def test_the_skills_of_an_agent_that_shows_them_are_asked_apart(world: World) -> None:
    agent = registry.load("agents", "scripted")()
    assert splits(agent)
    episode, bouts = noted(agent, world, split=True)
    assert episode.outcome.status == "succeeded"
    assert [len(bout.inputs) for bout in bouts] == [step["steps"] for step in episode.report.steps]
    assert [bout.repeats() for bout in bouts] == [len(bout.inputs) for bout in bouts]


@pytest.mark.parametrize("name", ["scripted", "random"])
def test_any_agent_is_asked_as_a_whole_from_its_reset_on(name: str, world: World) -> None:
    episode, (bout,) = noted(registry.load("agents", name)(), world, split=False)
    assert len(bout.inputs) == episode.steps + (name == "scripted")  # the last answer is that it is done
    assert bout.repeats() == len(bout.inputs)
    assert bout.play() == len(bout.inputs)


def test_noting_changes_nothing_of_the_episode(world: World) -> None:
    plain = play(world, registry.load("agents", "scripted")(), NoClock(), 0, 0)
    final = world.state_hash()
    for split in (True, False):
        episode, _ = noted(registry.load("agents", "scripted")(), world, split=split)
        assert (episode.report, episode.steps, world.state_hash()) == (plain.report, plain.steps, final)


class Forgetful(RandomAgent):
    """Its answers depend on more than what it is asked since its reset."""

    def reset(self, *_: Any) -> None:
        self._clock = None


def test_answers_that_depend_on_more_than_the_inputs_are_counted(world: World) -> None:
    _, (bout,) = noted(Forgetful(), world, split=False)
    assert bout.repeats() == 0


def test_an_agent_without_skills_cannot_be_split() -> None:
    assert not splits(RandomAgent())


def test_a_noted_skill_is_still_the_skill(world: World) -> None:
    agent = registry.load("agents", "scripted")()
    before: Mapping[str, Any] = agent.describe()
    recording(agent, [], split=True)
    assert agent.describe() == before
    assert np.array_equal(sorted(agent.skills), sorted(before["skills"]))
