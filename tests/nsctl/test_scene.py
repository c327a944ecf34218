"""Poses, bodies, scene estimates and actions."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsctl.errors import InvalidValue, UnknownName
from nsctl.scene import (
    ACTION_SIZE,
    MAX_ROTATION,
    MAX_TRANSLATION,
    Body,
    Mount,
    ObjectEstimate,
    Pose,
    Proprioception,
    SceneEstimate,
    make_action,
    require_scene,
    vector,
)

METRES = st.floats(-1.0, 1.0).filter(lambda x: x == 0 or abs(x) > 1e-9)


def scene(*names: str) -> SceneEstimate:
    pose = Pose(np.zeros(3))
    proprio = Proprioception(np.zeros(7), pose, pose, 0.08, -1.0)
    body = Body("disc1", "disc", (0.02, 0.02, 0.01))
    return SceneEstimate(proprio, {name: ObjectEstimate(body, pose, 0.0, "sim_truth") for name in names})


@pytest.mark.parametrize("values", [[1.0, 2.0], [1.0, 2.0, 3.0, 4.0], 1.0, [1.0, 2.0, np.nan], [1.0, np.inf, 2.0]])
def test_a_vector_of_another_shape_or_not_finite_is_refused(values: object) -> None:
    with pytest.raises(InvalidValue, match=r"^position must be 3 finite numbers, got"):
        vector(values, 3, "position")  # type: ignore[arg-type]


def test_a_vector_is_a_copy_that_cannot_be_written() -> None:
    source = np.zeros(3)
    made = vector(source, 3, "position")
    source[0] = 9.0
    assert made[0] == 0.0
    with pytest.raises(ValueError, match=r"read-only"):
        made[0] = 1.0


@pytest.mark.parametrize("quaternion", [[0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.0]])
def test_a_quaternion_that_is_no_rotation_is_refused(quaternion: list[float]) -> None:
    length = float(np.linalg.norm(quaternion))
    with pytest.raises(InvalidValue, match=f"^quaternion must have length 1, got {length:.3f}$"):
        Pose(np.zeros(3), np.array(quaternion))


def test_a_pose_is_upright_by_default_frozen_and_its_own() -> None:
    position = np.array([0.1, 0.2, 0.3])
    pose = Pose(position)
    position[0] = 9.0
    assert pose.position.tolist() == [0.1, 0.2, 0.3]
    assert pose.quaternion.tolist() == [1.0, 0.0, 0.0, 0.0]
    with pytest.raises(FrozenInstanceError):
        pose.position = position  # type: ignore[misc]
    with pytest.raises(ValueError, match=r"read-only"):
        pose.quaternion[0] = 0.0


@pytest.mark.parametrize("extents", [(0.0, 0.1, 0.1), (0.1, -0.1, 0.1), (0.1, 0.1), (0.1, 0.1, float("nan"))])
def test_a_body_without_volume_is_refused(extents: tuple[float, ...]) -> None:
    with pytest.raises(InvalidValue, match=r"^disc1: half extents must be 3 lengths > 0 m, got \("):
        Body("disc1", "disc", extents)  # type: ignore[arg-type]


def hanging(on: str) -> Body:
    return Body("drawer", "drawer", (0.1, 0.1, 0.1), movable=False, mount=Mount(on, (0, 0, 0)))


def test_a_scene_is_made_of_bodies_that_fit_together() -> None:
    disc, chest = Body("disc1", "disc", (0.02, 0.02, 0.01)), Body("chest", "chest", (0.1, 0.1, 0.1), movable=False)
    require_scene([disc, chest, hanging("chest")])
    with pytest.raises(InvalidValue, match="two things of a scene are called 'disc1': give each body"):
        require_scene([disc, chest, disc])
    with pytest.raises(InvalidValue, match="are called 'table'"):
        require_scene([Body("table", "block", (0.02, 0.02, 0.01))])
    for bodies in ([hanging("chest"), chest], [chest, hanging("chess")], [chest, disc, hanging("disc1")]):
        with pytest.raises(UnknownName, match="no fixture before 'drawer' in the list of bodies is called"):
            require_scene(bodies)


def test_an_object_of_the_scene_is_found_by_name() -> None:
    assert scene("disc1")["disc1"].source == "sim_truth"


def test_an_object_that_is_not_in_the_scene_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"^no object of the scene is called 'disc3'. Did you mean 'disc1'"):
        scene("disc1", "peg_a")["disc3"]


def test_a_full_action_is_the_largest_move() -> None:
    action = make_action([MAX_TRANSLATION, 0.0, -MAX_TRANSLATION], MAX_ROTATION, 1.0)
    assert action.dtype == np.float32
    assert action.tolist() == [1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 1.0]


def test_a_small_move_is_not_stretched() -> None:
    action = make_action([MAX_TRANSLATION / 2, 0.0, 0.0], -MAX_ROTATION / 4, 0.0)
    assert action.tolist() == [0.5, 0.0, 0.0, 0.0, 0.0, -0.25, 0.0]


@given(st.lists(METRES, min_size=3, max_size=3), st.floats(-10, 10), st.floats(-10, 10))
def test_an_action_stays_in_range_and_keeps_its_direction(move: list[float], yaw: float, gripper: float) -> None:
    action = make_action(move, yaw, gripper)
    assert action.shape == (ACTION_SIZE,)
    assert np.abs(action).max() <= 1.0
    wanted, got = np.array(move), action[:3].astype(np.float64)
    assert float(np.linalg.norm(np.cross(wanted, got))) <= 1e-6 * float(np.linalg.norm(wanted))
    assert wanted @ got >= 0
    assert bool(got.any()) == bool(wanted.any())


@pytest.mark.parametrize(
    ("move", "yaw", "gripper", "what"),
    [
        ([0.0, 0.0], 0.0, 0.0, "translation"),
        ([0.0, np.nan, 0.0], 0.0, 0.0, "translation"),
        ([0.0, 0.0, 0.0], np.nan, 0.0, "yaw and gripper"),
        ([0.0, 0.0, 0.0], 0.0, np.inf, "yaw and gripper"),
    ],
)
def test_an_action_that_means_nothing_is_refused(move: list[float], yaw: float, gripper: float, what: str) -> None:
    with pytest.raises(InvalidValue, match=f"^{what} must be . finite numbers"):
        make_action(move, yaw, gripper)


def test_a_pose_never_shares_memory_that_somebody_can_write_to() -> None:
    mine = np.zeros((2, 3))
    pose = Pose(mine[0])
    mine[:] = 7.0
    assert pose.position.tolist() == [0.0, 0.0, 0.0]
