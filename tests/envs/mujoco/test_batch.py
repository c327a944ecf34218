"""A batch of worlds gives bit for bit what as many single worlds give."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from envs.gym import TableEnv
from envs.mujoco.batch import BatchEnv
from nsctl import registry, tasks
from nsctl.contracts import SuiteOptions
from nsctl.episode import play as play_alone
from nsctl.errors import EpisodeError, InvalidValue, UnknownName
from nsctl.phases import EpisodeClock

TASKS = [spec.kwargs["task"] for name, spec in gymnasium.registry.items() if name.startswith("nsctl/")]
STILL = np.array([0, 0, 0, 0, 0, 0, -1], dtype=np.float32)


def pair(task: str, count: int, threads: int = 2, **arguments: Any) -> tuple[SyncVectorEnv, BatchEnv]:
    """Single worlds in a row, and a batch of as many."""
    singles = SyncVectorEnv([lambda: TableEnv(task, **arguments) for _ in range(count)])
    return singles, BatchEnv(task, count, threads=threads, **arguments)


def differences(left: Any, right: Any, where: str = "") -> list[str]:
    """Where two results of ``reset`` or ``step`` are not exactly the same."""
    if isinstance(left, dict):
        if left.keys() != right.keys():
            return [f"{where}: {sorted(left)} != {sorted(right)}"]
        return [found for key in left for found in differences(left[key], right[key], f"{where}/{key}")]
    if isinstance(left, tuple):
        parts = enumerate(zip(left, right, strict=True))
        return [found for i, (a, b) in parts for found in differences(a, b, f"{where}/{i}")]
    same = left.dtype == right.dtype and left.shape == right.shape and left.tolist() == right.tolist()
    return [] if same else [where]


def play(task: str, actions: Sequence[np.ndarray[Any, Any]], **arguments: Any) -> tuple[list[str], list[Any]]:
    """What differs in an episode of these actions, [num_envs, 7] each, and what the batch's steps returned."""
    singles, batch = pair(task, len(actions[0]), **arguments)
    seeds = list(range(5, 5 + len(actions[0])))
    found, results = differences(singles.reset(seed=seeds), batch.reset(seed=seeds), "reset"), []
    for number, action in enumerate(actions):
        results.append(batch.step(action))
        found += differences(singles.step(action), results[-1], f"step {number}")
    singles.close()
    batch.close()
    return found, results


def wild(steps: int, count: int, seed: int = 0) -> list[np.ndarray[Any, Any]]:
    """Motions that last half a second each and tend towards the table."""
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(-1, 1, (steps // 10 + 1, count, 7)) + [0, 0, -0.5, 0, 0, 0, 0]
    return list(np.clip(drawn, -1, 1).repeat(10, axis=0)[:steps].astype(np.float32))


@pytest.mark.parametrize("task", TASKS)
def test_every_task_goes_as_it_does_alone(task: str) -> None:
    found, results = play(task, wild(30, 2))
    assert found == []
    first, last = (results[i][0]["proprio"] for i in (0, -1))
    assert np.abs(first - last).max() > 0.1


def scripted(task: str, seed: int) -> list[np.ndarray[Any, Any]]:
    """What the scripted agent does in the first episode of a seed, and standing still for two seconds."""
    world = tasks.suite_of(task).world(tasks.find(task), SuiteOptions())
    actions: list[np.ndarray[Any, Any]] = []
    step = world.step
    world.step = lambda action: actions.append(action) or step(action)  # type: ignore[func-returns-value, method-assign]
    episode = play_alone(world, registry.load("agents", "scripted")(), EpisodeClock(()), seed, 0)
    world.close()
    assert episode.outcome.status == "succeeded"
    return [*actions, *[STILL] * 40]


@pytest.mark.parametrize("task", ["hanoi-2", "drawer-1"])
def test_grasps_and_drawers_go_as_they_do_alone(task: str) -> None:
    pairs = zip_longest(*(scripted(task, seed) for seed in (5, 6)), fillvalue=STILL)
    found, results = play(task, [np.stack(pair) for pair in pairs])
    assert found == []
    assert sum(result[2].astype(int) for result in results).tolist() == [1, 1]


def test_noise_and_threads_change_nothing() -> None:
    assert play("hanoi-2", wild(20, 3, seed=1), pose_noise=0.0, threads=1)[0] == []


def test_pictures_are_the_same() -> None:
    found, results = play("hanoi-1", wild(3, 2), cameras=("front", "wrist"))
    assert found == []
    assert results[-1][0]["images"]["wrist"].shape == (2, 128, 128, 3)


def test_success_and_the_next_episode_come_in_the_same_steps() -> None:
    task = "hanoi-1"
    singles, batch = pair(task, 2)
    with_right = {"seed": [3, 4], "options": {"initial_state": {"disc1": [0.5, -0.2, 0.02, 1, 0, 0, 0]}}}
    assert differences(singles.reset(**with_right), batch.reset(**with_right)) == []
    ends = []
    for _ in range(14):
        action = np.stack([STILL, STILL])
        result = batch.step(action)
        assert differences(singles.step(action), result) == []
        ends.append((result[1].tolist(), result[2].tolist(), result[4]["is_success"].tolist()))
    assert ends[9] == ([1.0, 1.0], [True, True], [True, True])
    assert ends[10] == ([0.0, 0.0], [False, False], [False, False])
    assert batch.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    singles.close()
    batch.close()


def test_a_broken_rule_and_the_horizon_end_episodes_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    from envs.tasks.hanoi import Hanoi

    plain = Hanoi.__init__

    def hasty(self: Any, *arguments: Any, **others: Any) -> None:
        plain(self, *arguments, **others)
        self.horizon = 13

    monkeypatch.setattr(Hanoi, "__init__", hasty)
    singles, batch = pair("hanoi-2", 2)
    state = {"disc1": [0.4, 0.1, 0.02, 1, 0, 0, 0], "disc2": [0.4, 0.1, 0.0625, 1, 0, 0, 0]}
    start = {"seed": 0, "options": {"initial_state": state}}
    assert differences(singles.reset(**start), batch.reset(**start)) == []
    ends = set()
    for _ in range(30):
        result = batch.step(np.stack([STILL, STILL]))
        assert differences(singles.step(np.stack([STILL, STILL])), result) == []
        ends |= {("broken", *result[4]["violation"].tolist())} if result[2].any() else set()
        ends |= {("late",)} if result[3].any() else set()
    assert ends == {("broken", *["disc2 lies on the smaller disc1"] * 2), ("late",)}
    singles.close()
    batch.close()


def test_observations_share_no_memory() -> None:
    batch = BatchEnv("hanoi-1", 2, threads=1)
    first, _ = batch.reset(seed=0)
    before = first["proprio"].copy()
    second, *_ = batch.step(np.ones((2, 7)))
    assert np.array_equal(first["proprio"], before)
    assert not np.shares_memory(first["objects"], second["objects"])
    assert second in batch.observation_space
    batch.close()


def test_gymnasium_makes_it_and_it_draws() -> None:
    batch = gymnasium.make_vec("nsctl/Hanoi1-v2", num_envs=2, threads=1, render_mode="rgb_array")
    assert isinstance(batch, BatchEnv)
    batch.reset(seed=0)
    pictures = batch.render()
    assert pictures is not None
    assert [picture.shape for picture in pictures] == [(360, 480, 3)] * 2
    batch.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_envs": 0}, "num_envs must be an integer >= 1, got 0"),
        ({"threads": -2}, "threads must be an integer >= 1, got -2"),
        (
            {"engine": "pybullet"},
            "the native batch runs on mujoco alone, got engine='pybullet': pass vectorization_mode",
        ),
        (
            {"disturb": ("push",)},
            r"nothing disturbs the native batch, got disturb=\('push',\): pass vectorization_mode",
        ),
        ({"render_mode": "human"}, "the native batch renders 'rgb_array' or nothing, got render_mode='human'"),
    ],
)
def test_a_wrong_argument_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        BatchEnv("hanoi-1", **arguments)


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UnknownName, match="no task is called 'hanoi-9x'"):
        BatchEnv("hanoi-9x")


def test_a_stranger_s_world_is_not_taken_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nsctl.tasks.suite_of", lambda name: object())
    with pytest.raises(InvalidValue, match="knows worlds of our own alone, not that of 'hanoi-1': pass vectorization"):
        BatchEnv("hanoi-1")


def test_misuse_is_refused_in_a_sentence() -> None:
    batch = BatchEnv("hanoi-1", 2, threads=1)
    with pytest.raises(EpisodeError, match="no episode has begun: call reset"):
        batch.step(np.zeros((2, 7)))
    with pytest.raises(InvalidValue, match="there must be a seed for each of the 2 worlds, got 3"):
        batch.reset(seed=[1, 2, 3])
    with pytest.raises(InvalidValue, match="a seed must be >= 0, got -1"):
        batch.reset(seed=[1, -1])
    batch.reset(seed=0)
    with pytest.raises(UnknownName, match="no option of reset is called 'episde'"):
        batch.reset(seed=7, options={"episde": 1})
    assert batch.reset()[1]["seed"].tolist() == [0, 1], "what is refused changes nothing"
    with pytest.raises(InvalidValue, match="actions are 2 x 7 finite numbers"):
        batch.step(np.full((2, 7), np.nan))
    batch.close()
    batch.close()
    with pytest.raises(EpisodeError, match="this batch is closed"):
        batch.step(np.zeros((2, 7)))
