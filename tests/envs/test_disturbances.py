"""Each disturbed episode is disturbed once, as its record says."""

from __future__ import annotations

import numpy as np
import pytest

from envs.tasks.hanoi import HanoiSuite
from envs.world import TableWorld
from nsctl.contracts import SuiteOptions


@pytest.fixture(scope="module")
def struck() -> list[tuple[dict[str, object], float]]:
    """For twelve episodes what was recorded, and how far the named body went within a second."""
    suite = HanoiSuite()
    world: TableWorld = suite.world(suite.task("hanoi-2"), SuiteOptions(disturb=True))
    found = []
    for episode in range(12):
        world.reset(11, episode)
        still = np.array([0, 0, 0, 0, 0, 0, -1], dtype=np.float32)
        while not world.disturbances:
            before = world.truth()
            world.step(still)
        for _ in range(20):
            world.step(still)
        (event,) = world.disturbances
        moved = world.truth()[str(event["body"])].position - before[str(event["body"])].position
        found.append((dict(event), float(np.linalg.norm(moved))))
    world.close()
    return found


def test_both_kinds_occur(struck: list[tuple[dict[str, object], float]]) -> None:
    assert {event["kind"] for event, _ in struck} == {"push", "snatch"}
    assert {event["onto"] for event, _ in struck if event["kind"] == "snatch"} > {"table"}


def test_the_named_body_really_moves(struck: list[tuple[dict[str, object], float]]) -> None:
    for event, distance in struck:
        assert distance > (0.01 if event["kind"] == "push" else 0.05), event


def test_only_the_top_of_a_tower_is_touched(struck: list[tuple[dict[str, object], float]]) -> None:
    assert {event["body"] for event, _ in struck} == {"disc1"}


def test_the_moment_is_drawn_and_early_enough(struck: list[tuple[dict[str, object], float]]) -> None:
    steps = [int(str(event["step"])) for event, _ in struck]
    assert len(set(steps)) > 6
    assert min(steps) >= 20
    assert max(steps) < 0.3 * 3 * 180
