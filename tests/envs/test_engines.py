"""What every engine must do. Each test runs over the registry: an engine that is added tomorrow is tested tomorrow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from envs.engine import MAX_OPENING, Engine
from nsctl import registry
from nsctl.errors import InvalidValue
from nsctl.geometry import from_yaw, mounted, multiply, slid
from nsctl.scene import Body, Box, Mount, Pose

_PANELS = (
    Box((0.08, 0.10, 0.005), (0, 0, 0.055)),
    Box((0.08, 0.005, 0.06), (0, 0.095, 0)),
    Box((0.08, 0.005, 0.06), (0, -0.095, 0)),
)
CABINET = Body("cabinet", "cabinet", (0.08, 0.10, 0.06), movable=False, boxes=_PANELS)
DRAWER = Body(
    "drawer",
    "drawer",
    (0.07, 0.08, 0.03),
    movable=False,
    boxes=(Box((0.07, 0.08, 0.004), (0, 0, -0.026)), Box((0.005, 0.08, 0.03), (0.065, 0, 0))),
    mount=Mount("cabinet", (0.0, 0.0, -0.02), 0.12),
)
_LATCH = Mount("drawer", (0.08, 0, 0))
KNOB = Body("knob", "knob", (0.01, 0.02, 0.01), movable=False, boxes=(Box((0.01, 0.02, 0.01)),), mount=_LATCH)
MARK = Body("mark", "peg", (0.03, 0.03, 0.0005), movable=False)
CUBE = Body("cube", "disc", (0.02, 0.02, 0.02), (0.9, 0.2, 0.2))
BLOCK = Body("block", "disc", (0.025, 0.025, 0.025), (0.2, 0.2, 0.9))
BODIES = (CABINET, DRAWER, KNOB, CUBE, BLOCK, MARK)
OUT = 0.10


def start() -> dict[str, Pose]:
    """The cabinet faces the robot with its drawer open; a cube stands alone, a block beside a mark."""
    assert DRAWER.mount and KNOB.mount  # noqa: PT018
    cabinet = Pose([0.66, 0.0, 0.06], from_yaw(np.pi))
    drawer = mounted(DRAWER.mount, cabinet, OUT)
    return {
        "cabinet": cabinet,
        "drawer": drawer,
        "knob": mounted(KNOB.mount, drawer),
        "cube": Pose([0.45, 0.2, 0.02]),
        "block": Pose([0.45, -0.2, 0.025], from_yaw(0.3)),
        "mark": Pose([0.45, -0.1, 0.0005]),
    }


ENGINES = [
    pytest.param(
        name, marks=pytest.mark.skipif(name == "pybullet" and not find_spec("pybullet_data"), reason="no pybullet")
    )
    for name in registry.parts("engines")
]


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made: Engine = registry.load("engines", request.param)(BODIES, ("front", "wrist"))
    yield made
    made.close()


def go(engine: Engine, position: list[float], steps: int = 30, opening: float = MAX_OPENING, yaw: float = 0.0) -> None:
    """Hold the tool centre point's target at a point, the hand pointing down."""
    down = multiply(from_yaw(yaw), np.array([0.0, 1.0, 0.0, 0.0]))
    for _ in range(steps):
        engine.control(Pose(position, down), opening)


def wander(engine: Engine, steps: int = 12) -> bytes:
    """A busy motion that ends in a grip of the cube; the numbers of every step."""
    trace = []
    for i in range(steps):
        go(engine, [0.45, 0.2, max(0.02, 0.2 - 0.05 * i)], 3, 0.0 if i > 7 else MAX_OPENING)
        trace.append(engine.numbers().tobytes())
    return b"".join(trace)


def out(engine: Engine) -> float:
    """How far the drawer has slid out, m."""
    poses = engine.poses()
    assert DRAWER.mount
    return slid(DRAWER.mount, poses["cabinet"], poses["drawer"])


def test_reset_puts_everything_where_it_was_asked_to(engine: Engine) -> None:
    engine.reset(start())
    poses = engine.poses()
    assert set(poses) == {body.name for body in BODIES}
    for name, pose in start().items():
        np.testing.assert_allclose(poses[name].position, pose.position, atol=1e-9)
        assert abs(poses[name].quaternion @ pose.quaternion) == pytest.approx(1, abs=1e-9)
    assert engine.opening == pytest.approx(MAX_OPENING + 0.003)
    assert engine.touched() == frozenset()


def test_all_stays_where_it_stands(engine: Engine) -> None:
    engine.reset(start())
    for _ in range(60):
        engine.control(engine.tcp, MAX_OPENING)
    for name, pose in start().items():
        np.testing.assert_allclose(engine.poses()[name].position, pose.position, atol=5e-4)


@pytest.mark.parametrize(("point", "yaw"), [([0.35, 0.2, 0.1], 0.4), ([0.6, -0.25, 0.3], -0.7)])
def test_control_brings_the_hand_to_where_it_is_asked(engine: Engine, point: list[float], yaw: float) -> None:
    engine.reset(start())
    go(engine, point, 60, 0.04, yaw)
    np.testing.assert_allclose(engine.tcp.position, point, atol=1e-3)
    wanted = multiply(from_yaw(yaw), np.array([0.0, 1.0, 0.0, 0.0]))
    assert abs(engine.tcp.quaternion @ wanted) > np.cos(0.005)
    assert engine.opening == pytest.approx(0.043, abs=1e-3)


def test_the_same_start_and_commands_give_the_same_numbers(engine: Engine) -> None:
    traces = []
    for _ in range(3):
        engine.reset(start())
        traces.append(wander(engine))
        engine.push("block", [0.3, 0.5, 0.0])  # what comes between must not matter
        go(engine, [0.5, -0.1, 0.03], 20)
    assert traces[0] == traces[1] == traces[2]


def test_another_process_gives_the_same_numbers(engine: Engine) -> None:
    script = (
        "import hashlib, test_engines as t; from nsctl import registry;"
        f"e = registry.load('engines', {engine.name!r})(t.BODIES); e.reset(t.start());"
        "print(hashlib.sha256(t.wander(e)).hexdigest())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", script], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(hashes) == 1
    assert hashes != {""}


@pytest.mark.parametrize("moment", [0, 5, 11])
def test_a_restored_state_goes_on_exactly_as_it_would_have(engine: Engine, moment: int) -> None:
    engine.reset(start())
    engine.alter("block", friction=0.6, mass=2.0)
    wander(engine, moment)
    saved, numbers, touched = engine.save(), engine.numbers(), engine.touched()
    ends = []
    for _ in range(3):
        engine.push("block", [0.2, 0.3, 0.0])
        ends.append(wander(engine))
        go(engine, [0.6, 0.2, 0.1], 10)
        engine.reset(start())
        engine.restore(saved)
        assert np.array_equal(engine.numbers(), numbers)
        assert engine.touched() == touched
    assert ends[0] == ends[1] == ends[2]


def test_numbers_differ_wherever_the_state_does(engine: Engine) -> None:
    seen = set()
    for name, shift in [("", 0.0), ("cube", 1e-4), ("mark", 1e-4), ("cabinet", 1e-4), ("drawer", 1e-4)]:
        poses = start()
        if name:
            moved = poses[name]
            turn = 1 if name != "drawer" else -1  # the drawer slides towards the robot
            poses[name] = Pose(moved.position + [turn * shift, 0, 0], moved.quaternion)
        engine.reset(poses)
        seen.add(engine.numbers().tobytes())
    engine.push("cube", [0.0, 1e-3, 0.0])
    seen.add(engine.numbers().tobytes())
    assert len(seen) == 6
    assert engine.numbers().dtype == np.float64


def test_a_gripped_cube_is_touched_lifted_and_let_go(engine: Engine) -> None:
    engine.reset(start())
    go(engine, [0.45, 0.2, 0.1])
    go(engine, [0.45, 0.2, 0.02], 20)
    go(engine, [0.45, 0.2, 0.02], 20, 0.0)
    assert engine.touched() == {"cube"}
    assert engine.opening == pytest.approx(0.04, abs=2e-3)
    go(engine, [0.45, 0.2, 0.15], 30, 0.0)
    held = engine.poses()["cube"].position
    np.testing.assert_allclose(held, [0.45, 0.2, 0.15], atol=6e-3)
    go(engine, [0.45, 0.2, 0.15], 40, 0.0)
    np.testing.assert_allclose(engine.poses()["cube"].position, held, atol=5e-4)  # it does not slip
    go(engine, [0.45, 0.2, 0.15], 20)
    assert engine.touched() == frozenset()
    assert engine.poses()["cube"].position[2] == pytest.approx(0.02, abs=1e-3)


def test_a_stack_of_four_neither_creeps_nor_topples(engine: Engine) -> None:
    bodies = [Body(f"disc{i}", "disc", (0.0275 - 0.0025 * i,) * 3) for i in range(4)]
    tower: Engine = registry.load("engines", engine.name)(bodies)
    poses, height = {}, 0.0
    for i, body in enumerate(bodies):
        half = body.half_extents[2]
        poses[body.name] = Pose([0.5 + 0.003 * (-1) ** i, 0.1, height + half], from_yaw(0.1 * i))
        height += 2 * half
    tower.reset(poses)
    go(tower, [0.4, 0.0, 0.4], 20)
    settled = tower.poses()
    go(tower, [0.4, 0.0, 0.4], 200)
    for name, pose in tower.poses().items():
        np.testing.assert_allclose(pose.position, settled[name].position, atol=5e-4)
        np.testing.assert_allclose(pose.position, poses[name].position, atol=1.5e-3)
    tower.close()


def test_a_pushed_cube_slides_as_far_as_its_friction_lets_it(engine: Engine) -> None:
    ways = {}
    for friction in (1.0, 0.5):
        engine.reset(start())
        engine.alter("cube", friction=friction)
        engine.push("cube", [0.0, -0.8, 0.0])
        go(engine, [0.4, 0.0, 0.4], 20)
        ways[friction] = 0.2 - engine.poses()["cube"].position[1]
    assert 0.015 < ways[1.0] < 0.06  # v^2 / (2 mu g) = 33 mm
    assert ways[0.5] > 1.5 * ways[1.0]


def test_reset_undoes_what_was_altered(engine: Engine) -> None:
    ways = []
    for mass in (1.0, 3.0, 1.0):
        engine.reset(start())
        if mass != 1.0:
            engine.alter("cube", friction=0.3, mass=mass)
        engine.push("cube", [0.0, -0.8, 0.0])
        go(engine, [0.4, 0.0, 0.4], 20)
        ways.append(engine.numbers().tobytes())
    assert ways[0] == ways[2] != ways[1]


def test_a_placed_body_is_there_and_at_rest(engine: Engine) -> None:
    engine.reset(start())
    engine.push("cube", [0.5, 0.0, 0.0])
    engine.place("cube", Pose([0.4, -0.05, 0.02], from_yaw(0.2)))
    np.testing.assert_allclose(engine.poses()["cube"].position, [0.4, -0.05, 0.02], atol=1e-9)
    go(engine, [0.4, 0.0, 0.4], 10)
    np.testing.assert_allclose(engine.poses()["cube"].position, [0.4, -0.05, 0.02], atol=5e-4)


@pytest.mark.parametrize("name", ["mark", "cabinet", "drawer", "nobody"])
def test_only_movable_bodies_can_be_placed_pushed_or_altered(engine: Engine, name: str) -> None:
    engine.reset(start())
    refused = pytest.raises(InvalidValue, match=f"'{name}' cannot be moved; these can: cube, block")
    with refused:
        engine.place(name, Pose([0.5, 0.0, 0.1]))
    with refused:
        engine.push(name, [0.1, 0.0, 0.0])
    with refused:
        engine.alter(name, mass=2.0)


def test_places_are_marks_without_contact(engine: Engine) -> None:
    poses = start()
    poses["mark"] = Pose([0.45, 0.2, 0.08])
    poses["cube"] = Pose([0.45, 0.2, 0.12])
    engine.reset(poses)
    go(engine, [0.4, 0.0, 0.4], 20)
    assert engine.poses()["cube"].position[2] == pytest.approx(0.02, abs=1e-3)
    assert engine.poses()["mark"].position[2] == pytest.approx(0.08)


def test_fixtures_are_solid(engine: Engine) -> None:
    poses = start()
    poses["cube"] = Pose([0.66, 0.0, 0.15])
    engine.reset(poses)
    go(engine, [0.4, 0.0, 0.4], 20)
    assert engine.poses()["cube"].position[2] == pytest.approx(0.14, abs=1e-3)


def test_what_falls_off_the_table_ends_on_the_floor(engine: Engine) -> None:
    poses = start()
    poses["cube"] = Pose([0.5, 0.6, 0.1])
    engine.reset(poses)
    go(engine, [0.4, 0.0, 0.4], 30)
    assert engine.poses()["cube"].position[2] == pytest.approx(-0.38, abs=2e-3)


def test_a_drawer_is_pushed_shut_and_stays_where_it_is_let_go(engine: Engine) -> None:
    engine.reset(start())
    go(engine, [0.36, 0.0, 0.10], 30, 0.0)
    go(engine, [0.36, 0.0, 0.045], 20, 0.0)
    x = engine.poses()["knob"].position[0]
    for i in range(60):
        go(engine, [0.36 + 0.003 * i, 0.0, 0.045], 1, 0.0)
    go(engine, [0.36 + 0.003 * 59, 0.0, 0.045], 10, 0.0)
    assert engine.touched() == {"knob"}
    pushed = out(engine)
    assert 0.0 < pushed < OUT - 0.03
    moved = engine.poses()["knob"].position[0] - x
    assert moved == pytest.approx(OUT - pushed, abs=1e-6)  # what hangs on it comes along
    go(engine, [0.36, 0.0, 0.2], 20)
    assert out(engine) == pytest.approx(pushed, abs=5e-3)


def test_a_drawer_stops_at_both_ends_of_its_rail(engine: Engine) -> None:
    poses = start()
    assert DRAWER.mount
    for slide, way in ((0.001, 0.8), (0.119, -0.8)):
        poses["drawer"] = mounted(DRAWER.mount, poses["cabinet"], slide)
        poses["cube"] = Pose(poses["drawer"].position)
        engine.reset(poses)
        assert out(engine) == pytest.approx(slide, abs=1e-9)
        engine.push("cube", [way, 0.0, 0.0])
        go(engine, [0.4, 0.0, 0.4], 20)
        assert -0.002 < out(engine) < DRAWER.mount.travel + 0.002


def test_a_cube_in_a_drawer_comes_along(engine: Engine) -> None:
    poses = start()
    poses["cube"] = Pose(poses["drawer"].position + [-0.02, 0.0, 0.0])
    engine.reset(poses)
    go(engine, [0.34, 0.0, 0.10], 30, 0.0)
    go(engine, [0.34, 0.0, 0.045], 20, 0.0)
    for i in range(70):
        go(engine, [0.34 + 0.003 * i, 0.0, 0.045], 1, 0.0)
    moved = engine.poses()
    assert out(engine) < OUT - 0.05
    assert abs(moved["cube"].position[0] - moved["drawer"].position[0]) < 0.06
    assert moved["cube"].position[2] == pytest.approx(0.038, abs=1e-3)  # on the drawer's floor


def test_a_moved_camera_sees_something_else_until_the_next_reset(engine: Engine) -> None:
    pictures = []
    for times in (0, 1, 2, 0):  # the shift counts from where the camera stood at first
        engine.reset(start())
        for _ in range(times):
            engine.move_camera("front", [0.0, 0.03, 0.0])
        go(engine, [0.4, 0.0, 0.43], 1)
        pictures.append((engine.render("front"), engine.numbers().tobytes()))
    views = [picture for picture, _ in pictures]
    assert (views[0] != views[1]).any(axis=2).mean() > 0.01
    assert np.array_equal(views[1], views[2])
    assert np.array_equal(views[0], views[3])
    assert len({numbers for _, numbers in pictures}) == 1
    with pytest.raises(InvalidValue, match="camera 'wrist' stands nowhere fixed; these do: front"):
        engine.move_camera("wrist", [0.1, 0.0, 0.0])


def test_the_wrist_camera_goes_with_the_hand(engine: Engine) -> None:
    engine.reset(start())
    go(engine, [0.45, 0.2, 0.2])
    picture = engine.render("wrist")
    red = picture[..., 0].astype(int) - picture[..., 1] > 80
    assert picture.shape == (128, 128, 3)
    assert picture.dtype == np.uint8
    assert red.sum() > 100


def test_pictures_that_were_not_asked_for_are_refused(engine: Engine) -> None:
    with pytest.raises(InvalidValue, match="camera 'top' was not asked for; this world has: front, wrist"):
        engine.render("top")
    with pytest.raises(InvalidValue, match="made without video"):
        engine.film()


def test_looking_changes_nothing(engine: Engine) -> None:
    traces = []
    for look in (False, True):
        engine.reset(start())
        wander(engine, 4)
        if look:
            engine.render("front")
            engine.touched(), engine.poses(), engine.save(), engine.describe()
        traces.append(wander(engine, 6))
    assert traces[0] == traces[1]


def test_two_engines_in_one_process_do_not_meet(engine: Engine) -> None:
    engine.reset(start())
    alone = wander(engine)
    other: Engine = registry.load("engines", engine.name)((CUBE,))
    other.reset({"cube": Pose([0.5, 0.0, 0.02])})
    engine.reset(start())
    go(other, [0.5, 0.0, 0.02], 20)
    assert wander(engine) == alone
    other.close()
    engine.reset(start())
    assert wander(engine) == alone


def test_an_engine_says_what_it_is(engine: Engine) -> None:
    described = engine.describe()
    assert described["name"] == engine.name
    assert described[engine.name][0].isdigit()  # the simulator's version
    assert described["timestep"] * described["substeps"] == pytest.approx(0.05)
