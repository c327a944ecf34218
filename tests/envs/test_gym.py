"""The worlds are good Gymnasium citizens."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs.gym
from nsctl import registry
from nsctl.errors import BrokenPart


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


def test_environments_without_a_seed_differ_and_one_with_a_seed_repeats() -> None:
    vector = gymnasium.make_vec("envs.gym:nsctl/Hanoi1-v1", num_envs=2, vectorization_mode="sync")
    observations, _ = vector.reset()
    assert not np.array_equal(observations["objects"][0], observations["objects"][1])
    first, _ = vector.reset(seed=3)
    vector.reset()
    again, _ = vector.reset(seed=3)
    assert np.array_equal(first["objects"], again["objects"])
    vector.close()


def registered(monkeypatch: pytest.MonkeyPatch, **suites: Any) -> list[str]:
    """The ids that these suites get; one is a factory, or an exception to be raised when it is loaded."""

    def load(suite: Any) -> Any:
        if isinstance(suite, BaseException):
            raise suite
        return suite

    parts = {
        name: SimpleNamespace(name=name, distribution="acme", load=lambda suite=suite: load(suite))
        for name, suite in suites.items()
    }
    ids: list[str] = []
    monkeypatch.setattr(registry, "parts", lambda group: parts)
    monkeypatch.setattr(gymnasium, "register", lambda id, **_: ids.append(id))
    envs.gym.register()
    return ids


class Stack:
    tasks = ("stack-2",)

    def task(self, name: str) -> Any:
        return SimpleNamespace(version=3)


class Torn(Stack):
    def task(self, name: str) -> Any:
        raise OSError("no scene")


def test_the_number_in_an_id_is_the_task_s_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert registered(monkeypatch, stack=Stack) == ["nsctl/Stack2-v3"]


@pytest.mark.parametrize("broken", [BrokenPart("cannot be loaded"), SystemExit(3), Torn])
def test_a_broken_suite_is_left_out_with_a_warning(monkeypatch: pytest.MonkeyPatch, broken: Any) -> None:
    with pytest.warns(RuntimeWarning, match="the suite 'odd' of acme is left out: (BrokenPart|SystemExit|OSError): "):
        assert registered(monkeypatch, odd=broken, stack=Stack) == ["nsctl/Stack2-v3"]
