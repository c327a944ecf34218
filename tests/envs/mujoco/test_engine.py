"""The engine's state can be saved, restored and replayed; its pictures show something."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from envs.mujoco.engine import MujocoEngine
from envs.mujoco.kinematics import ArmKinematics
from envs.mujoco.panda import HOME
from nsctl.errors import InvalidValue
from nsctl.geometry import from_rotation_vector, multiply
from nsctl.scene import Body, Pose

BODIES = (
    Body("cube", "disc", (0.02, 0.02, 0.02), (0.9, 0.2, 0.2)),
    Body("mark", "peg", (0.04, 0.04, 0.0005), movable=False),
)
POSES = {"cube": Pose([0.5, 0.0, 0.02]), "mark": Pose([0.5, 0.1, 0.0005])}


@pytest.fixture(scope="module")
def engine() -> Iterator[MujocoEngine]:
    made = MujocoEngine(BODIES, ("front", "side", "wrist"), video=True)
    yield made
    made.close()


def drive(engine: MujocoEngine, steps: int) -> bytes:
    start = engine.tcp
    for i in range(steps):
        way = np.array([0.0, 0.1 * np.sin(i / 3), -0.02 * i])
        engine.control(Pose(start.position + way, start.quaternion), 0.08 * (i % 2))
    return engine.save().tobytes()


def test_a_restored_state_goes_on_exactly_as_it_would_have(engine: MujocoEngine) -> None:
    engine.reset(POSES)
    drive(engine, 5)
    saved, target = engine.save(), engine.tcp
    ends = []
    for _ in range(2):
        engine.restore(saved)
        assert np.array_equal(engine.save(), saved)
        for _ in range(10):
            engine.control(target, 0.0)
        ends.append(engine.save().tobytes())
    assert ends[0] == ends[1]


def test_a_state_of_another_scene_is_refused(engine: MujocoEngine) -> None:
    with pytest.raises(InvalidValue, match="a state of this scene has"):
        engine.restore(np.zeros(3))


def test_reset_forgets_everything(engine: MujocoEngine) -> None:
    ends = []
    for _ in range(2):
        engine.reset(POSES)
        ends.append(drive(engine, 8))
    assert ends[0] == ends[1]


def test_a_cube_at_rest_stays_where_it_is(engine: MujocoEngine) -> None:
    engine.reset(POSES)
    for _ in range(40):
        engine.control(engine.tcp, 0.08)
    np.testing.assert_allclose(engine.poses()["cube"].position, [0.5, 0.0, 0.02], atol=5e-4)


def test_places_are_marks_without_contact(engine: MujocoEngine) -> None:
    with pytest.raises(InvalidValue, match="'mark' cannot be moved; these can: cube"):
        engine.place("mark", POSES["cube"])


def test_a_pushed_cube_slides(engine: MujocoEngine) -> None:
    engine.reset(POSES)
    engine.push("cube", [0.0, 0.8, 0.0])
    for _ in range(15):
        engine.control(engine.tcp, 0.08)
    assert 0.015 < engine.poses()["cube"].position[1] < 0.06


@pytest.mark.parametrize("camera", ["front", "side", "wrist"])
def test_policy_cameras_show_the_cube(engine: MujocoEngine, camera: str) -> None:
    engine.reset(POSES)
    picture = engine.render(camera)
    red = picture[..., 0].astype(int) - picture[..., 1] > 80
    assert picture.shape == (128, 128, 3)
    assert red.sum() >= 12


def test_a_camera_that_was_not_asked_for_is_refused(engine: MujocoEngine) -> None:
    with pytest.raises(InvalidValue, match="camera 'top' was not asked for; this world has: front, side, wrist"):
        engine.render("top")


def test_filming_changes_no_physics(engine: MujocoEngine) -> None:
    ends = []
    for film in (False, True):
        engine.reset(POSES)
        drive(engine, 4)
        if film:
            picture = engine.film()
            assert picture.std() > 20
        ends.append(drive(engine, 4))
    assert ends[0] == ends[1]


def test_film_is_refused_where_it_was_not_asked_for() -> None:
    plain = MujocoEngine(BODIES)
    with pytest.raises(InvalidValue, match="made without video"):
        plain.film()
    plain.close()


def test_inverse_kinematics_reaches_what_it_is_asked_for(engine: MujocoEngine) -> None:
    arm, rng = ArmKinematics(), np.random.default_rng(0)
    engine.reset(POSES)
    down = engine.tcp.quaternion
    for _ in range(20):
        turn = from_rotation_vector(np.array([0.0, 0.0, rng.uniform(-1.2, 1.2)]))
        target = Pose(rng.uniform([0.35, -0.3, 0.02], [0.62, 0.3, 0.4]), multiply(turn, down))
        joints = arm.solve(np.array(HOME), target, iterations=30)
        error, _ = arm._linearise(joints, target)
        assert np.abs(error).max() < 5e-4
