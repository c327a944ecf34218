"""What a scene leaves open is found by looking at others that it might be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nsctl.doubt import with_doubts
from nsctl.scene import Body, ObjectEstimate, Pose, Proprioception, SceneEstimate
from nsctl.symbolic import Atom, SymbolicState

LEFT = Atom("left", ("cube",))
EVER = Atom("there", ("cube",))


def scene(x: float, sigma: float) -> SceneEstimate:
    hand = Pose([0.4, 0.0, 0.3])
    cube = ObjectEstimate(Body("cube", "block", (0.02, 0.02, 0.02)), Pose([x, 0.0, 0.02]), sigma, "estimated")
    return SceneEstimate(Proprioception(np.zeros(7), hand, hand, 0.08, -1.0), {"cube": cube})


def ground(scene: SceneEstimate) -> SymbolicState:
    """The cube is there, and left of x = 0.5 or not."""
    return SymbolicState.of({EVER} | ({LEFT} if scene["cube"].pose.position[0] < 0.5 else set()))


@pytest.mark.parametrize(
    ("x", "sigma", "value"),
    [(0.40, 0.01, True), (0.60, 0.01, False), (0.499, 0.01, None), (0.501, 0.01, None), (0.499, 0.0, True)],
)  # fmt: skip
def test_an_atom_is_unknown_near_its_bound(x: float, sigma: float, value: bool | None) -> None:
    state = with_doubts(ground, scene(x, sigma))
    assert state.value(LEFT) is value
    assert state.value(EVER) is True
    assert (LEFT in state) == (x < 0.5), "the likeliest state is that of the estimate itself"


def test_looking_twice_gives_the_same() -> None:
    first, second = (with_doubts(ground, scene(0.495, 0.01)) for _ in range(2))
    assert (first, first.others) == (second, second.others)


def test_each_body_is_moved_by_its_own_sigma() -> None:
    unsure = scene(0.499, 0.01)
    sure = replace(unsure["cube"], sigma=0.0)
    both = SceneEstimate(
        unsure.proprio, {"cube": sure, "other": replace(unsure["cube"], body=replace(sure.body, name="other"))}
    )
    assert with_doubts(ground, both).unknown == frozenset()
