"""A move is one legal step of the towers, and every legal step can come."""

from __future__ import annotations

import numpy as np
import pytest

from envs.tasks.move import Move, MoveSuite
from nsctl.errors import UnknownName


@pytest.mark.parametrize("episode", range(30))
def test_exactly_one_disc_changes_place_and_legally(episode: int) -> None:
    task = Move("move", (1, 2, 3))
    start = task.sample(np.random.default_rng(episode)).poses
    assert not task.achieved(start)
    _, disc, _, source, _, goal = task.phrasings[0].rstrip(".").split()
    assert abs(start[disc].position[1] - start[source].position[1]) < 0.01
    (support,) = (g.atom.arguments[1] for g in task.goal if g.atom.arguments[0] == disc)
    assert support == goal or int(support[-1]) > int(disc[-1])


def test_every_disc_moves_sooner_or_later() -> None:
    task, moved = Move("move", (1, 2, 3)), set()
    for episode in range(60):
        task.sample(np.random.default_rng(episode))
        moved.add(task.phrasings[0].split()[1])
    assert moved == {"disc1", "disc2", "disc3"}


def test_sizes_come_from_the_name() -> None:
    assert MoveSuite().task("move-256").discs == ("disc2", "disc5", "disc6")  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["move-7", "move-11", "move-", "mov", "move-1234"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownName, match="no task is called"):
        MoveSuite().task(name)
