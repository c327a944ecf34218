"""What is MuJoCo's own in its engine: pictures, films and kinematics. The contract is tested over every engine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from envs.mujoco.engine import MujocoEngine
from envs.mujoco.kinematics import ArmKinematics
from envs.panda import HOME
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
    return engine.numbers().tobytes()


def test_a_state_of_another_scene_is_refused(engine: MujocoEngine) -> None:
    other = MujocoEngine(BODIES[1:])
    with pytest.raises(InvalidValue, match="a state of this scene has"):
        engine.restore(other.save())
    other.close()


@pytest.mark.parametrize("camera", ["front", "side", "wrist"])
def test_policy_cameras_show_the_cube(engine: MujocoEngine, camera: str) -> None:
    engine.reset(POSES)
    picture = engine.render(camera)
    red = picture[..., 0].astype(int) - picture[..., 1] > 80
    assert picture.shape == (128, 128, 3)
    assert red.sum() >= 12


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
