"""What is wanted is truly out of reach at first, and only the state that was asked for is success."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from envs.mujoco.engine import MujocoEngine
from envs.tasks.unpack import Unpack, UnpackSuite
from nsctl.errors import UnknownName
from nsctl.geometry import QUARTER, from_yaw, multiply
from nsctl.scene import Pose

Poses = dict[str, Pose]
SEEDS = range(60)


def drawn(seed: int) -> tuple[Unpack, Poses]:
    task = Unpack()
    return task, dict(task.sample(np.random.default_rng(seed)).poses)


def supports(task: Unpack) -> dict[str, str]:
    """What the goal wants each block to be on."""
    return {goal.atom.arguments[0]: goal.atom.arguments[1] for goal in task.goal}


def wanted(task: Unpack) -> str:
    return next(name for name, below in supports(task).items() if below == "tray")


def is_behind(task: Unpack, poses: Poses) -> bool:
    return bool(np.hypot(*(poses[wanted(task)].position - poses["nook"].position)[:2]) < 0.01)


def solved(task: Unpack, poses: Poses) -> Poses:
    """The poses that the goal asks for."""
    below_of, after = supports(task), dict(poses)

    def put(name: str) -> None:
        below = below_of[name]
        if below in below_of:
            put(below)
        base = after[below].position
        top = base[2] + task.body(below).half_extents[2] if below in below_of else 0.0
        after[name] = Pose(np.array([*base[:2], top + task.body(name).half_extents[2]]))

    for name in below_of:
        put(name)
    return after


@pytest.mark.parametrize("seed", SEEDS)
def test_the_goal_is_not_reached_at_first_and_reached_when_it_is_built(seed: int) -> None:
    task, poses = drawn(seed)
    assert not task.achieved(poses)
    assert task.achieved(solved(task, poses))
    assert task.broken_rule(poses) == ""


@pytest.mark.parametrize("seed", range(8))
def test_every_block_counts(seed: int) -> None:
    task, poses = drawn(seed)
    end = solved(task, poses)
    for name in supports(task):
        moved = {**end, name: Pose(end[name].position + [0.05, 0.0, 0.0])}
        assert not task.achieved(moved), name


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_wanted_lies_under_or_behind_another(seed: int) -> None:
    task, poses = drawn(seed)
    under = any(lower == wanted(task) for lower, _ in task.resting(poses))
    assert under != is_behind(task, poses)


def test_both_kinds_every_block_and_both_sides_come() -> None:
    seen = [drawn(seed) for seed in SEEDS]
    assert {wanted(task) for task, _ in seen} == {"red", "green", "blue"}
    assert {is_behind(task, poses) for task, poses in seen} == {True, False}
    assert {p["bay"].position[1] > 0 for _, p in seen} == {True, False}
    heights = [len(list(task.resting(poses))) + 1 for task, poses in seen if not is_behind(task, poses)]
    assert set(heights) == {2, 3}


def test_all_stands_where_the_cameras_see_it() -> None:
    for seed in SEEDS:
        task, poses = drawn(seed)
        for body in task.bodies:
            x, y, _ = poses[body.name].position
            assert x - body.half_extents[0] > 0.32, body.name
            assert x + body.half_extents[0] < 0.68, body.name
            assert abs(y) + body.half_extents[1] < 0.25, body.name


@pytest.fixture(scope="module")
def engine() -> Iterator[MujocoEngine]:
    made = MujocoEngine(Unpack().bodies)
    yield made
    made.close()


def reached(engine: MujocoEngine, poses: Poses, target: str, heading: float) -> bool:
    """Whether an open hand at this heading comes down to the middle of a block without moving anything."""
    engine.reset(poses)
    down = multiply(from_yaw(heading), np.array([0.0, 1.0, 0.0, 0.0]))
    goal = poses[target].position
    for height in (0.2, *np.linspace(0.2, goal[2], 40), *[goal[2]] * 10):
        engine.control(Pose(np.array([*goal[:2], height]), down), 0.08)
    still = all(np.abs(engine.poses()[n].position - p.position).max() < 0.004 for n, p in poses.items())
    return bool(still and np.linalg.norm(engine.tcp.position - goal) < 0.004)


@pytest.mark.parametrize("seed", [seed for seed in range(12) if is_behind(*drawn(seed))][:4])
def test_the_post_truly_bars_the_bay(engine: MujocoEngine, seed: int) -> None:
    task, poses = drawn(seed)
    target = wanted(task)
    away = {**poses, "post": Pose(np.array([0.36, 0.0, 0.03]))}
    assert not any(reached(engine, poses, target, heading) for heading in (-QUARTER, 0.0, QUARTER))
    assert reached(engine, away, target, QUARTER)
    assert not reached(engine, away, target, 0.0)  # the walls leave room for fingers along the bay only
    assert reached(engine, poses, "post", 0.0)


def test_names_are_checked() -> None:
    assert UnpackSuite().task("unpack").name == "unpack"
    with pytest.raises(UnknownName, match="Did you mean 'unpack'"):
        UnpackSuite().task("unpak")
