"""The success test says yes to a tower and no to everything that is nearly one."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from envs.tasks.boxes import apart
from envs.tasks.hanoi import PEGS, Hanoi, HanoiAny, HanoiSuite, half_size
from nsctl.errors import InvalidValue, UnknownName
from nsctl.geometry import from_rotation_vector
from nsctl.scene import Pose

Poses = dict[str, Pose]


@pytest.fixture
def task() -> Hanoi:
    return Hanoi(3)


@pytest.fixture
def solved(task: Hanoi) -> Poses:
    """The tower on the right, exactly."""
    return dict(task.layout({"right": task.discs[::-1]}, np.random.default_rng(0)).poses)


def shifted(poses: Poses, name: str, by: list[float]) -> Poses:
    return {**poses, name: Pose(poses[name].position + by, poses[name].quaternion)}


def test_a_tower_on_the_right_is_success(task: Hanoi, solved: Poses) -> None:
    assert task.achieved(solved)


def test_the_published_sizes(task: Hanoi) -> None:
    assert [half_size(i) for i in (1, 2, 3, 4)] == pytest.approx([0.020, 0.0225, 0.025, 0.0275])


def test_no_initial_state_is_solved(task: Hanoi) -> None:
    assert not any(task.achieved(task.sample(np.random.default_rng(i)).poses) for i in range(50))


@pytest.mark.parametrize("name", ["disc1", "disc2", "disc3"])
@pytest.mark.parametrize("by", [[0.03, 0, 0], [0, 0, 0.01], [0, 0.2, 0]])
def test_a_disc_out_of_place_is_no_success(task: Hanoi, solved: Poses, name: str, by: list[float]) -> None:
    by = [by[0] * 2, *by[1:]] if name == "disc3" else by  # the lowest disc may lie a little off the mark
    assert not task.achieved(shifted(solved, name, by))


def test_a_tilted_disc_is_no_success(task: Hanoi, solved: Poses) -> None:
    tilted = Pose(solved["disc1"].position, from_rotation_vector(np.array([0.3, 0.0, 0.0])))
    assert not task.achieved({**solved, "disc1": tilted})


def test_the_tower_in_another_order_is_no_success(task: Hanoi) -> None:
    wrong = task.layout({"right": ["disc3", "disc1", "disc2"]}, np.random.default_rng(0)).poses
    assert not task.achieved(wrong)


def test_the_goal_says_what_success_tests(task: Hanoi) -> None:
    assert [str(g) for g in task.goal] == ["on(disc1, disc2)", "on(disc2, disc3)", "on(disc3, right)"]


def test_nothing_is_smaller_than_the_table(task: Hanoi) -> None:
    assert not any("table" in atom.arguments for atom in task.facts)
    assert len(task.facts) == 3 * 3 + 3


def test_two_discs_at_once_are_against_the_rules(task: Hanoi, solved: Poses) -> None:
    lifted = shifted(shifted(solved, "disc2", [0, 0, 0.1]), "disc1", [0, 0, 0.1])
    assert task.broken_rule(lifted) == "disc2 was moved with disc1 on it"
    assert task.broken_rule(shifted(solved, "disc1", [0, 0, 0.1])) == ""
    assert task.broken_rule(solved) == ""


@pytest.mark.parametrize("episode", range(20))
def test_any_state_is_asked_for_from_any_other_and_the_text_says_which(episode: int) -> None:
    task = HanoiAny(4)
    start = task.sample(np.random.default_rng(episode)).poses
    assert not task.achieved(start)
    assert task.broken_rule(start) == ""
    for text in task.phrasings:
        assert standing_in(text) == {tuple(literal.atom.arguments) for literal in task.goal}


def standing_in(text: str) -> set[tuple[str, str]]:
    """What lies on what, read from an instruction alone: either ``left: disc3, disc1`` or ``disc1 on disc3``."""
    if pairs := re.findall(r"(disc\d) on (?:the )?(\w+)", text):
        return set(pairs)
    rows = re.findall(r"(left|middle|right): ((?:disc\d(?:, )?)+)", text)
    return {pair for peg, row in rows for pair in zip(row.split(", "), [peg, *row.split(", ")], strict=False)}


def test_every_legal_state_is_a_start_and_a_goal_alike() -> None:
    task, rng, starts, goals = HanoiAny(3), np.random.default_rng(0), Counter[str](), Counter[str]()
    for _ in range(1500):
        poses = task.sample(rng).poses
        starts[" ".join(min(PEGS, key=lambda p, d=d: apart(poses[p], poses[d])) for d in task.discs)] += 1
        goals[str(task.goal)] += 1
    assert len(starts) == len(goals) == 3**3
    assert min(*starts.values(), *goals.values()) > 25  # of 56 on average


def test_the_towers_that_are_wanted_are_success() -> None:
    task = HanoiAny(4)
    task.sample(np.random.default_rng(1))
    assert task.achieved(task.layout(task._wanted, np.random.default_rng(2)).poses)


def test_a_larger_disc_on_a_smaller_one_is_against_the_rules(task: Hanoi) -> None:
    wrong = task.layout({"left": ["disc1", "disc3"], "right": ["disc2"]}, np.random.default_rng(0)).poses
    assert task.broken_rule(wrong) == "disc3 lies on the smaller disc1"


def test_names_are_checked() -> None:
    suite = HanoiSuite()
    assert suite.task("hanoi-4").name == "hanoi-4"
    with pytest.raises(InvalidValue, match=r"hanoi-N takes 1 to 6 discs, got 9"):
        suite.task("hanoi-9")
    assert suite.task("hanoi-4-any").name == "hanoi-4-any"
    with pytest.raises(InvalidValue, match=r"hanoi-N-any takes 3 to 6 discs, got 2"):
        suite.task("hanoi-2-any")
    with pytest.raises(UnknownName, match="Did you mean 'hanoi-3'"):
        suite.task("hanoi3")
