"""The worlds are good Gymnasium citizens."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env

import envs.gym
from nsctl import registry


def test_every_task_is_registered() -> None:
    tasks = [task for part in registry.parts("envs").values() for task in part.load()().tasks]
    ids = [name for name in gymnasium.registry if name.startswith("nsctl/")]
    assert len(ids) == len(tasks) >= 7


def test_the_checker_finds_nothing() -> None:
    env = gymnasium.make("envs.gym:nsctl/Hanoi2-v1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_a_vector_of_two_plays() -> None:
    vector = gymnasium.make_vec("envs.gym:nsctl/Hanoi1-v1", num_envs=2, vectorization_mode="sync")
    observations, _ = vector.reset(seed=[1, 2])
    assert observations["objects"].shape == (2, 4, 7)
    assert not np.array_equal(observations["objects"][0], observations["objects"][1])
    _, reward, terminated, _, _ = vector.step(np.zeros((2, 7), dtype=np.float32))
    assert reward.tolist() == [0.0, 0.0]
    assert not terminated.any()
    vector.close()


def test_pictures_are_drawn_when_asked_for() -> None:
    env = envs.gym.TableEnv("hanoi-1", render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render()
    assert picture is not None
    assert picture.shape == (360, 480, 3)
    env.close()
