"""Items count where they truly lie, trays have room for all of them only if they are used well."""

from __future__ import annotations

import re
from itertools import combinations, permutations, product

import numpy as np
import pytest

from envs.tasks.sort import PITCH, SMALL_SLOTS, Sort, SortSuite, accepts
from nsctl.errors import InvalidValue, UnknownName
from nsctl.geometry import from_rotation_vector
from nsctl.scene import Pose
from nsctl.symbolic import Atom

Poses = dict[str, Pose]
COUNTS = [4, 5, 6, 7, 8]


def sorted_out(task: Sort) -> dict[str, str]:
    """Some slot for each item that accepts it, no slot twice."""
    chosen: dict[str, str] = {}
    for item in sorted(task.items, key=lambda item: "small" in item):  # large ones have less choice
        chosen[item] = next(s for s in task.slots if accepts(s, item) and s not in chosen.values())
    return chosen


def lying(task: Sort, slots: dict[str, str]) -> Poses:
    """Every item in the middle of its slot."""
    poses = dict(task.sample(np.random.default_rng(0)).poses)
    for item, slot in slots.items():
        half = task.body(item).half_extents[2]
        poses[item] = Pose(poses[slot].position + [0, 0, half])
    return poses


@pytest.mark.parametrize("count", COUNTS)
def test_items_in_slots_that_accept_them_are_success(count: int) -> None:
    task = Sort(count)
    assert task.achieved(lying(task, sorted_out(task)))


@pytest.mark.parametrize("by", [[0.04, 0, 0], [0, 0.04, 0], [0, 0, 0.01]])
def test_an_item_beside_or_above_its_slot_is_none(by: list[float]) -> None:
    task = Sort(6)
    poses = lying(task, sorted_out(task))
    for item in task.items:
        assert not task.achieved({**poses, item: Pose(poses[item].position + by)})


def test_a_tilted_item_is_none() -> None:
    task = Sort(4)
    poses = lying(task, sorted_out(task))
    tilted = Pose(poses["red-large-1"].position, from_rotation_vector(np.array([0.3, 0.0, 0.0])))
    assert not task.achieved({**poses, "red-large-1": tilted})


def test_two_items_that_swap_colours_are_none() -> None:
    task = Sort(4)
    slots = sorted_out(task)
    slots["red-large-1"], slots["blue-large-1"] = slots["blue-large-1"], slots["red-large-1"]
    assert not task.achieved(lying(task, slots))


def test_two_items_in_one_slot_are_none() -> None:
    task = Sort(4)
    poses = lying(task, sorted_out(task))
    one, other = "red-small-1", "blue-small-1"
    slot = poses["small-slot-1"].position
    assert task.achieved({**poses, one: Pose(slot + [0, 0, 0.02])})
    beside = {one: Pose(slot + [0, 0.0205, 0.02]), other: Pose(slot + [0, -0.0205, 0.02])}
    assert not task.achieved({**poses, **beside})


@pytest.mark.parametrize("count", COUNTS)
def test_capacity_matters(count: int) -> None:
    """Colours alone do not do it: some small item must go to the small tray, and not every choice leaves a way."""
    task = Sort(count)
    colours = {word: sum(item.startswith(word) for item in task.items) for word in ("red", "blue")}
    assert len(task.slots) == sum(task.room.values()) >= count
    assert max(colours[word] - task.room[word] for word in colours) > 0
    assert all(sum(f"{word}-large" in item for item in task.items) <= task.room[word] for word in colours)
    assert sum("small" in item for item in task.items) >= SMALL_SLOTS


@pytest.mark.parametrize("count", COUNTS)
def test_the_goal_and_the_facts_accept_the_same(count: int) -> None:
    task = Sort(count)
    asked = {part.atom.arguments for disjunction in task.goal for part in disjunction.parts}
    taken = {atom.arguments[::-1] for atom in task.facts if atom.predicate == "accepts"}
    assert asked == {pair for pair in taken if pair[1] != "table"}
    assert Atom("accepts", ("small-slot-1", "red-small-1")) in task.facts
    assert Atom("accepts", ("small-slot-1", "red-large-1")) not in task.facts
    assert Atom("accepts", ("red-slot-1", "blue-large-1")) not in task.facts


@pytest.mark.parametrize("count", COUNTS)
def test_starts_are_unsorted_in_view_and_leave_room_for_the_fingers(count: int) -> None:
    task, in_trays = Sort(count), 0
    for seed in range(60):
        poses = task.sample(np.random.default_rng(seed)).poses
        assert not task.achieved(poses)
        items = [poses[item].position for item in task.items]
        in_trays += sum(np.hypot(*(a - poses[s].position)[:2]) < 0.01 for a, s in product(items, task.slots))
        assert all(0.32 < x < 0.68 and abs(y) < 0.24 for x, y, _ in items)
        for a, b in combinations(items, 2):
            # Open fingers (50 mm off the middle, 9 mm wide) and a block of 25 mm, both turned by 0.15 rad.
            assert abs(a[1] - b[1]) > 0.081 or abs(a[0] - b[0]) > 0.045
    assert 0.4 < in_trays / (60 * count) < 0.6


def test_slots_lie_apart_and_inside_their_trays() -> None:
    task = Sort(8)
    poses = task.sample(np.random.default_rng(3)).poses
    slots = [poses[s].position for s in task.slots]
    assert min(float(np.linalg.norm(a - b)) for a, b in permutations(slots, 2)) == pytest.approx(PITCH)
    for body in task.bodies:
        if body.mount:
            tray, off = task.body(body.mount.on), np.abs(poses[body.name].position - poses[body.mount.on].position)
            assert all(off[i] + body.half_extents[i] < tray.half_extents[i] for i in (0, 1))


def test_each_phrasing_gives_the_room_of_every_tray() -> None:
    for text in Sort(7).phrasings:
        assert re.findall(r"\d", text) == ["3", "3", "2"]
        assert all(word in text for word in ("red", "blue", "small"))


def test_names_are_checked() -> None:
    suite = SortSuite()
    assert [suite.task(name).name for name in suite.tasks] == [f"sort-{n}" for n in COUNTS]
    with pytest.raises(InvalidValue, match=r"sort-N takes 4 to 8 items, got 9"):
        suite.task("sort-9")
    with pytest.raises(UnknownName, match="Did you mean 'sort-4'"):
        suite.task("sort4")
