"""Towers are drawn evenly, stand where the hand has room, and success means every tower that was asked for."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np
import pytest

from envs.tasks.boxes import STEPS_A_MOVE
from envs.tasks.stack import BLOCKS, HALF, Stack, StackSuite, draw_towers
from nsctl.errors import InvalidValue, UnknownName
from nsctl.scene import Pose

Poses = dict[str, Pose]
State = frozenset[tuple[str, ...]]


def built(*towers: str) -> Poses:
    """Poses of towers such as ``"red green"`` (lowest first), side by side."""
    return {
        name: Pose(np.array([0.4 + 0.1 * i, 0.0, (2 * level + 1) * HALF]))
        for i, tower in enumerate(towers)
        for level, name in enumerate(tower.split())
    }


@pytest.fixture
def task() -> Stack:
    """Asks for blue on green, and red alone."""
    made = Stack(3)
    made._wanted = (("green", "blue"), ("red",))
    return made


def test_the_towers_that_are_wanted_are_success(task: Stack) -> None:
    assert task.achieved(built("green blue", "red"))
    assert task.achieved(built("red", "green blue"))


@pytest.mark.parametrize(
    "towers", [("green", "blue", "red"), ("blue green", "red"), ("green blue red",), ("red blue", "green")]
)
def test_other_towers_are_none(task: Stack, towers: tuple[str, ...]) -> None:
    assert not task.achieved(built(*towers))


@pytest.mark.parametrize("by", [[0.03, 0, 0], [0, 0, 0.01]])
def test_a_crooked_tower_is_none(task: Stack, by: list[float]) -> None:
    poses = built("green blue", "red")
    assert not task.achieved({**poses, "blue": Pose(poses["blue"].position + by)})


def test_nothing_is_carried_with_a_block_on_it(task: Stack) -> None:
    poses = built("green blue", "red")
    lifted = {n: Pose(p.position + [0, 0, 0.1]) if n in ("green", "blue") else p for n, p in poses.items()}
    assert task.broken_rule(lifted) == "green was moved with blue on it"
    assert task.broken_rule({**poses, "blue": lifted["blue"]}) == ""
    assert task.broken_rule(poses) == ""


@pytest.mark.parametrize("count", [3, 4])
def test_every_set_of_towers_is_as_likely(count: int) -> None:
    blocks = Stack(count).blocks
    every = set(reached(frozenset((block,) for block in blocks)))
    rng, each = np.random.default_rng(0), 60
    drawn = Counter(frozenset(draw_towers(blocks, rng)) for _ in range(each * len(every)))
    assert set(drawn) == every
    excess = sum((n - each) ** 2 / each for n in drawn.values())  # chi square, len(every) - 1 degrees of freedom
    assert excess < len(every) + 4 * np.sqrt(2 * len(every))


@pytest.mark.parametrize("count", [3, 4, 5])
def test_the_horizon_allows_for_the_longest_of_the_shortest_plans(count: int) -> None:
    states = reached(frozenset((block,) for block in Stack(count).blocks))
    shapes = {tuple(sorted(map(len, state))): state for state in states}  # what the blocks are called does not matter
    longest = max(max(reached(state).values()) for state in shapes.values())
    assert Stack(count).horizon == STEPS_A_MOVE * longest


def reached(start: State) -> dict[State, int]:
    """Every state, and how many moves it is away."""
    moves, queue = {start: 0}, deque([start])
    while queue:
        state = queue.popleft()
        for after in neighbours(state):
            if after not in moves:
                moves[after] = moves[state] + 1
                queue.append(after)
    return moves


def neighbours(state: State) -> Iterator[State]:
    for tower in state:
        rest = (state - {tower}) | ({tower[:-1]} if len(tower) > 1 else set())
        yield rest | {tower[-1:]}
        yield from ((rest - {other}) | {other + tower[-1:]} for other in state - {tower})


@pytest.mark.parametrize("count", [3, 4, 5, 6])
def test_the_open_hand_has_room_about_every_tower_in_view_of_the_cameras(count: int) -> None:
    task = Stack(count)
    for seed in range(100):
        poses = task.sample(np.random.default_rng(seed)).poses
        assert not task.achieved(poses)
        assert task.broken_rule(poses) == ""
        bases = [pose.position for pose in poses.values() if pose.position[2] < 1.5 * HALF]
        assert all(0.36 <= x <= 0.62 and abs(y) <= 0.21 for x, y, _ in bases)
        # Palm and open fingers with their line along y; 29 mm is half a block that is turned by 0.15 rad, and more.
        for a, b in combinations(bases, 2):
            assert abs(a[0] - b[0]) > 0.047 + 0.029 or abs(a[1] - b[1]) > 0.106 + 0.029


def test_a_tower_too_high_for_the_forearm_stands_behind_all_else() -> None:
    task, seen = Stack(6), 0
    for seed in range(100):
        poses = task.sample(np.random.default_rng(seed)).poses
        top = max(poses.values(), key=lambda pose: float(pose.position[2])).position
        if top[2] > 8 * HALF:
            seen += 1
            assert all(pose.position[0] < top[0] + 0.03 for pose in poses.values())
    assert seen > 10


def test_each_phrasing_names_every_tower() -> None:
    task = Stack(5)
    for seed in range(20):
        task.sample(np.random.default_rng(seed))
        wanted = {tuple(literal.atom.arguments) for literal in task.goal}
        assert len(wanted) == 5
        assert all(standing_in(text) == wanted for text in task.phrasings)


def standing_in(text: str) -> set[tuple[str, str]]:
    """What stands on what, read from an instruction alone: either ``red, blue; green`` or ``blue on red``."""
    if pairs := re.findall(rf"({'|'.join(BLOCKS)}) on (?:the )?(\w+)", text):
        return set(pairs)
    (listed,) = re.findall(r": ([a-z,; ]+)\.", text)
    towers = [["table", *row.split(", ")] for row in listed.split("; ")]
    return {(above, below) for tower in towers for below, above in pairwise(tower)}


def test_names_are_checked() -> None:
    suite = StackSuite()
    assert [suite.task(name).name for name in suite.tasks] == ["stack-3", "stack-4", "stack-5", "stack-6"]
    with pytest.raises(InvalidValue, match=r"stack-N takes 3 to 6 blocks, got 7"):
        suite.task("stack-7")
    with pytest.raises(UnknownName, match="Did you mean 'stack-3'"):
        suite.task("stack3")
