"""Where the open hand has room."""

from __future__ import annotations

import numpy as np
import pytest

from nsctl.geometry import QUARTER, from_yaw, mounted, slid
from nsctl.scene import Body, Box, Mount, ObjectEstimate, Pose, Proprioception, SceneEstimate
from policies.skills.room import TABLE_GRID, best_heading, free_spot, obstacles

DOWN = np.array([0.0, 1.0, 0.0, 0.0])
BLOCK = Body("block", "block", (0.02, 0.02, 0.02))
TALL = Body("tall", "block", (0.02, 0.02, 0.06))
WALL = Body("wall", "bay", (0.1, 0.01, 0.04), movable=False, boxes=(Box((0.1, 0.01, 0.04)),))
MARK = Body("mark", "place", (0.1, 0.1, 0.0005), movable=False)


def scene(**things: tuple[Body, tuple[float, float, float]]) -> SceneEstimate:
    hand = Pose([0.4, 0.0, 0.4], DOWN)
    objects = {name: ObjectEstimate(body, Pose(at), 0.001, "estimated") for name, (body, at) in things.items()}
    return SceneEstimate(Proprioception(np.zeros(7), hand, hand, 0.08, -1.0), objects)


def heading(**others: tuple[Body, tuple[float, float, float]]) -> float:
    seen = scene(block=(BLOCK, (0.5, 0.0, 0.02)), **others)
    return best_heading(seen, "block", seen["block"].pose.position, 0.0, 0.0)


def test_alone_the_hand_stays_as_it_is() -> None:
    assert heading() == 0.0


@pytest.mark.parametrize("turn", [1, -1])
def test_a_neighbour_in_the_fingers_way_turns_the_hand(turn: int) -> None:
    assert abs(heading(other=(BLOCK, (0.5, turn * 0.06, 0.02)))) == pytest.approx(QUARTER)


def test_a_neighbour_beside_the_fingers_does_not() -> None:
    assert heading(other=(BLOCK, (0.57, 0.0, 0.02))) == 0.0


def test_a_wall_of_a_fixture_counts() -> None:
    assert abs(heading(wall=(WALL, (0.5, 0.05, 0.04)))) == pytest.approx(QUARTER)


def test_the_palm_needs_room_only_beside_what_is_tall() -> None:
    assert heading(other=(BLOCK, (0.5, 0.1, 0.02))) == 0.0
    assert abs(heading(tall=(TALL, (0.5, 0.1, 0.06)))) == pytest.approx(QUARTER)


def test_what_lies_deeper_than_the_fingers_reach_is_no_obstacle() -> None:
    raised = scene(block=(BLOCK, (0.5, 0.0, 0.06)), other=(BLOCK, (0.5, 0.06, 0.02)))
    assert best_heading(raised, "block", raised["block"].pose.position, 0.0, 0.0) == 0.0


def test_obstacles_are_solid_and_not_the_target() -> None:
    seen = scene(block=(BLOCK, (0.5, 0, 0.02)), wall=(WALL, (0.6, 0, 0.04)), mark=(MARK, (0.4, 0, 0)))
    assert [thing.fixture for thing in obstacles(seen, "block")] == [True]


@pytest.mark.parametrize("seed", range(5))
def test_a_free_spot_keeps_clear_of_everything(seed: int) -> None:
    rng = np.random.default_rng(seed)
    others = {f"b{i}": (BLOCK, (*rng.uniform([0.36, -0.2], [0.62, 0.2]), 0.02)) for i in range(3)}
    seen = scene(block=(BLOCK, (0.5, 0.0, 0.3)), mark=(MARK, (0.4, -0.15, 0.0)), **others)
    spot = free_spot(seen, "block")
    assert all(np.abs(spot - at[:2]).max() > 0.06 for _, at in others.values())
    assert np.abs(spot - np.array([0.4, -0.15])).max() > 0.1 + 0.02


def test_a_crowded_table_still_gives_a_spot() -> None:
    crowd = {f"b{i}": (BLOCK, (*at, 0.02)) for i, at in enumerate(TABLE_GRID)}
    spot = free_spot(scene(block=(BLOCK, (0.5, 0.0, 0.3)), **crowd), "block")
    assert any(np.array_equal(spot, at) for at in TABLE_GRID)


@pytest.mark.parametrize("yaw", [0.0, 0.4, np.pi])
def test_a_mounted_body_slides_out_along_its_parents_axis(yaw: float) -> None:
    mount, parent = Mount("cabinet", (0.01, 0.02, -0.03), travel=0.2), Pose([0.6, 0.1, 0.05], from_yaw(yaw))
    closed, opened = mounted(mount, parent), mounted(mount, parent, 0.15)
    assert slid(mount, parent, closed) == pytest.approx(0.0, abs=1e-12)
    assert slid(mount, parent, opened) == pytest.approx(0.15)
    np.testing.assert_allclose(
        opened.position - closed.position, [0.15 * np.cos(yaw), 0.15 * np.sin(yaw), 0], atol=1e-12
    )
