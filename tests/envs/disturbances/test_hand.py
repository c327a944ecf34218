"""A meddling hand pushes and takes what a gripper could take, and breaks no rule with it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from stage import HALF, Stage, at, block, roof

from envs.disturbances.effect import Striking
from envs.disturbances.hand import PUSH_SPEED, Hand, Push, Snatch
from envs.disturbances.surroundings import REACH
from nsctl.scene import Body, Pose
from nsctl.symbolic import Atom

TOWER = {"a": at(0.5, 0.1), "b": at(0.5, 0.1, 3 * HALF), "c": at(0.4, -0.1)}


def begun(kind: type[Striking], stage: Stage, strength: float = 1.0, seed: int = 0) -> Striking:
    effect = kind(strength, np.random.default_rng(seed), stage, stage)  # type: ignore[arg-type]
    effect.begin()
    return effect


def stage(**bodies: Body) -> Stage:
    return Stage([*map(block, TOWER), *bodies.values()], TOWER)


def test_a_push_has_the_speed_that_its_strength_says() -> None:
    for seed in range(10):
        scene = stage()
        done = begun(Push, scene, 0.5, seed).strike(0) or {}
        ((what, name, velocity),) = scene.moves
        assert (what, name) == ("push", done["body"])
        assert 0.5 * PUSH_SPEED[0] <= np.linalg.norm(velocity) <= 0.5 * PUSH_SPEED[1]
        assert velocity[2] == 0


@pytest.mark.parametrize("kind", [Push, Snatch, Hand])
def test_only_what_is_bare_is_touched(kind: type[Striking]) -> None:
    touched = {(begun(kind, stage(), seed=seed).strike(0) or {})["body"] for seed in range(20)}
    assert touched == {"b", "c"}


@pytest.mark.parametrize("kind", [Push, Snatch, Hand])
def test_what_is_too_wide_or_under_a_roof_is_left_alone(kind: type[Striking]) -> None:
    wide, lid = block("wide", (0.05, 0.05, HALF)), roof("lid", (0.1, 0.1, 0.002))
    scene = Stage([block("a"), wide, lid], {"a": at(0.5, 0.1), "wide": at(0.4, -0.1), "lid": at(0.5, 0.1, 0.05)})
    effect = begun(kind, scene)
    assert all(effect.before_step(step) is None for step in range(400))
    scene.here["lid"] = at(0.7, 0.1, 0.05)  # the drawer is opened
    assert (effect.before_step(400) or {})["body"] == "a"
    assert effect.before_step(401) is None  # once


def test_a_snatched_body_has_room_on_every_side_wherever_it_was() -> None:
    for seed in range(30):
        scene = stage()
        done = begun(Snatch, scene, seed=seed).strike(0) or {}
        assert done["onto"] == "table"
        spot = scene.here[done["body"]].position
        assert spot[2] == pytest.approx(HALF)
        assert all(low <= x <= high for x, low, high in zip(spot[:2], *REACH, strict=True))
        for one, other in combinations(scene.here.values(), 2):
            gap = np.hypot(*(one.position - other.position)[:2])
            assert gap > 0.05 or {id(one), id(other)} == {id(scene.here["a"]), id(scene.here["b"])}


def test_a_full_table_is_waited_for() -> None:
    slab = roof("slab", (0.3, 0.4, 0.001))
    scene = Stage([block("a"), slab], {"a": at(0.5, 0.1), "slab": at(0.5, 0.0, 0.001)})
    assert begun(Snatch, scene).strike(0) is None
    assert scene.moves == []


def test_a_body_comes_onto_another_only_where_the_facts_allow_it() -> None:
    fact = Atom("smaller", ("c", "b"))
    goals = set()
    for seed in range(20):
        scene = Stage(map(block, TOWER), TOWER, [fact])
        done = begun(Snatch, scene, seed=seed).strike(0) or {}
        goals.add((done["body"], done["onto"]))
        if done["onto"] == "b":
            assert scene.here["c"].position == pytest.approx([0.5, 0.1, 5 * HALF])
    assert goals == {("b", "table"), ("c", "table"), ("c", "b")}


def test_nothing_is_built_while_the_arm_carries_another_body() -> None:
    for seed in range(20):
        scene = Stage(map(block, TOWER), TOWER, [Atom("smaller", ("c", "b"))])
        scene.held = frozenset({"b"})
        done = begun(Snatch, scene, seed=seed).strike(0) or {}
        assert done["onto"] == "table"
        assert done["from_grip"] == (done["body"] == "b")


def test_what_the_fingers_have_is_snatched_and_never_pushed() -> None:
    scene = stage()
    scene.held = frozenset({"b", "c"})
    assert begun(Push, scene).strike(0) is None
    deeds = {(begun(Hand, scene, seed=seed).strike(0) or {})["deed"] for seed in range(10)}
    assert deeds == {"snatch"}


def test_a_hand_does_either() -> None:
    deeds = [(begun(Hand, stage(), seed=seed).strike(0) or {})["deed"] for seed in range(20)]
    assert set(deeds) == {"push", "snatch"}


@pytest.mark.parametrize(("strength", "least", "most"), [(2.0, 2, 2), (0.5, 0, 1), (1.5, 1, 2)])
@pytest.mark.parametrize("kind", [Snatch, Hand])
def test_strength_is_how_often(kind: type[Striking], strength: float, least: int, most: int) -> None:
    counts = []
    for seed in range(24):
        effect = begun(kind, stage(), strength, seed)
        counts.append(sum(effect.before_step(step) is not None for step in range(400)))
    assert (min(counts), max(counts)) == (least, most)


def test_the_moment_is_drawn_and_early_enough() -> None:
    steps = []
    for seed in range(30):
        effect = begun(Push, stage(), seed=seed)
        steps.append(next(step for step in range(1000) if effect.before_step(step)))
    assert len(set(steps)) > 20
    assert min(steps) >= 20
    assert max(steps) < 200


def test_beside_a_tall_thing_there_is_room_for_a_palm() -> None:
    for seed in range(20):
        wall = roof("wall", (0.01, 0.3, 0.06))
        scene = Stage([block("a"), wall], {"a": at(0.5, 0.1), "wall": at(0.6, 0.0, 0.06)})
        begun(Snatch, scene, seed=seed).strike(0)
        assert 0.59 - (scene.here["a"].position[0] + HALF) > 0.06 + 0.025


@pytest.mark.parametrize(
    ("half", "pose", "pushed"),
    [((HALF, HALF, HALF), at(0.5, 0.0), True), ((HALF, HALF, 0.03), at(0.5, 0.0, 0.03), False)],
)
def test_what_would_topple_is_not_pushed(half: tuple[float, float, float], pose: Pose, pushed: bool) -> None:
    assert (begun(Push, Stage([block("a", half)], {"a": pose})).strike(0) is not None) == pushed


def test_a_push_goes_where_there_is_room_to_slide() -> None:
    wall = roof("wall", (0.1, 0.005, HALF))
    for seed in range(40):
        scene = Stage([block("a"), wall], {"a": at(0.5, 0.0), "wall": at(0.5, 0.045)})
        if begun(Push, scene, seed=seed).strike(0):
            assert scene.moves[0][2][1] < 0.1  # away from it, or along it
