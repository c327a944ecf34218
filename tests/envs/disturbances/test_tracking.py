"""The tracker jitters, or loses a body, for a while."""

from __future__ import annotations

import numpy as np
import pytest
from stage import Stage, at, block

from envs.disturbances.effect import Striking
from envs.disturbances.tracking import JITTER, LOST_STEPS, NOISY_STEPS, Dropout, Noise
from nsctl.scene import Array


def watched(effect: Striking, scene: Stage, steps: int = 400) -> tuple[int, dict[str, Array], dict[str, Array]]:
    """The step of the event; for each body what was read and what is true, [steps, 3]. Body ``a`` wanders."""
    effect.begin()
    effect.read(scene.poses())
    struck, read, true = -1, {n: [] for n in scene.here}, {n: [] for n in scene.here}
    for step in range(steps):
        if effect.before_step(step):
            assert struck < 0
            struck = step
        scene.here["a"] = at(0.4 + 0.0005 * step, 0.0)
        for name, pose in effect.read(scene.poses()).items():
            read[name].append(pose.position)
            true[name].append(scene.here[name].position)
    return struck, {n: np.array(v) for n, v in read.items()}, {n: np.array(v) for n, v in true.items()}


def stage() -> Stage:
    return Stage([block("a"), block("b")], {"a": at(0.4, 0.0), "b": at(0.5, 0.2)})


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_noise_lasts_for_two_seconds_and_is_as_strong_as_it_says(strength: float) -> None:
    scene = stage()
    step, read, true = watched(Noise(strength, np.random.default_rng(3), scene, scene), scene)  # type: ignore[arg-type]
    for name in read:
        error = read[name] - true[name]
        noisy = error[step : step + NOISY_STEPS]
        assert np.std(noisy) == pytest.approx(JITTER * strength, rel=0.25)
        assert (np.abs(noisy).sum(axis=1) > 0).all()
        assert not np.any(error[:step])
        assert not np.any(error[step + NOISY_STEPS :])


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_a_lost_body_is_seen_where_it_was_last(strength: float) -> None:
    scene = stage()
    scene.held = frozenset({"a"})
    step, read, true = watched(Dropout(strength, np.random.default_rng(3), scene, scene), scene)  # type: ignore[arg-type]
    end = step + round(LOST_STEPS * strength)
    assert (read["a"][step:end] == true["a"][step - 1]).all()
    np.testing.assert_array_equal(read["a"][:step], true["a"][:step])
    np.testing.assert_array_equal(read["a"][end:], true["a"][end:])
    np.testing.assert_array_equal(read["b"], true["b"])


def test_a_hand_hides_what_it_holds() -> None:
    lost = set()
    for held in ("a", "b", None):
        for seed in range(8):
            scene = stage()
            scene.held = frozenset({held} if held else ())
            effect = Dropout(1.0, np.random.default_rng(seed), scene, scene)  # type: ignore[arg-type]
            effect.begin()
            effect.read(scene.poses())
            lost.add((held, (effect.strike(0) or {})["body"]))
    assert lost == {("a", "a"), ("b", "b"), (None, "a"), (None, "b")}
