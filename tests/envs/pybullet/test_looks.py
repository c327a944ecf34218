"""Films show the scene and touch nothing; bodies weigh what the other engine's do."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import pytest

from envs.engine import DENSITY
from envs.panda import meshes
from envs.pybullet.bodies import load, mass
from envs.pybullet.client import Client
from envs.pybullet.engine import PyBulletEngine
from nsctl.geometry import from_yaw
from nsctl.scene import Body, Box, Mount, Pose

pytestmark = pytest.mark.skipif(find_spec("pybullet_data") is None, reason="pybullet is not installed")
CUBE = Body("cube", "disc", (0.03, 0.03, 0.03), (0.9, 0.1, 0.1))
SHELF = Body("shelf", "shelf", (0.1, 0.1, 0.01), (0.1, 0.1, 0.9), False, (Box((0.1, 0.1, 0.01)),))
TRAY = Body(
    "tray",
    "tray",
    (0.1, 0.1, 0.01),
    movable=False,
    boxes=(Box((0.1, 0.1, 0.01)),),
    mount=Mount("shelf", (0, 0, 0.1), 0.2),
)
THERE = {"cube": Pose([0.5, 0.1, 0.03]), "shelf": Pose([0.55, -0.2, 0.01])}


@pytest.fixture(scope="module")
def engine() -> Iterator[PyBulletEngine]:
    made = PyBulletEngine((CUBE, SHELF), video=True)
    yield made
    made.close()


def test_a_film_shows_the_bodies_where_they_are(engine: PyBulletEngine) -> None:
    engine.reset(THERE)
    before = red(engine.film())
    engine.place("cube", Pose([0.5, -0.05, 0.03], from_yaw(0.5)))
    after = red(engine.film())
    assert engine.film().shape == (360, 480, 3)
    assert min(before.sum(), after.sum()) > 60
    assert np.argwhere(after)[:, 1].mean() < np.argwhere(before)[:, 1].mean() - 20  # to the camera's left


def test_a_film_shows_the_arm_as_it_moves(engine: PyBulletEngine) -> None:
    engine.reset(THERE)
    before = engine.film()
    for _ in range(20):
        engine.control(Pose([0.5, 0.2, 0.2], engine.tcp.quaternion), 0.0)
    assert (engine.film() != before).any(axis=2).mean() > 0.02


def test_filming_changes_no_physics(engine: PyBulletEngine) -> None:
    ends = []
    for film in (False, True):
        engine.reset(THERE)
        for _ in range(10):
            engine.control(Pose([0.5, 0.1, 0.05], engine.tcp.quaternion), 0.08)
            if film:
                engine.film()
        ends.append(engine.numbers().tobytes())
    assert ends[0] == ends[1]


def test_the_arm_is_filmed_without_meshes_where_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = []
    for known in (meshes, dict):
        monkeypatch.setattr("envs.pybullet.arm.meshes", known)
        plain = PyBulletEngine((CUBE,), video=True)
        plain.reset({"cube": THERE["cube"]})
        pictures.append(plain.film())
        plain.close()
    assert all(picture.std() > 20 for picture in pictures)
    assert (pictures[0] != pictures[1]).any()


def test_bodies_weigh_density_times_volume() -> None:
    client = Client()
    parts = load(client, (CUBE, SHELF, TRAY))
    for body, expected in ((CUBE, DENSITY * 0.06**3), (TRAY, DENSITY * 0.2 * 0.2 * 0.02)):
        assert mass(body) == pytest.approx(expected)
        part = parts[body.name]
        assert client.getDynamicsInfo(part.tree, part.link)[0] == pytest.approx(expected)
    assert client.getDynamicsInfo(parts["shelf"].tree, -1)[0] == 0.0
    client.close()


def test_an_altered_body_gets_the_inertia_of_its_new_mass() -> None:
    engine = PyBulletEngine((CUBE,))
    engine.reset({"cube": THERE["cube"]})
    tree = engine._scene.parts["cube"].tree
    before = engine._client.getDynamicsInfo(tree, -1)
    engine.alter("cube", mass=3.0)
    after = engine._client.getDynamicsInfo(tree, -1)
    assert after[0] == pytest.approx(3 * before[0])
    np.testing.assert_allclose(after[2], 3 * np.array(before[2]))
    np.testing.assert_allclose(before[2], mass(CUBE) * 0.06**2 / 6)
    engine.close()


def red(picture: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """Which pixels are red."""
    return (picture[..., 0].astype(int) - picture[..., 1] > 60) & (picture[..., 2] < 120)
