"""An agent is shown what it asks for: pictures, poses, or neither."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from samples import Install

from nsctl.contracts import Sight, SuiteOptions
from nsctl.errors import InvalidValue
from nsctl.evaluation import RunOptions, evaluate, resume
from nsctl.player import Player, shown_to
from nsctl.run_config import RunConfig
from nsctl.tasks import find, suite_of

WATCHER = """
from nsctl.agents.random import RandomAgent
from nsctl.contracts import Sight

class Watcher(RandomAgent):
    "Acts at random and checks what it is shown."
    name, sight = "watcher", Sight(("wrist",), objects=False)
    def __init__(self, mood="calm"):
        super().__init__()
        self.mood = mood
    def act(self, observation):
        assert list(observation.images) == ["wrist"] and observation.objects is None
        assert dict(observation.channels) == {"proprio": "estimated", "images": "pixels"}
        return super().act(observation) if self.mood != "tired" else None
"""


@pytest.fixture(autouse=True)
def watcher(install: Install) -> None:
    install("binoculars", WATCHER, {"agents:watcher": "binoculars:Watcher"})


class Seer:
    def __init__(self, sight: Sight | None) -> None:
        if sight is not None:
            self.sight = sight


@pytest.mark.parametrize(
    ("sight", "cameras", "objects"),
    [
        (None, ("front",), True),
        (Sight(), ("front",), True),
        (Sight(("side", "front")), ("front", "side"), True),
        (Sight(("wrist",), objects=False), ("front", "wrist"), False),
    ],
)
def test_the_world_shows_what_was_asked_for_by_either(sight: Sight | None, cameras: object, objects: bool) -> None:
    shown = shown_to(Seer(sight), SuiteOptions(cameras=("front",)))  # type: ignore[arg-type]
    assert (shown.cameras, shown.objects) == (cameras, objects)


def test_pictures_come_as_often_as_they_are_asked_for() -> None:
    for sight, options, every in (
        (Sight(("wrist",), every=3), SuiteOptions(), 3),
        (Sight(("wrist",), every=3), SuiteOptions(cameras=("front",)), 1),  # another looks at every step
        (Sight(("wrist",), every=6), SuiteOptions(cameras=("front",), pictures_every=4), 2),
        (Sight(), SuiteOptions(cameras=("front",)), 1),
    ):
        shown = shown_to(Seer(sight), options)  # type: ignore[arg-type]
        assert shown.pictures_every == every
        world = suite_of("hanoi-1").world(find("hanoi-1"), shown)
        for _ in range(2):  # the first observation of every episode has them
            seen = [world.reset(0, 0), *(world.step(np.zeros(7, np.float32)) for _ in range(6))]
            assert [o.images is not None for o in seen] == [n % every == 0 for n in range(7)]
        world.close()
    with pytest.raises(InvalidValue, match="pictures_every must be >= 1, got 0"):
        SuiteOptions(pictures_every=0)
    with pytest.raises(InvalidValue, match="every >= 1, got 0"):
        Sight(every=0)


def test_an_agent_of_pictures_alone_is_recorded_as_one(tmp_path: Path) -> None:
    done = evaluate(RunConfig("hanoi-1", "watcher:tired", episodes=1), tmp_path, RunOptions(carbon=False))
    assert done.run.privilege == "pixels"
    assert done.summary.errors == 0
    assert done.run.config.agent == "watcher:tired"
    assert done.folder.name.split("-")[-2] == "watcher"
    assert resume(done.folder).summary.episodes == 1


def test_poses_that_are_not_shown_change_nothing_else() -> None:
    hashes = set()
    for agent in ("watcher", "random"):
        player = Player(RunConfig("hanoi-1", agent, episodes=1))
        record = player(0)
        assert record.outcome.status != "errored", record.outcome.reason
        hashes.add((record.initial_hash, record.final_hash))
        player.close()
    assert len(hashes) == 1
