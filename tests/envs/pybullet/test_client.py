"""Clients are apart, close for good, and say what is missing."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np
import pytest

from envs.pybullet.client import Client
from envs.pybullet.engine import PyBulletEngine
from nsctl.errors import EpisodeError, InvalidValue, NsctlError
from nsctl.scene import Body, Pose

installed = pytest.mark.skipif(find_spec("pybullet_data") is None, reason="pybullet is not installed")
CUBE = Body("cube", "disc", (0.02, 0.02, 0.02))
THERE = {"cube": Pose([0.5, 0.0, 0.02])}


def test_without_pybullet_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pybullet", None)  # Python then refuses to import it
    with pytest.raises(
        NsctlError, match=r"needs pybullet: pip install pybullet==3.2.7 \(a wheel exists for Python 3.11"
    ):
        PyBulletEngine((CUBE,))


@installed
def test_a_client_gives_constants_and_functions_of_its_own_server() -> None:
    one, other = Client(), Client()
    one.createMultiBody(1.0)
    assert (one.getNumBodies(), other.getNumBodies()) == (1, 0)
    assert isinstance(one.DIRECT, int)
    assert one.version[0].isdigit()
    other.close()
    assert one.getNumBodies() == 1
    one.close()


@installed
def test_a_closed_client_refuses_and_closes_twice() -> None:
    client = Client()
    assert client.getNumBodies() == 0
    client.close()
    client.close()
    assert client.closed
    with pytest.raises(EpisodeError, match="this engine is closed: make a new one"):
        client.getNumBodies()


@installed
def test_a_client_that_nobody_holds_shuts_its_server() -> None:
    client = Client()
    shut = client._shut
    assert shut.alive
    del client
    assert not shut.alive


@installed
def test_a_closed_engine_refuses_in_a_sentence() -> None:
    engine = PyBulletEngine((CUBE,))
    engine.reset(THERE)
    state = engine.save()
    engine.close()
    engine.close()
    for use in (engine.poses, engine.numbers, lambda: engine.control(THERE["cube"], 0.0), lambda: engine.reset(THERE)):
        with pytest.raises(EpisodeError, match="this engine is closed"):
            use()
    del state  # is forgotten without a word


@installed
def test_saved_states_are_freed_when_nobody_holds_them() -> None:
    engine = PyBulletEngine((CUBE,))
    engine.reset(THERE)
    numbers = {engine.save().number for _ in range(5)}
    assert len(numbers) == 1  # each took the room that the last one left
    engine.close()


@installed
def test_a_state_of_another_engine_is_refused() -> None:
    one, other = PyBulletEngine((CUBE,)), PyBulletEngine((CUBE,))
    for engine in (one, other):
        engine.reset(THERE)
    with pytest.raises(InvalidValue, match="only be restored in the engine that saved it"):
        other.restore(one.save())
    with pytest.raises(InvalidValue, match="only be restored in the engine that saved it"):
        one.restore(np.zeros(3))  # type: ignore[arg-type]
    one.close()
    other.close()


@installed
def test_a_window_is_refused_with_what_to_do_instead() -> None:
    engine = PyBulletEngine((CUBE,))
    with pytest.raises(NsctlError, match="has no window: film it"):
        engine.show()
    engine.close()
