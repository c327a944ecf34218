"""Videos of episodes."""

from __future__ import annotations

import resource
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nsctl.video import EVERY, Film


class Painted(SimpleNamespace):
    """A world whose picture grows lighter by 30 with every step."""

    grey = 0
    over = False

    def render(self) -> Any:
        return np.full((36, 48, 3), self.grey, np.uint8)


def shoot(stem: Path, steps: int) -> None:
    film, world = Film(stem), Painted()
    for step in range(1, steps + 1):
        world.grey, world.over = 30 * step, step == steps
        film.look(world, step)
    film.close()


@pytest.mark.parametrize(("steps", "greys"), [(6, [2, 4, 6]), (7, [2, 4, 6, 7]), (1, [1])])
def test_every_second_step_and_the_last_are_seen(tmp_path: Path, steps: int, greys: list[int]) -> None:
    shoot(tmp_path / "films" / "e", steps)
    seen = []
    with Image.open(tmp_path / "films" / "e.webp") as film:
        for number in range(film.n_frames):  # type: ignore[attr-defined]
            film.seek(number)
            film.load()
            seen.append(np.asarray(film.convert("RGB")).mean())
            assert len(greys) == 1 or film.info["duration"] == 50 * EVERY
    assert seen == pytest.approx([30 * grey for grey in greys], abs=3)
    with Image.open(tmp_path / "films" / "e.png") as last:
        assert np.asarray(last).tolist() == np.full((36, 48, 3), 30 * steps).tolist()


def test_an_episode_without_a_step_leaves_no_file(tmp_path: Path) -> None:
    Film(tmp_path / "e").close()
    assert list(tmp_path.iterdir()) == []


def test_a_long_episode_needs_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (45, 60, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    world: Any = SimpleNamespace(over=False, render=lambda: noise)  # [360, 480, 3], 0.5 MB
    shoot(tmp_path / "warm", 4)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    film = Film(tmp_path / "e")
    for step in range(1, 1201):
        film.look(world, step)
    film.close()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # kB
    assert grown < 100_000  # the frames would be 311 MB
    assert (tmp_path / "e.webp").stat().st_size > 1000
