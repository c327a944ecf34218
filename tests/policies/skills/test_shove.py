"""Push: the body comes to its place, square and alone, and is given up when it has left its lane."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from nsctl import registry, tasks
from nsctl.contracts import SuiteOptions, World
from nsctl.geometry import box_yaw, from_yaw
from nsctl.scene import Body, ObjectEstimate, Pose, Proprioception, SceneEstimate
from nsctl.symbolic import PlanStep
from policies.perception.tracker import TrackerPerception
from policies.skills.execution import PATIENCE
from policies.skills.scripted import ScriptedSkill
from policies.skills.shove import FORK, LOW, THICK, TIME_LIMIT, goal_of, push_action, ready, situate

DOWN = np.array([0.0, 1.0, 0.0, 0.0])
CRATE, PLACE = Body("crate", "crate", (0.05, 0.05, 0.015)), Body("there", "zone", (0.05, 0.05, 0.0005), movable=False)
PUSH = PlanStep("push", ("crate", "here", "there"))


def scene(
    *,
    crate: tuple[float, float] = (0.45, 0.0),
    there: tuple[float, float] = (0.45, 0.18),
    behind: float | None = None,
    shift: tuple[float, float] = (0, 0),
) -> SceneEstimate:
    """``behind`` puts the hand down, this far from the crate's middle against +y."""
    middle = np.add(crate, shift)
    hand = [*np.add([0.4, 0.1], shift), 0.3] if behind is None else [middle[0], middle[1] - behind, LOW]
    heading = 0.0 if behind is None else np.pi / 2
    tcp = Pose(np.array(hand), np.array([0.0, np.cos(heading / 2), np.sin(heading / 2), 0.0]))
    poses = {
        "crate": (CRATE, Pose(np.array([*middle, 0.015]), from_yaw(0.0))),
        "there": (PLACE, Pose(np.array([*np.add(there, shift), 0.0005]))),
    }
    objects = {n: ObjectEstimate(b, p, 0.001, "estimated") for n, (b, p) in poses.items()}
    return SceneEstimate(Proprioception(np.zeros(7), tcp, tcp, 0.05, FORK), objects)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = tasks.suite_of("drawer-1").world(tasks.find("drawer-1"), SuiteOptions())
    yield made
    made.close()


@pytest.mark.parametrize("place", ["left", "right"])
def test_a_crate_is_pushed_aside(world: World, place: str) -> None:
    skill, played = registry.load("skills", "push-scripted")(), 0
    for episode in range(30):
        observation = world.reset(6, episode)
        before = world.truth()
        if abs(before["crate"].position[1]) > 0.1:
            continue  # it stands aside already
        perception = TrackerPerception()
        perception.begin(world.task.brief())
        execution = skill.begin(PlanStep("push", ("crate", "front", place)), perception(observation))
        while execution.status == "running":
            observation = world.step(execution.act(perception(observation)))
        after = world.truth()
        assert execution.status == "succeeded", execution.reason
        assert np.abs(after["crate"].position - after[place].position)[:2].max() < 0.015
        assert abs(box_yaw(after["crate"].quaternion)) < 0.3
        assert np.abs(after["drawer"].position - before["drawer"].position).max() < 0.002
        assert all(np.abs(after[b].position - before[b].position).max() < 0.002 for b in ("red",))
        played += 1
    assert played >= 3


def test_an_action_does_not_depend_on_where_the_scene_is() -> None:
    for behind in (None, 0.07):
        here, there = scene(behind=behind), scene(behind=behind, shift=(0.04, -0.06))
        actions = [push_action(situate(goal_of(PUSH, s), s)) for s in (here, there)]
        np.testing.assert_allclose(actions[0], actions[1], atol=1e-6)


def test_the_hand_stays_open_as_a_fork_all_the_while() -> None:
    for moment in (scene(), scene(behind=0.07), scene(there=(0.45, 0.001), behind=0.07)):
        assert push_action(situate(goal_of(PUSH, moment), moment))[6] == pytest.approx(FORK)


def test_behind_the_body_the_hand_goes_forward() -> None:
    moment = scene(behind=0.05 + THICK + 0.01)
    s = situate(goal_of(PUSH, moment), moment)
    assert ready(s)
    assert s.gap == pytest.approx(0.01)
    assert s.left == pytest.approx(0.18)
    action = push_action(s)
    assert action[1] > 0.1
    assert abs(action[0]) < 1e-6


def test_before_or_beside_the_body_the_hand_does_not_push() -> None:
    ahead = scene(behind=-0.08)
    assert not ready(situate(goal_of(PUSH, ahead), ahead))


def test_a_body_that_is_there_is_left_alone() -> None:
    near = scene(there=(0.45, 0.18), crate=(0.45, 0.179), behind=0.05 + THICK)
    goal = goal_of(PUSH, scene())
    assert push_action(situate(goal, near))[1] < 0.0


def test_a_body_that_left_its_lane_is_given_up() -> None:
    execution = ScriptedSkill("push").begin(PUSH, scene())
    astray = scene(crate=(0.50, 0.05))
    for _ in range(PATIENCE):
        assert execution.status == "running"
        execution.act(astray)
    assert (execution.status, execution.reason) == ("failed", "the object left its lane")


def test_a_push_that_never_gets_there_ends() -> None:
    execution = ScriptedSkill("push").begin(PUSH, scene())
    for _ in range(TIME_LIMIT):
        execution.act(scene())
    assert execution.reason == f"not done after {TIME_LIMIT} steps"
