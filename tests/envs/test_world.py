"""A world repeats itself under a seed, tells agents apart from judges, and refuses misuse."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from envs.tasks.hanoi import HanoiSuite
from envs.world import PATIENCE, WORKSPACE, TableWorld
from nsctl.contracts import SuiteOptions
from nsctl.disturbance import KINDS, Disturbance
from nsctl.errors import EpisodeError, InvalidValue, UnknownName
from nsctl.scene import ACTION_SIZE, Action, Pose

STILL: Action = np.array([0, 0, 0, 0, 0, 0, -1], dtype=np.float32)


def make(task: str = "hanoi-2", **options: object) -> TableWorld:
    suite = HanoiSuite()
    return suite.world(suite.task(task), SuiteOptions(**options))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def world() -> Iterator[TableWorld]:
    made = make()
    yield made
    made.close()


def wiggle(world: TableWorld, steps: int, seed: int = 0) -> str:
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        world.step(rng.uniform(-1, 1, ACTION_SIZE).astype(np.float32))
    return world.state_hash()


def test_the_same_numbers_give_the_same_episode_bit_by_bit(world: TableWorld) -> None:
    hashes = []
    for _ in range(2):
        world.reset(7, 3)
        hashes.append((world.initial_hash, wiggle(world, 30)))
        wiggle(world, 5, seed=9)  # what comes between must not matter
    assert hashes[0] == hashes[1]


def test_another_world_of_the_same_task_gives_the_same_episode(world: TableWorld) -> None:
    other = make()
    for each in (world, other):
        each.reset(7, 4)
    assert world.initial_hash == other.initial_hash
    assert wiggle(world, 20) == wiggle(other, 20)
    other.close()


def test_episodes_and_seeds_differ(world: TableWorld) -> None:
    starts = set()
    for seed, episode in [(0, 0), (0, 1), (1, 0)]:
        world.reset(seed, episode)
        starts.add(world.initial_hash)
    assert len(starts) == 3


def test_disturbances_and_noise_do_not_change_the_start() -> None:
    starts = set()
    for options in ({}, {"disturb": tuple(map(Disturbance, KINDS))}, {"pose_noise": 0.01}):
        other = make(**options)
        other.reset(5, 0)
        starts.add(other.initial_hash)
        other.close()
    assert len(starts) == 1


def test_observations_share_no_memory(world: TableWorld) -> None:
    first = world.reset(0, 0)
    before = {name: pose.position.copy() for name, pose in (first.objects or {}).items()}
    joints = first.proprio.joints.copy()
    wiggle(world, 10)
    assert all(np.array_equal(before[n], pose.position) for n, pose in (first.objects or {}).items())
    assert np.array_equal(joints, first.proprio.joints)


def test_the_tracker_is_off_by_about_its_noise_and_says_so() -> None:
    noisy = make(pose_noise=0.004)
    errors = []
    for episode in range(12):
        objects = noisy.reset(0, episode).objects or {}
        errors += [objects[n].position - pose.position for n, pose in noisy.truth().items()]
    assert 0.003 < np.std(errors) < 0.0055
    assert noisy.channels["objects"] == noisy.channels["proprio"] == "estimated"
    felt = noisy.reset(0, 0).proprio.tcp.position - noisy._engine.tcp.position
    assert 0 < np.abs(felt).max() < 0.001
    noisy.close()


def test_without_noise_the_channel_confesses_that_it_is_the_truth() -> None:
    exact = make(pose_noise=0.0)
    objects = exact.reset(0, 0).objects or {}
    assert exact.channels["objects"] == exact.channels["proprio"] == "sim_truth"
    assert all(np.array_equal(objects[n].position, pose.position) for n, pose in exact.truth().items())
    exact.close()


def test_an_action_moves_the_hand_by_what_it_says(world: TableWorld) -> None:
    start = world.reset(0, 0).proprio.tcp.position
    for _ in range(4):
        world.step(np.array([0, 0.4, -0.2, 0, 0, 0, -1], dtype=np.float32))
    for _ in range(12):
        last = world.step(STILL)
    np.testing.assert_allclose(last.proprio.tcp.position - start, [0, 0.08, -0.04], atol=0.002)


def test_yaw_turns_the_hand_and_keeps_it_upright(world: TableWorld) -> None:
    from nsctl.geometry import gripper_yaw, matrix

    world.reset(0, 0)
    for _ in range(2):
        world.step(np.array([0, 0, 0, 0, 0, 0.5, -1], dtype=np.float32))
    for _ in range(15):
        last = world.step(STILL)
    assert gripper_yaw(last.proprio.tcp.quaternion) == pytest.approx(0.5, abs=0.02)
    assert matrix(last.proprio.tcp.quaternion)[2, 2] < -0.999


def test_the_gripper_closes_and_opens(world: TableWorld) -> None:
    world.reset(0, 0)
    for command, width in ((1.0, 0.003), (-1.0, 0.083), (0.0, 0.043)):
        for _ in range(20):
            last = world.step(np.array([0, 0, 0, 0, 0, 0, command], dtype=np.float32))
        assert last.proprio.gripper == pytest.approx(width, abs=0.003)


def test_the_commanded_point_stays_in_the_workspace(world: TableWorld) -> None:
    world.reset(0, 0)
    for _ in range(40):
        last = world.step(np.array([1, 1, 1, 0, 0, 0, -1], dtype=np.float32))
    assert (last.proprio.target.position <= WORKSPACE[1] + 1e-9).all()


@pytest.mark.parametrize("action", [np.zeros(6), np.full(7, np.nan), np.zeros((1, 7))])
def test_an_action_of_another_shape_is_refused(world: TableWorld, action: Action) -> None:
    world.reset(0, 0)
    with pytest.raises(InvalidValue, match="an action is 7 finite numbers in"):
        world.step(action)


def test_a_step_before_reset_or_after_close_is_refused() -> None:
    fresh = make("hanoi-1")
    with pytest.raises(EpisodeError, match="call reset"):
        fresh.step(STILL)
    fresh.reset(0, 0)
    fresh.close()
    with pytest.raises(EpisodeError, match="call reset"):
        fresh.step(STILL)


def test_an_episode_ends_at_its_horizon() -> None:
    short = make("hanoi-1")
    short.reset(0, 0)
    for _ in range(short.task.horizon):
        assert not short.over
        short.step(STILL)
    assert short.over
    assert not short.success_at_end
    short.close()


def test_success_counts_only_when_it_lasts_without_a_finger_on_it() -> None:
    world = make("hanoi-1")
    world.reset(0, 0)
    goal = world.truth()["right"].position
    world._engine.place("disc1", Pose([goal[0], goal[1], 0.020]))
    for step in range(10):
        assert not world.success_at_end, step
        world.step(STILL)
    assert world.success_once
    assert world.success_at_end
    assert not world.over  # the agent may still spoil it, and must say when it is done
    for _ in range(PATIENCE - 10):
        world.step(STILL)
    assert world.over
    world.close()


def test_success_that_does_not_last_is_none() -> None:
    world = make("hanoi-1")
    world.reset(0, 0)
    goal = world.truth()["right"].position
    world._engine.place("disc1", Pose([goal[0], goal[1], 0.020]))
    for _ in range(12):
        world.step(STILL)
    world._engine.place("disc1", Pose([0.4, 0.1, 0.020]))
    world.conclude()
    assert world.success_once
    assert not world.success_at_end
    world.close()


@pytest.mark.parametrize(("lower", "upper"), [("disc1", "disc2"), ("disc2", "disc1")])
def test_a_larger_disc_on_a_smaller_one_makes_success_impossible(lower: str, upper: str) -> None:
    world = make("hanoi-2")
    world.reset(0, 0)
    half = {"disc1": 0.020, "disc2": 0.0225}
    world._engine.place(lower, Pose([0.4, 0.1, half[lower]]))
    world._engine.place(upper, Pose([0.4, 0.1, 2 * half[lower] + half[upper]]))
    for _ in range(15):
        if not world.over:
            world.step(STILL)
    assert world.violation == ("disc2 lies on the smaller disc1" if upper == "disc2" else "")
    assert world.over == (upper == "disc2")
    world.close()


def test_an_unknown_engine_is_answered_with_what_exists() -> None:
    with pytest.raises(UnknownName, match=r"no engine is called 'mojoco'\. Did you mean 'mujoco'"):
        make(engine="mojoco")


def test_pose_noise_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"pose noise must lie between 0 and 0.05 m, got 1.0"):
        make(pose_noise=1.0)


def test_the_arm_s_work_begins_when_it_has_settled(world: TableWorld) -> None:
    world.reset(0, 0)
    assert world.robot_work is not None
    assert world.robot_work.absolute == world.robot_work.torque_squared == 0.0
    world.step(np.array([1.0, 0, 0, 0, 0, 0, -1]))
    assert world.robot_work.absolute > 0.01


def test_an_engine_that_knows_no_work_is_welcome(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("envs.mujoco.engine.MujocoEngine.work")
    monkeypatch.delattr("envs.mujoco.engine.MujocoEngine.forget_work")
    world = make("hanoi-1")
    world.reset(0, 0)
    assert world.robot_work is None
    world.close()
