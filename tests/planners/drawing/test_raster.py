"""Pixels of the same shape as the scene."""

from io import BytesIO

import pytest
from PIL import Image
from test_scenes import random_graph

from planners.drawing.raster import png, sampled
from planners.drawing.scenes import scene


@pytest.mark.parametrize("seed", [1, 2])
def test_png_has_the_same_shape_at_twice_the_size(seed):
    drawn = scene(random_graph(seed), "down")
    picture = Image.open(BytesIO(png(drawn)))
    assert all(abs(pixels - 2 * side) <= 1 for pixels, side in zip(picture.size, drawn.size, strict=True))
    assert len(picture.getcolors(1 << 20)) > 10


def test_a_curve_is_sampled_from_end_to_end():
    points = sampled(((0.0, 0.0), (0.0, 5.0), (10.0, 5.0), (10.0, 10.0)))
    assert points[0] == (0.0, 0.0)
    assert points[-1] == (10.0, 10.0)
    assert points[len(points) // 2] == (5.0, 5.0)
