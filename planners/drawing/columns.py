"""A long drawing in columns, as text is set: cut where just one edge leads on, from one layer to the next.

That edge turns at the foot of its column, runs up beside it and turns into the head of the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, sqrt
from typing import TypeAlias

from planners.drawing.layout import Edge, Layout, Node, Point, Size, arrange

ROWS = 13
"""Layers that a column has at least, where there are so many; a hundred and more get taller columns, for the shape."""
DEEP = 28.0
"""How far below and above its ends the control points of a turn are; the curve itself goes three quarters as far."""

Turn: TypeAlias = Sequence[tuple[Point, Point, Point, Point]]
"""Cubic Bézier curves, end to end."""


def columns(layer: Mapping[Node, int], edges: Sequence[Edge]) -> list[list[Node]]:
    """The nodes of each column, about as many layers in each; all in one where the graph is short or cannot be cut."""
    total = max(layer.values()) - min(layer.values()) + 1
    rows = max(ROWS, round(sqrt(2 * total)))
    if total <= rows + 2:
        return [list(layer)]
    rows = ceil(total / ceil(total / rows))
    starts = [min(layer.values())]
    for cut in _cuts(layer, edges):
        if cut - starts[-1] >= rows:
            starts.append(cut)
    ends = [*starts[1:], max(layer.values()) + 1]
    return [[node for node in layer if start <= layer[node] < end] for start, end in zip(starts, ends, strict=True)]


def _cuts(layer: Mapping[Node, int], edges: Sequence[Edge]) -> list[int]:
    """The layers into which just one edge leads, from the layer before, and over which none passes."""
    crossing = dict.fromkeys(range(min(layer.values()) + 1, max(layer.values()) + 1), 0)
    for first, then in edges:
        for number in range(layer[first] + 1, layer[then] + 1):
            # An edge that is longer can never be cut.
            crossing[number] += 1 if layer[then] == layer[first] + 1 else 2
    return [number for number, count in crossing.items() if count == 1]


def fold(
    sizes: Mapping[Node, Size],
    layer: Mapping[Node, int],
    edges: Sequence[Edge],
    gaps: Size,
    parts: Sequence[Sequence[Node]],
) -> tuple[Layout, Mapping[Edge, Turn]]:
    """The columns ``parts`` side by side, and the edges that turn from one to the next; no edge may have a label."""
    number = {node: place for place, part in enumerate(parts) for node in part}
    nodes: dict[Node, Point] = {}
    routes: dict[Edge, list[list[Point]]] = {}
    feet: list[float] = []
    gutters: list[float] = []
    left, pad = 0.0, 0.75 * DEEP
    for place, part in enumerate(parts):
        own = [edge for edge in edges if number[edge[0]] == number[edge[1]] == place]
        column = arrange({node: sizes[node] for node in part}, layer, own, {}, gaps)
        nodes.update({node: (x + left, y + pad) for node, (x, y) in column.nodes.items()})
        for edge, route in column.edges.items():
            routes[edge] = [[(x + left, y + pad) for x, y in piece] for piece in route]
        feet.append(column.size[1] + pad)
        gutters.append(left + column.size[0] + gaps[0])
        left += column.size[0] + 2 * gaps[0]
    turns = {}
    for first, then in edges:
        if number[first] != number[then]:
            start = nodes[first][0], nodes[first][1] + sizes[first][1] / 2
            end = nodes[then][0], nodes[then][1] - sizes[then][1] / 2
            turns[first, then] = _turn(start, feet[number[first]], gutters[number[first]], pad, end)
    return Layout(nodes, routes, {}, (left - 2 * gaps[0], max(feet) + pad)), turns


def _turn(start: Point, foot: float, gutter: float, head: float, end: Point) -> Turn:
    """Down to the ``foot`` of a column, up in the ``gutter`` to the ``head`` of the next, and down to its node."""
    (x0, y0), (x1, y1) = start, end
    return [
        ((x0, y0), (x0, y0), (x0, foot), (x0, foot)),
        ((x0, foot), (x0, foot + DEEP), (gutter, foot + DEEP), (gutter, foot)),
        ((gutter, foot), (gutter, foot), (gutter, head), (gutter, head)),
        ((gutter, head), (gutter, head - DEEP), (x1, head - DEEP), (x1, head)),
        ((x1, head), (x1, head), (x1, y1), (x1, y1)),
    ]
