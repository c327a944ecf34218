"""The expert solves what it is set, and answers from the scene alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from nsctl import tasks
from nsctl.contracts import SuiteOptions, World
from nsctl.scene import make_action
from nsctl.symbolic import SymbolicState
from policies.skills.crafts import craft_of
from policies.vla.expert import LONGEST_MOVE, Expert, Walker


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


@pytest.fixture
def legal() -> Iterator[tuple[World, SymbolicState]]:
    """A world of single moves at an initial state, and that state."""
    made = tasks.suite_of("move").world(tasks.find("move"), SuiteOptions())
    observation = made.reset(1, 0)
    expert = Expert(made.task.brief())
    advice = expert.advise(observation, made.truth())
    assert advice is not None
    yield made, advice.state
    made.close()


def walked(world: World, state: SymbolicState, moves: int, seed: int) -> list[tuple[str, str]]:
    """What a walker would do, disc and support, if each of its steps did what it promises."""
    walker, done = Walker(world.task.brief(), moves, np.random.default_rng(seed)), []
    while plan := walker._planned(state):
        pick, place = plan
        assert not walker._task.reached(place.apply(pick.apply(state)))
        done.append((pick.arguments[0], place.arguments[1]))
        state = place.apply(pick.apply(state))
    return done


def test_a_walk_is_as_long_as_was_asked_and_comes_nowhere_near_the_goal(legal: tuple[World, SymbolicState]) -> None:
    world, state = legal
    first, again, other = (walked(world, state, 40, seed) for seed in (0, 0, 1))
    assert len(first) == 40
    assert first == again != other


def test_each_legal_move_but_that_to_the_goal_is_drawn(legal: tuple[World, SymbolicState]) -> None:
    world, state = legal
    on = {atom.arguments[0]: atom.arguments[1] for atom in state.atoms if atom.predicate == "on"}
    tops = sorted({*on, "left", "middle", "right"} - set(on.values()))
    below = {top: on.get(top) for top in tops}
    legal_moves = {
        (disc, support)
        for disc in tops
        for support in tops
        if disc in on and below[disc] != support and (support not in on or disc < support)
    }
    goal = {literal.atom.arguments for literal in world.task.goal}
    allowed = {move for move in legal_moves if move not in goal}
    assert len(allowed) == len(legal_moves) - 1
    assert {walked(world, state, 1, seed)[0] for seed in range(30)} == allowed


def test_a_move_that_takes_too_long_is_given_up(legal: tuple[World, SymbolicState]) -> None:
    world, _ = legal
    observation = world.reset(1, 0)
    walker = Walker(world.task.brief(), 3, np.random.default_rng(0))
    advice = [walker.advise(observation, world.truth()) for _ in range(LONGEST_MOVE + 2)]  # nothing is ever executed
    assert [each is None for each in advice] == [False] * (LONGEST_MOVE + 1) + [True]
