"""What the policy's cameras see: blocks that are wide enough, wherever a task puts them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

from envs.cameras import FIXED, POLICY, SIZE
from nsctl import registry
from nsctl.scene import Body, Pose

BLOCK = Body("block", "block", (0.02, 0.02, 0.02), (0.1, 0.2, 0.9))
SPOTS = list(product((0.36, 0.50, 0.64), (-0.22, 0.0, 0.22)))
"""Where tasks put blocks: the middle and the rim of what both cameras see [m]."""


@pytest.fixture(scope="module", params=sorted(registry.parts("engines")))
def engine(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = registry.load("engines", request.param)((BLOCK,), POLICY)
    yield made
    made.close()


@pytest.mark.parametrize("camera", ["front", "side"])
def test_a_block_of_forty_millimetres_is_ten_pixels_wide(engine: Any, camera: str) -> None:
    widths = {}
    for spot in SPOTS:
        engine.reset({"block": Pose([*spot, 0.02])})
        red, _, blue = np.moveaxis(engine.render(camera).astype(int), 2, 0)
        columns = np.flatnonzero(((blue > 60) & (blue > 2 * red)).any(axis=0))
        widths[spot] = int(columns[-1] - columns[0] + 1) if len(columns) else 0
    assert min(widths.values()) >= 10, widths


def test_the_wrist_sees_what_lies_under_the_hand(engine: Any) -> None:
    engine.reset({"block": Pose([*engine.tcp.position[:2], 0.02])})
    red, _, blue = np.moveaxis(engine.render("wrist").astype(int), 2, 0)
    rows, columns = np.nonzero((blue > 60) & (blue > 2 * red))
    assert len(rows) > 50
    assert abs(columns.mean() - SIZE / 2) < 8


def test_a_camera_that_was_moved_is_put_back_by_a_reset_and_moved_again_by_a_saved_state(engine: Any) -> None:
    start = {"block": Pose([0.5, 0.0, 0.02])}
    engine.reset(start)
    before = engine.render("front")
    engine.move_camera("front", [0.0, 0.03, 0.0])
    saved, moved = engine.save(), engine.render("front")
    assert not np.array_equal(moved, before)
    engine.reset(start)
    assert np.array_equal(engine.render("front"), before)
    engine.restore(saved)
    assert np.array_equal(engine.render("front"), moved)


@pytest.mark.parametrize("name", list(FIXED))
def test_the_axes_of_a_camera_are_a_rotation_that_looks_where_it_should(name: str) -> None:
    camera = FIXED[name]
    axes = camera.axes()
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    sight = np.subtract(camera.towards, camera.position)
    np.testing.assert_allclose(-axes[:, 2], sight / np.linalg.norm(sight), atol=1e-12)
    assert axes[2, 0] == pytest.approx(0.0, abs=1e-12), "it is held level"
