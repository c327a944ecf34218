"""The drawer obstructs and is obstructed as the planning domain says, and success is what lies in it while it is closed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from envs.mujoco.engine import MujocoEngine
from envs.tasks.drawer import _DRAWER_BOXES, TRAVEL, Drawer, DrawerSuite
from nsctl.errors import InvalidValue, UnknownName
from nsctl.geometry import CLOSED, OPENED, from_rotation_vector, mounted, multiply, slid
from nsctl.scene import Mount, Pose

Poses = dict[str, Pose]
SEEDS = range(60)


def drawn(count: int, seed: int) -> tuple[Drawer, Poses]:
    task = Drawer(count)
    return task, dict(task.sample(np.random.default_rng(seed)).poses)


def rail(task: Drawer) -> Mount:
    mount = task.body("drawer").mount
    assert mount is not None
    return mount


def out(task: Drawer, poses: Poses) -> float:
    return slid(rail(task), poses["cabinet"], poses["drawer"])


def slid_to(task: Drawer, poses: Poses, by: float) -> Poses:
    """The furniture with the drawer slid out by this much; what lies in it stays."""
    moved = {**poses, "drawer": mounted(rail(task), poses["cabinet"], by)}
    for slot in task.slots:
        mount = task.body(slot).mount
        assert mount is not None
        moved[slot] = mounted(mount, moved["drawer"])
    return moved


def put_away(task: Drawer, poses: Poses, by: float = 0.0) -> Poses:
    """All blocks in their slots, the drawer slid out by this much."""
    moved = slid_to(task, poses, by)
    for slot, block in zip(task.slots, task.blocks, strict=False):
        moved[block] = Pose(moved[slot].position + [0.0, 0.0, 0.02])
    return moved


@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_initial_state_is_solved_and_blocks_in_a_closed_drawer_are(count: int) -> None:
    for seed in SEEDS:
        task, poses = drawn(count, seed)
        assert not task.achieved(poses)
        assert task.achieved(put_away(task, poses))


@pytest.mark.parametrize(("by", "success"), [(0.5 * CLOSED, True), (2 * CLOSED, False), (OPENED * TRAVEL, False)])
def test_the_drawer_must_be_closed(by: float, success: bool) -> None:
    task, poses = drawn(3, 0)
    assert task.achieved(put_away(task, poses, by)) == success


@pytest.mark.parametrize("block", Drawer(3).blocks)
@pytest.mark.parametrize("shift", [[-0.15, 0.0, -0.018], [0.0, 0.0, 0.04], [0.0, 0.25, 0.0]])
def test_every_block_must_lie_on_the_drawers_floor(block: str, shift: list[float]) -> None:
    task, poses = drawn(3, 0)
    end = put_away(task, poses)
    assert not task.achieved({**end, block: Pose(end[block].position + shift)})
    tilted = multiply(from_rotation_vector(np.array([0.3, 0.0, 0.0])), end[block].quaternion)
    assert not task.achieved({**end, block: Pose(end[block].position, tilted)})


def test_every_kind_of_start_comes() -> None:
    outs, blocked, inside = [], set(), 0
    for seed in SEEDS:
        task, poses = drawn(3, seed)
        outs.append(out(task, poses) / TRAVEL)
        front = poses["front"].position
        for name in (*task.blocks, "crate"):
            off = np.abs(poses[name].position - front)[:2]
            if out(task, poses) == pytest.approx(0.0) and off[0] < 0.09 and off[1] < 0.10:
                blocked.add("crate" if name == "crate" else "block")
        inside += any(poses[b].position[2] > 0.03 for b in task.blocks)
    assert {round(o) for o in outs} == {0, 1}
    assert any(0.3 < o < 0.7 for o in outs)
    assert blocked == {"block", "crate"}
    assert 5 < inside < 40


def test_all_stands_where_the_cameras_see_it() -> None:
    for seed in SEEDS:
        task, poses = drawn(3, seed)
        for body in task.bodies:
            x, y, _ = poses[body.name].position
            assert x - body.half_extents[0] > 0.32, body.name
            assert x + body.half_extents[0] < 0.751, body.name
            assert abs(y) + body.half_extents[1] < 0.251, body.name


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_goal_and_the_phrasings_name_what_is_wanted(count: int) -> None:
    task = Drawer(count)
    assert [str(g) for g in task.goal][-1] == "closed(drawer)"
    assert len(task.goal) == count + 1
    assert len(set(task.phrasings)) >= 3


def test_the_drawers_frame_stands_in_the_middle_and_its_handle_comes_last() -> None:
    body = Drawer(1).body("drawer")
    corners = np.array([[np.add(b.at, b.half_extents), np.subtract(b.at, b.half_extents)] for b in body.boxes])
    np.testing.assert_allclose(corners.max(axis=(0, 1)), body.half_extents, atol=1e-12)
    np.testing.assert_allclose(corners.min(axis=(0, 1)), -np.array(body.half_extents), atol=1e-12)
    assert body.boxes[-1].at[0] == max(box.at[0] for box in body.boxes)
    assert len(body.boxes) == len(_DRAWER_BOXES)


@pytest.fixture(scope="module")
def engine() -> Iterator[MujocoEngine]:
    made = MujocoEngine(Drawer(3).bodies)
    yield made
    made.close()


def rest(engine: MujocoEngine, steps: int = 30) -> Poses:
    for _ in range(steps):
        engine.control(engine.tcp, 0.08)
    return dict(engine.poses())


@pytest.mark.parametrize("seed", range(10))
def test_what_was_drawn_stays_as_it_was_drawn(engine: MujocoEngine, seed: int) -> None:
    task, poses = drawn(3, seed)
    engine.reset(poses)
    after = rest(engine)
    assert out(task, after) == pytest.approx(out(task, poses), abs=1e-3)
    for name in (*task.blocks, "crate"):
        assert np.abs(after[name].position - poses[name].position).max() < 0.002, name


def test_blocks_ride_in_the_drawer_and_clear_the_cabinet(engine: MujocoEngine) -> None:
    """A full drawer that is shut by a shove of its handle is a success."""
    task, poses = drawn(3, 0)
    engine.reset(put_away(task, poses, TRAVEL))
    for x in np.linspace(0.40, 0.61, 60):  # the closed fist shoves the handle
        engine.control(Pose(np.array([x, poses["cabinet"].position[1], 0.04]), np.array([0.0, 1.0, 0.0, 0.0])), 0.0)
    assert task.achieved(rest(engine))


def test_names_are_checked() -> None:
    suite = DrawerSuite()
    assert suite.task("drawer-2").name == "drawer-2"
    with pytest.raises(InvalidValue, match=r"drawer-N takes 1 to 3 blocks, got 4"):
        suite.task("drawer-4")
    with pytest.raises(UnknownName, match="Did you mean 'drawer-3'"):
        suite.task("drawer3")
