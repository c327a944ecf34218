"""The motors' work in PyBullet, from two readings a control step, against readings of every substep."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from envs.engine import MAX_OPENING
from envs.mujoco.engine import MujocoEngine
from envs.pybullet.engine import PERIOD, SUBSTEPS, TIMESTEP, PyBulletEngine
from envs.work import WorkSum
from nsctl import tasks
from nsctl.scene import Pose

TASK = tasks.find("hanoi-3")
POSES = TASK.sample(np.random.default_rng(0)).poses


class EverySubstep(PyBulletEngine):
    """Asks for torque and velocity after each substep: the slow, plain way."""

    plain = WorkSum()

    def control(self, target: Pose, opening: float) -> None:
        start, self._targets = self._targets, self._kinematics.solve(self._targets, target)
        self._arm.drive(start, self._targets, opening)
        before = self._velocity_and_torque()[0]
        for _ in range(SUBSTEPS):
            self._step(1)
            velocity, torque = self._velocity_and_torque()
            self.plain.add(torque, (before + velocity) / 2, TIMESTEP)
            before = velocity
        self._client.setTimeStep(PERIOD)
        self._arm.look_again()

    def _velocity_and_torque(self) -> np.ndarray:  # type: ignore[type-arg]
        return np.array([(state[1], state[3]) for state in self._arm.joint_states()]).T


@pytest.fixture
def engines() -> Iterator[list[PyBulletEngine]]:
    made = [PyBulletEngine(TASK.bodies), EverySubstep(TASK.bodies)]
    for engine in made:
        engine.reset(POSES)
    yield made
    for engine in made:
        engine.close()


def swing(engine: PyBulletEngine | MujocoEngine, start: Pose, steps: int) -> None:
    for step in range(steps):
        t = 0.1 * step
        shift = np.array([0.1 * np.sin(t), 0.15 * np.sin(0.7 * t), 0.1 * np.cos(t) - 0.1])
        engine.control(Pose(start.position + shift, start.quaternion), MAX_OPENING / 2)


def test_two_readings_a_step_tell_as_much_as_twelve(engines: list[PyBulletEngine]) -> None:
    quick, slow = engines
    assert isinstance(slow, EverySubstep)
    slow.plain = WorkSum()
    start = slow.tcp
    for engine in engines:
        swing(engine, start, 100)
    assert np.array_equal(quick.numbers(), slow.numbers()), "how a step is cut changes nothing"
    done, plain = quick.work.model_dump(), slow.plain.total.model_dump()
    assert plain["absolute"] > 30.0
    for name, value in plain.items():
        scale = value if name == "torque_squared" else plain["absolute"]
        assert abs(done[name] - value) < 0.01 * scale, name


def test_a_held_arm_bears_gravity_and_does_no_work(engines: list[PyBulletEngine]) -> None:
    engine = engines[0]
    start = engine.tcp
    for _ in range(20):
        engine.control(start, MAX_OPENING / 2)
    engine.forget_work()
    for _ in range(20):
        engine.control(start, MAX_OPENING / 2)
    assert engine.work.absolute < 0.05
    assert engine.work.torque_squared > 100.0


def test_both_engines_agree_on_the_same_motion(engines: list[PyBulletEngine]) -> None:
    bullet, mujoco = engines[0], MujocoEngine(TASK.bodies)
    mujoco.reset(POSES)
    start = mujoco.tcp
    for engine in (bullet, mujoco):
        for _ in range(10):
            engine.control(start, MAX_OPENING / 2)
        engine.forget_work()
        swing(engine, start, 100)
    mine, other = bullet.work, mujoco.work
    assert mine.absolute == pytest.approx(other.absolute, rel=0.1)
    assert mine.torque_squared == pytest.approx(other.torque_squared, rel=0.1)


def test_a_restored_state_goes_on_and_reset_forgets(engines: list[PyBulletEngine]) -> None:
    engine = engines[0]
    start = engine.tcp
    saved = engine.save()
    swing(engine, start, 10)
    first, there = engine.work, engine.joints
    engine.restore(saved)
    assert not np.array_equal(engine.joints, there), "what was read before is not taken for the present"
    swing(engine, start, 10)
    assert np.array_equal(engine.joints, there)
    assert engine.work.absolute == pytest.approx(2 * first.absolute, rel=1e-3)
    engine.reset(POSES)
    assert engine.work.absolute == 0.0


def test_asking_midway_changes_nothing(engines: list[PyBulletEngine]) -> None:
    asked, left = engines[0], PyBulletEngine(TASK.bodies)
    left.reset(POSES)
    start = asked.tcp
    for step in range(40):
        t = 0.1 * step
        target = Pose(start.position + np.array([0.1 * np.sin(t), 0.1 * np.sin(0.7 * t), 0.0]), start.quaternion)
        asked.control(target, MAX_OPENING / 2)
        left.control(target, MAX_OPENING / 2)
        if step % 7 == 0:
            _ = asked.work
    assert asked.work.model_dump() == pytest.approx(left.work.model_dump(), rel=1e-12)
    left.close()
