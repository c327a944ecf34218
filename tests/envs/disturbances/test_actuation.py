"""Commands come late; the grip loses what it holds."""

from __future__ import annotations

import numpy as np
import pytest
from stage import HALF, Stage, at, block, roof

from envs.disturbances.actuation import SLIP_STEPS, Lag, Slip
from envs.engine import MAX_OPENING
from nsctl.scene import Pose


@pytest.mark.parametrize(("strength", "steps"), [(0.1, 1), (0.5, 1), (1.0, 2), (2.0, 4)])
def test_every_command_comes_as_late_as_the_record_says(strength: float, steps: int) -> None:
    scene = Stage([], {})
    lag = Lag(strength, np.random.default_rng(0), scene, scene)  # type: ignore[arg-type]
    assert lag.begin() == {"steps": steps}
    given = np.random.default_rng(1).uniform(-1, 1, (30, 7))
    got = np.array([lag.command(action) for action in given])
    np.testing.assert_array_equal(got[steps:], given[:-steps])
    assert (got[:steps] == [0, 0, 0, 0, 0, 0, -1]).all()  # still, with an open gripper


def slip(scene: Stage, strength: float = 1.0) -> Slip:
    effect = Slip(strength, np.random.default_rng(0), scene, scene)  # type: ignore[arg-type]
    effect.begin()
    effect._due = [10]
    return effect


def carry(scene: Stage, effect: Slip, poses: list[Pose]) -> list[int]:
    """Carry block ``a`` along ``poses`` from step 0; the steps at which it slips."""
    slipped = []
    for step, pose in enumerate(poses):
        scene.here["a"], scene.held = pose, frozenset({"a"})
        if event := effect.before_step(step):
            assert event["body"] == "a"
            slipped.append(step)
        expected = MAX_OPENING if slipped and step < slipped[-1] + SLIP_STEPS else 0.01
        assert effect.opening(0.01) == expected
    return slipped


def test_a_held_body_slips_once_and_the_grip_is_open_for_a_moment() -> None:
    scene = Stage([block("a")], {"a": at(0.5, 0.0, 0.1)})
    assert carry(scene, slip(scene), [at(0.5, 0.0, 0.1)] * 40) == [11]  # it looks twice, to know the speed


def test_the_next_slip_looks_twice_again() -> None:
    scene = Stage([block("a")], {"a": at(0.5, 0.0, 0.1)})
    effect = slip(scene, 2.0)
    effect._due = [10, 20]
    assert carry(scene, effect, [at(0.5, 0.0, 0.1)] * 40) == [11, 21]


def test_nothing_slips_that_is_not_held_in_the_air() -> None:
    scene = Stage([block("a")], {"a": at(0.5, 0.0)})
    effect = slip(scene)
    assert carry(scene, effect, [at(0.5, 0.0, HALF + 0.01)] * 20) == []
    scene.held, scene.here["a"] = frozenset(), at(0.5, 0.0, 0.1)
    assert effect.before_step(20) is None


def test_nothing_slips_that_would_fall_on_another_body_or_out_of_reach() -> None:
    lower = [block("b"), roof("shelf", (0.05, 0.05, 0.01))]
    scene = Stage([block("a"), *lower], {"b": at(0.5, 0.0), "shelf": at(0.4, 0.15, 0.01), "a": at(0.5, 0.0, 0.1)})
    for x, y in [(0.5, 0.0), (0.5, 0.06), (0.4, 0.15), (0.7, 0.0)]:
        assert carry(scene, slip(scene), [at(x, y, 0.1)] * 20) == [], (x, y)
    assert carry(scene, slip(scene), [at(0.5, -0.15, 0.1)] * 20) == [11]


def test_the_flight_counts() -> None:
    scene = Stage([block("a"), block("b")], {"a": at(0.5, 0.0, 0.1), "b": at(0.5, 0.0)})
    pause = [at(0.5, 0.0, 0.1)] * 10
    towards = [at(0.5, -0.11 + 0.01 * step, 0.1) for step in range(8)]  # would land against b
    away = [at(0.5, -0.09 - 0.01 * step, 0.1) for step in range(8)]
    assert carry(scene, slip(scene), pause + towards) == []
    assert carry(scene, slip(scene), pause + away) == [11]
