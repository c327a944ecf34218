"""What a skill sees is relative: it does not change when the whole scene moves."""

from __future__ import annotations

import numpy as np
import pytest

from nsctl.geometry import from_rotation_vector, from_yaw, multiply
from nsctl.scene import Body, ObjectEstimate, Pose, Proprioception, SceneEstimate
from nsctl.symbolic import PlanStep
from policies.skills.situation import FEATURES, TRAVEL_CLEARANCE, goal_of, situate

DOWN = np.array([0.0, 1.0, 0.0, 0.0])
PICK, PLACE = PlanStep("pick", ("cube", "base")), PlanStep("place", ("cube", "base"))


def scene(
    shift: tuple[float, float, float] = (0, 0, 0),
    *,
    hand: tuple[float, float, float] = (0.4, 0.1, 0.3),
    cube_yaw: float = 0.0,
    hand_yaw: float = 0.0,
    neighbour: tuple[float, float] | None = None,
) -> SceneEstimate:
    quaternion = multiply(from_yaw(hand_yaw), DOWN)
    tcp = Pose(np.add(hand, shift), quaternion)
    bodies = {
        "cube": (Body("cube", "disc", (0.02,) * 3), Pose(np.add([0.5, 0.0, 0.07], shift), from_yaw(cube_yaw))),
        "base": (Body("base", "disc", (0.025,) * 3), Pose(np.add([0.5, 0.0, 0.025], shift))),
    }
    if neighbour is not None:
        bodies["other"] = (Body("other", "disc", (0.02,) * 3), Pose(np.add([*neighbour, 0.07], shift)))
    objects = {n: ObjectEstimate(b, p, 0.001, "estimated") for n, (b, p) in bodies.items()}
    return SceneEstimate(Proprioception(np.zeros(7), tcp, tcp, 0.08, -1.0), objects)


@pytest.mark.parametrize("step", [PICK, PLACE])
def test_features_do_not_depend_on_where_the_scene_is(step: PlanStep) -> None:
    here, there = scene(), scene((0.07, -0.12, 0.03))
    one, other = (situate(goal_of(step, s), s).features() for s in (here, there))
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert one.shape == (FEATURES,)
    assert one.dtype == np.float32


def test_a_pick_points_at_the_cube() -> None:
    s = situate(goal_of(PICK, scene()), scene())
    np.testing.assert_allclose(s.measured, [0.1, -0.1, -0.23], atol=1e-12)
    np.testing.assert_allclose(s.grip, s.measured)
    assert s.spread == pytest.approx(0.04)
    assert s.climb_measured == pytest.approx(0.09 + 0.02 + TRAVEL_CLEARANCE - 0.3)


def test_a_place_points_where_the_cube_must_go() -> None:
    held = scene(hand=(0.5, 0.0, 0.07))  # the cube lies on the base already, up to the gap at release
    np.testing.assert_allclose(situate(goal_of(PLACE, held), held).measured, [0, 0, 0.001], atol=1e-12)


@pytest.mark.parametrize("yaw", [-0.7, -0.2, 0.0, 0.3, 0.75])
def test_the_hand_turns_the_short_way_to_the_cubes_faces(yaw: float) -> None:
    s = situate(goal_of(PICK, scene(cube_yaw=yaw)), scene(cube_yaw=yaw))
    assert s.yaw == pytest.approx(yaw)


def test_a_cube_on_another_face_is_the_same_cube() -> None:
    upright = scene(cube_yaw=0.2)
    toppled = multiply(from_yaw(0.2), from_rotation_vector(np.array([np.pi / 2, 0.0, 0.0])))
    objects = dict(upright.objects)
    cube = objects["cube"]
    objects["cube"] = ObjectEstimate(cube.body, Pose(cube.pose.position, toppled), 0.001, "estimated")
    lying = SceneEstimate(upright.proprio, objects)
    assert situate(goal_of(PICK, lying), lying).yaw == pytest.approx(0.2)


@pytest.mark.parametrize(("neighbour", "turned"), [((0.5, 0.05), True), ((0.55, 0.0), False), (None, False)])
def test_the_fingers_go_where_there_is_room(neighbour: tuple[float, float] | None, turned: bool) -> None:
    """At heading 0 the fingers stand at +y and -y of the cube."""
    s = situate(goal_of(PICK, scene(neighbour=neighbour)), scene(neighbour=neighbour))
    assert abs(s.yaw) == pytest.approx(np.pi / 2 if turned else 0.0)


def test_a_cube_that_slipped_round_in_the_hand_is_placed_square() -> None:
    s = situate(goal_of(PLACE, scene(cube_yaw=0.3, hand_yaw=0.1)), scene(cube_yaw=0.3, hand_yaw=0.1))
    assert s.yaw == pytest.approx(-0.3)
