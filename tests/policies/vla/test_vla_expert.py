"""The expert solves what it is set, and answers from the scene alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from nsctl import tasks
from nsctl.contracts import SuiteOptions, World
from nsctl.scene import make_action
from policies.skills.crafts import craft_of
from policies.vla.expert import Expert


@pytest.fixture
def world() -> Iterator[World]:
    made = tasks.suite_of("hanoi-2").world(tasks.find("hanoi-2"), SuiteOptions())
    yield made
    made.close()


def test_it_solves_the_tower_in_as_many_steps_as_there_must_be(world: World) -> None:
    observation = world.reset(1, 0)
    expert, begun = Expert(world.task.brief()), []
    while not world.over:
        advice = expert.advise(observation, world.truth())
        assert advice is not None
        if advice.begins and advice.step is not None:
            begun.append(advice.step)
        observation = world.step(advice.action)
    assert world.success_at_end
    assert [step.operator for step in begun] == ["pick", "place"] * 3


def test_its_answer_is_what_the_teacher_of_the_step_does_in_that_scene(world: World) -> None:
    """Wherever somebody else has brought the arm: what DAgger asks of an expert."""
    observation = world.reset(2, 0)
    expert, rng = Expert(world.task.brief()), np.random.default_rng(0)
    scenes, goal, checked = 0, None, 0
    for _ in range(60):
        truth = world.truth()
        advice = expert.advise(observation, truth)
        assert advice is not None
        if advice.step is not None:
            craft, scene = craft_of(advice.step.operator), expert.scene(observation, truth)
            if advice.begins:
                goal = craft.goal_of(advice.step, scene)
                scenes += 1
            np.testing.assert_array_equal(advice.action, craft.teacher(craft.situate(goal, scene)))
            checked += 1
        observation = world.step(make_action(rng.uniform(-0.03, 0.03, 3), 0.1 * rng.normal(), rng.choice([-1.0, 1.0])))
    assert scenes >= 1
    assert checked == 60


def test_it_plans_anew_when_what_it_was_about_makes_no_sense_any_more(world: World) -> None:
    observation = world.reset(3, 0)
    expert = Expert(world.task.brief())
    for _ in range(400):
        advice = expert.advise(observation, world.truth())
        assert advice is not None
        if advice.step is not None and advice.step.operator == "place":
            break
        observation = world.step(advice.action)
    assert advice.step is not None
    disc = advice.step.arguments[0]
    for _ in range(12):  # it is let go in mid-air
        observation = world.step(make_action([0.0, 0.0, 0.0], 0.0, -1.0))
        advice = expert.advise(observation, world.truth())
    assert advice is not None
    assert advice.step is not None
    assert (advice.step.operator, advice.step.arguments[0]) == ("pick", disc)


def test_at_the_goal_it_stands_still(world: World) -> None:
    observation = world.reset(4, 0)
    expert = Expert(world.task.brief())
    while not world.over:
        advice = expert.advise(observation, world.truth())
        assert advice is not None
        if not advice.plan:
            break
        observation = world.step(advice.action)
    assert not advice.plan
    assert not advice.action[:6].any()
    assert advice.action[6] == observation.proprio.gripper_command
