"""Where a skill cannot begin it says why, and it does not refuse what it can do."""

from __future__ import annotations

import numpy as np
import pytest

from nsctl.scene import Body, Box, Mount, ObjectEstimate, Pose, Proprioception, SceneEstimate
from nsctl.symbolic import PlanStep
from policies.skills.crafts import CRAFTS
from policies.skills.initiation import in_hand

DOWN = np.array([0.0, 1.0, 0.0, 0.0])
CUBE, OTHER = Body("cube", "block", (0.02,) * 3), Body("other", "block", (0.02,) * 3)
SLAB = Body("slab", "crate", (0.05, 0.05, 0.015))
CHEST = Body("chest", "chest", (0.1, 0.1, 0.03), movable=False, boxes=(Box((0.1, 0.1, 0.03)),))
TRAY = Body(
    "tray",
    "drawer",
    (0.1, 0.1, 0.02),
    movable=False,
    boxes=(Box((0.1, 0.1, 0.02)),),
    mount=Mount("chest", (0, 0, 0), 0.1),
)
STEPS = {
    "pick": ("cube", "table"),
    "place": ("cube", "table"),
    "stack": ("cube", "other"),
    "open": ("tray",),
    "push": ("slab", "here", "there"),
}


def scene(holds: str = "", *, on_cube: float | None = None, above: float = 0.3) -> SceneEstimate:
    """``on_cube`` puts ``other`` so many metres off the cube's middle, on top of it."""
    hand = Pose([0.5, 0.0, above], DOWN)
    poses = {
        CUBE: [0.5, 0.0, 0.02],
        OTHER: [0.4, 0.1, 0.02] if on_cube is None else [0.5 + on_cube, 0.0, 0.06],
        SLAB: [0.4, -0.15, 0.015],
        CHEST: [0.65, 0.0, 0.03],
        TRAY: [0.65, 0.0, 0.03],
    }
    objects = {
        b.name: ObjectEstimate(b, hand if b.name == holds else Pose(at), 0.002, "estimated") for b, at in poses.items()
    }
    gripper = (0.0405, 1.0) if holds else (0.08, -1.0)
    return SceneEstimate(Proprioception(np.zeros(7), hand, hand, *gripper), objects)


def refusal(operator: str, seen: SceneEstimate, *arguments: str) -> str:
    return CRAFTS[operator].refusal(PlanStep(operator, arguments or STEPS[operator]), seen)


@pytest.mark.parametrize("operator", ["pick", "open", "push"])
def test_a_free_hand_may_begin(operator: str) -> None:
    assert refusal(operator, scene()) == ""


@pytest.mark.parametrize("operator", ["place", "stack"])
def test_what_is_held_may_be_put_down_and_nothing_else(operator: str) -> None:
    assert refusal(operator, scene("cube")) == ""
    assert refusal(operator, scene()) == "cube is not in the hand"
    assert refusal(operator, scene("other")) == "cube is not in the hand"


@pytest.mark.parametrize("operator", ["pick", "open", "push"])
def test_a_full_hand_is_refused(operator: str) -> None:
    assert refusal(operator, scene("other")) == "the hand holds other"


def test_what_the_hand_holds_may_be_picked_again() -> None:
    assert refusal("pick", scene("cube")) == ""


def test_a_covered_body_is_refused_and_one_that_is_leant_on_is_not() -> None:
    assert refusal("pick", scene(on_cube=0.01)) == "other lies on cube"
    assert refusal("pick", scene(on_cube=0.03)) == ""


def test_what_is_too_wide_or_fixed_is_refused() -> None:
    assert refusal("pick", scene(), "slab", "table") == "slab is too wide for the hand: 100 mm"
    assert refusal("pick", scene(), "chest", "table") == "chest cannot be taken: it stays where it is put"
    assert refusal("push", scene(), "chest", "a", "b") == "chest cannot be pushed: it stays where it is put"
    assert refusal("open", scene(), "chest") == "chest does not slide"


def test_a_thing_near_an_open_hand_is_not_in_it() -> None:
    assert in_hand(scene(above=0.02)) == ""
    assert in_hand(scene("cube")) == "cube"
