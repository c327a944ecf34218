"""The same task on two engines: the same start, the same pictures and the same end, within stated tolerances."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest

from envs.cameras import POLICY
from nsctl import registry, tasks
from nsctl.contracts import SuiteOptions, World
from nsctl.episode import play
from nsctl.geometry import box_yaw, wrap
from nsctl.metering import counters
from nsctl.phases import EpisodeClock
from nsctl.scene import Image, Observation, hold_still, make_action

pytestmark = pytest.mark.skipif(find_spec("pybullet_data") is None, reason="pybullet is not installed")

POSITION, ANGLE = 1e-3, np.radians(0.5)
"""How far a body or the hand may stand elsewhere on the other engine after a reset [m, rad]."""
PATH = 2e-3
"""How far the free hand may run from that on the other engine under the same actions [m]."""
STEPS = 0.10
"""By what share the control steps of a scripted episode may differ."""
SHADE = 40
"""Levels of 255 by which a pixel may differ before it counts as another."""
PIXELS = {"front": 0.02, "side": 0.08, "wrist": 0.02}
"""Share of a picture's pixels that may be others: edges, and the shading of the arm's round parts (seen from the side)."""


def worlds(task: str, **options: object) -> tuple[World, World]:
    suite = tasks.suite_of(task)
    made = [suite.world(tasks.find(task), SuiteOptions(engine=e, **options)) for e in ("mujoco", "pybullet")]  # type: ignore[arg-type]
    return made[0], made[1]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[World, World]]:
    made = worlds("hanoi-3", pose_noise=0.0)
    yield made
    for world in made:
        world.close()


@pytest.mark.parametrize("episode", range(5))
def test_a_reset_gives_the_same_observation(pair: tuple[World, World], episode: int) -> None:
    one, other = (world.reset(2, episode) for world in pair)
    assert one.instruction == other.instruction
    assert one.objects
    assert other.objects
    assert list(one.objects) == list(other.objects)
    for name, pose in one.objects.items():
        np.testing.assert_allclose(other.objects[name].position, pose.position, atol=POSITION)
        assert abs(wrap(box_yaw(pose.quaternion) - box_yaw(other.objects[name].quaternion), np.pi / 2)) < ANGLE
    a, b = one.proprio, other.proprio
    np.testing.assert_allclose(a.joints, b.joints, atol=ANGLE)
    np.testing.assert_allclose(a.tcp.position, b.tcp.position, atol=POSITION)
    np.testing.assert_allclose(a.target.position, b.target.position, atol=POSITION)
    assert a.gripper == pytest.approx(b.gripper, abs=POSITION)


def test_the_same_actions_move_the_free_hand_along_the_same_path(pair: tuple[World, World]) -> None:
    rng = np.random.default_rng(0)
    for world in pair:
        world.reset(2, 0)
    actions = [make_action(rng.uniform(-0.03, 0.03, 3) * [1, 1, 0.3], rng.uniform(-0.1, 0.1), 1.0) for _ in range(40)]
    for action in [*actions, *[hold_still(1.0)] * 10]:
        one, other = (world.step(action).proprio for world in pair)
        np.testing.assert_allclose(one.tcp.position, other.tcp.position, atol=PATH)
        assert one.gripper == pytest.approx(other.gripper, abs=PATH)


def test_the_cameras_see_the_same() -> None:
    made = worlds("hanoi-3", cameras=POLICY)
    seen: list[Observation] = [world.reset(4, 0) for world in made]
    for name in POLICY:
        one, other = (observation.images[name] for observation in seen if observation.images)
        assert differing(one, other) < PIXELS[name], name
        assert differing(one, np.roll(other, 8, axis=1)) > differing(one, other), (
            name
        )  # the tolerance tells views apart
    for world in made:
        world.close()


def differing(one: Image, other: Image) -> float:
    """The share of pixels that are others."""
    return float((np.abs(one.astype(int) - other).max(axis=2) > SHADE).mean())


def compare(task: str, episodes: int, seed: int = 0) -> list[tuple[bool, bool, float]]:
    """For each episode of the scripted agent: success on either engine, and the steps on the second to the first."""
    made = worlds(task)
    found = []
    for number in range(episodes):
        ends = [play(w, registry.load("agents", "scripted")(), EpisodeClock(counters()), seed, number) for w in made]
        one, other = (end.outcome.status == "succeeded" for end in ends)
        found.append((one, other, ends[1].steps / ends[0].steps))
    for world in made:
        world.close()
    return found


@pytest.mark.parametrize(("task", "episodes"), [("move", 4), ("hanoi-2", 2)])
def test_the_scripted_agent_ends_alike(task: str, episodes: int) -> None:
    for one, other, share in compare(task, episodes):
        assert one
        assert other
        assert share == pytest.approx(1.0, abs=STEPS)


@pytest.mark.slow
@pytest.mark.parametrize("task", [task for part in registry.parts("envs").values() for task in part.load()().tasks])
def test_the_scripted_agent_succeeds_as_often(task: str) -> None:
    ends = compare(task, 20, seed=1)
    assert sum(one for one, _, _ in ends) >= 19
    assert sum(other for _, other, _ in ends) >= 19
    assert np.median([share for one, other, share in ends if one and other]) == pytest.approx(1.0, abs=STEPS)
