"""Pictures in which nothing covers anything, whatever the graph."""

from random import Random

import networkx
import pytest

from planners.drawing.raster import sampled
from planners.drawing.scenes import LINE, SMALL, scene, text_width


def random_graph(seed):
    """Up to fourteen nodes with labels of all lengths; edges lead on, some with labels of up to three lines."""
    draw = Random(seed)
    graph = networkx.DiGraph()
    count = draw.randint(1, 14)
    for node in range(count):
        graph.add_node(node, label="x" * draw.randint(1, 25), kind="step")
    for first in range(count):
        for then in range(first + 1, count):
            if draw.random() < 2 / count:
                label = "\n".join("label" * draw.randint(1, 3) for _ in range(draw.randint(0, 3)))
                graph.add_edge(first, then, label=label)
    return graph


def rectangles(picture):
    for box in picture.boxes:
        (x, y), (width, height) = box.corner, box.size
        yield x, y, x + width, y + height
    for words in picture.words:
        (x, y), width = words.centre, max(text_width(line, SMALL) for line in words.lines)
        height = LINE * SMALL * len(words.lines)
        yield x - width / 2, y - height / 2, x + width / 2, y + height / 2


def clear(picture):
    """Assert that no box and no label covers another or leaves the picture, and that no edge runs through one."""
    found = list(rectangles(picture))
    for i, (left, top, right, bottom) in enumerate(found):
        assert left >= 0
        assert top >= 0
        assert right <= picture.size[0]
        assert bottom <= picture.size[1]
        for other in found[:i]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
    points = [point for wire in picture.wires for piece in wire.pieces for curve in piece for point in sampled(curve)]
    assert all(0 <= x <= picture.size[0] and 0 <= y <= picture.size[1] for x, y in points)
    for left, top, right, bottom in found:
        assert not any(left + 1 < x < right - 1 and top + 1 < y < bottom - 1 for x, y in points)


@pytest.mark.parametrize("direction", ["down", "right"])
@pytest.mark.parametrize("seed", range(30))
def test_no_box_and_no_label_covers_another_and_no_edge_runs_through_one(seed, direction):
    clear(scene(random_graph(seed), direction))


@pytest.mark.parametrize("direction", ["down", "right"])
@pytest.mark.parametrize("caption", ["few", "a caption that is much wider than the drawing over it, whatever that is"])
def test_a_caption_stands_below_everything(caption, direction):
    graph = random_graph(3)
    graph.graph["caption"] = caption
    picture = scene(graph, direction)
    assert picture.words[-1].lines == (caption,)
    assert all(box.corner[1] + box.size[1] < picture.words[-1].centre[1] for box in picture.boxes)
    clear(picture)


def test_cycles_are_drawn_by_distance_and_two_ways_as_one_line():
    graph = networkx.DiGraph([(0, 1), (1, 0), (1, 2), (2, 0), (1, 3), (2, 3), (3, 2)])
    picture = scene(graph)
    assert len(picture.boxes) == 4
    assert sorted(wire.arrow for wire in picture.wires) == [False, False, True, True, True]
