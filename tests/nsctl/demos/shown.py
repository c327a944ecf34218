"""Demonstrations made up for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nsctl.demos import minari_file
from nsctl.demos.demonstration import Demonstration, Heading
from nsctl.demos.minari_metadata import write_metadata

CAMERAS = ("front", "wrist")


def shown(number: int = 0, steps: int = 40, cameras: Sequence[str] = CAMERAS, bodies: int = 3) -> Demonstration:
    """A demonstration whose numbers nobody else has; ``number`` is its seed."""
    rng = np.random.default_rng(number)
    looks = steps + 1
    heading = Heading(
        number=number,
        seed=7,
        instruction=f"Tidy up, in the {number % 2}. way.",
        initial_hash=f"{number:016x}",
        bodies=tuple(f"block{i}" for i in range(bodies)),
        operators=({"step": "pick(block0, table)", "status": "succeeded", "reason": "", "steps": steps},),
        disturbances=({"kind": "push", "step": 3},),
    )
    return Demonstration(
        heading,
        rng.normal(size=(looks, 23)).astype(np.float32),
        rng.normal(size=(looks, bodies, 7)).astype(np.float32),
        {name: rng.integers(0, 256, (looks, 8, 8, 3), dtype=np.uint8) for name in cameras},
        rng.uniform(-1, 1, (steps, 7)).astype(np.float32),
        tuple("pick(block0, table)" if t < steps // 2 else "place(block0, trän)" for t in range(steps)),
    )


def write(folder: Path, all_shown: Sequence[Demonstration]) -> Path:
    """A Minari dataset of these demonstrations."""
    h5py = minari_file.need("h5py")
    data = folder / "data"
    data.mkdir(parents=True)
    with h5py.File(data / minari_file.MAIN, "w") as file:
        for index, one in enumerate(all_shown):
            minari_file.put(file.create_group(f"episode_{index}"), one, index)
    write_metadata(data, folder.name, {"task": "tidy-1", "control_hz": 20, "agent": "scripted"})
    return folder


def same(one: Demonstration, other: Demonstration) -> None:
    """Fail unless two demonstrations are equal to the last bit."""
    assert one.heading == other.heading
    assert one.subgoals == other.subgoals
    assert list(one.images) == list(other.images)
    for name in ("proprio", "objects", "actions"):
        here, there = getattr(one, name), getattr(other, name)
        assert here.dtype == there.dtype == np.float32
        np.testing.assert_array_equal(here, there)
    for name, film in one.images.items():
        assert other.images[name].dtype == np.uint8
        np.testing.assert_array_equal(film, other.images[name])
