"""Where the nodes of a layered drawing go: layers by longest path, few crossings, straight long edges.

The method of Sugiyama, Tagawa and Toda (1981): an edge over several layers gets a bend in each, layers are ordered by
barycentres in sweeps down and up, and places across are the least-squares answer to "near your neighbours, apart from
those beside you" (solved exactly for one layer by pooling adjacent violators). An edge's label is a bend with a size,
in a layer of its own, so that no label covers anything.

Coordinates run across a layer and along the layers; who draws decides which of the two is down.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, insort
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Node: TypeAlias = Hashable
Edge: TypeAlias = tuple[Node, Node]
Point: TypeAlias = tuple[float, float]
Size: TypeAlias = tuple[float, float]
"""Across and along."""

SWEEPS = 24
"""Down or up, to order the layers; and so many times four to place them, as what pulls along a long edge is slow."""
PORT = 9.0
"""How far apart edges leave a node, where it is wide enough."""


@dataclass(frozen=True)
class Layout:
    """Centres of nodes and of labels, way-points of edges (to be joined by curves along the layers), and the size.

    An edge comes in pieces: it stops before its label and goes on behind it.
    """

    nodes: Mapping[Node, Point]
    edges: Mapping[Edge, Sequence[Sequence[Point]]]
    labels: Mapping[Edge, Point]
    size: Size


@dataclass(eq=False)
class _Cell:
    """A node, or the bend of an edge (which has the edge's label, if it has a size)."""

    layer: int
    across: float
    along: float
    bend: bool = False
    before: list[_Cell] = field(default_factory=list)
    after: list[_Cell] = field(default_factory=list)
    place: float = 0.0
    order: float = 0.0

    def pull(self, sides: Sequence[Sequence[_Cell]]) -> tuple[float, float]:
        """The weighted mean of the neighbours' places, and the weight: long edges resist bending."""
        near = [
            (other.place, 16.0 if self.bend and other.bend else 1.0 + self.bend) for side in sides for other in side
        ]
        weight = sum(w for _, w in near)
        return (sum(p * w for p, w in near) / weight, weight) if weight else (self.place, 0.2)


def layers_by_longest_path(nodes: Sequence[Node], edges: Sequence[Edge]) -> dict[Node, int]:
    """The layer of each node of an acyclic graph; a node that is only needed late moves near its first user."""
    after: dict[Node, list[Node]] = {node: [] for node in nodes}
    before: dict[Node, list[Node]] = {node: [] for node in nodes}
    for first, then in edges:
        after[first].append(then)
        before[then].append(first)
    left = {node: len(before[node]) for node in nodes}
    order = [node for node in nodes if not left[node]]
    layer = dict.fromkeys(nodes, 0)
    for node in order:
        for then in after[node]:
            layer[then] = max(layer[then], layer[node] + 1)
            left[then] -= 1
            if not left[then]:
                order.append(then)
    for node in reversed(order):
        if len(after[node]) > len(before[node]):
            layer[node] = min(layer[then] for then in after[node]) - 1
    return layer


def arrange(
    sizes: Mapping[Node, Size],
    layer: Mapping[Node, int],
    edges: Sequence[Edge],
    labels: Mapping[Edge, Size],
    gaps: Size = (18.0, 34.0),
) -> Layout:
    """Places for nodes of these ``sizes`` in these layers; every edge must lead to a later layer.

    ``gaps`` are what must stay free across, between neighbours, and along, between layers.
    """
    step = 2 if labels else 1
    cells = {node: _Cell(layer[node] * step, *size) for node, size in sizes.items()}
    chains = {edge: _chain(cells, edge, labels.get(edge)) for edge in edges}
    rows = _rows([*cells.values(), *(cell for chain in chains.values() for cell in chain[1:-1])])
    rows = _ordered(rows)
    _settle(rows, gaps[0])
    along, length = _along(rows, gaps[1] / step**0.4)
    left = min(cell.place - cell.across / 2 for row in rows for cell in row)
    right = max(cell.place + cell.across / 2 for row in rows for cell in row)
    for row in rows:
        for cell in row:
            cell.place -= left
    centre = {id(cell): (cell.place, along[cell.layer][2]) for row in rows for cell in row}
    return Layout(
        {node: centre[id(cell)] for node, cell in cells.items()},
        {edge: _route(chain, along) for edge, chain in chains.items()},
        {edge: next(centre[id(c)] for c in chains[edge][1:-1] if c.along) for edge in labels},
        (right - left, length),
    )


def _chain(cells: Mapping[Node, _Cell], edge: Edge, label: Size | None) -> list[_Cell]:
    first, last = cells[edge[0]], cells[edge[1]]
    bends = [_Cell(n, 2.0, 0.0, bend=True) for n in range(first.layer + 1, last.layer)]
    if label is not None:
        # The middle one of the layers that have no nodes.
        own = [bend for bend in bends if bend.layer % 2]
        own[len(own) // 2].across, own[len(own) // 2].along = label
    chain = [first, *bends, last]
    for one, other in itertools.pairwise(chain):
        one.after.append(other)
        other.before.append(one)
    return chain


def _rows(cells: Sequence[_Cell]) -> list[list[_Cell]]:
    numbers = sorted({cell.layer for cell in cells})
    return [[cell for cell in cells if cell.layer == number] for number in numbers]


def _ordered(rows: list[list[_Cell]]) -> list[list[_Cell]]:
    """The best of many sweeps, by the number of crossings."""
    _number(rows)
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            for cell in row:
                near = cell.before if down else cell.after
                cell.order = sum(other.order for other in near) / len(near) if near else cell.order
            row.sort(key=lambda cell: cell.order)
            _number([row])
        crossings = _crossings(rows)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    _number(best)
    return best


def _number(rows: Sequence[Sequence[_Cell]]) -> None:
    for row in rows:
        for place, cell in enumerate(row):
            cell.order = place - (len(row) - 1) / 2


def _crossings(rows: Sequence[Sequence[_Cell]]) -> int:
    total = 0
    for row in rows:
        ends: list[float] = []
        for cell in row:
            own = sorted(other.order for other in cell.after)
            total += sum(len(ends) - bisect_left(ends, end + 1e-9) for end in own)
            for end in own:
                insort(ends, end)
    return total


def _settle(rows: Sequence[Sequence[_Cell]], gap: float) -> None:
    for row in rows:
        _spread(row, [cell.order for cell in row], [1.0] * len(row), gap)
    for sweep in range(4 * SWEEPS):
        late = sweep >= SWEEPS // 3
        for row in rows if sweep % 2 == 0 else reversed(rows):
            pulls = [
                cell.pull((cell.before, cell.after) if late else ((cell.before,) if sweep % 2 == 0 else (cell.after,)))
                for cell in row
            ]
            _spread(row, [place for place, _ in pulls], [weight for _, weight in pulls], gap)


def _spread(row: Sequence[_Cell], wanted: Sequence[float], weights: Sequence[float], gap: float) -> None:
    """The places nearest to those wanted that keep the order and the gaps (pooling adjacent violators)."""
    offsets, offset = [], 0.0
    for one, other in zip(row, [*row[1:], None], strict=True):
        offsets.append(offset)
        if other is not None:
            offset += (one.across + other.across) / 2 + (gap / 2 if one.bend or other.bend else gap)
    pools: list[tuple[float, float, int]] = []  # mean, weight, count
    for want, shift, weight in zip(wanted, offsets, weights, strict=True):
        pool = (want - shift, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, other_weight, count = pools.pop()
            whole = other_weight + pool[1]
            pool = ((mean * other_weight + pool[0] * pool[1]) / whole, whole, count + pool[2])
        pools.append(pool)
    means = [mean for mean, _, count in pools for _ in range(count)]
    for cell, mean, shift in zip(row, means, offsets, strict=True):
        cell.place = mean + shift


def _along(rows: Sequence[Sequence[_Cell]], gap: float) -> tuple[dict[int, tuple[float, float, float]], float]:
    """Where each layer begins, ends and has its middle; and where the last one ends.

    A gap grows with how far its edges have to go across, so that none runs flat.
    """
    spans: dict[int, tuple[float, float, float]] = {}
    at = 0.0
    for row in rows:
        height = max(cell.along for cell in row)
        spans[row[0].layer] = (at, at + height, at + height / 2)
        reach = max((abs(cell.place - other.place) for cell in row for other in cell.after), default=0.0)
        at += height + gap + min(0.12 * reach, 1.5 * gap)
    return spans, spans[rows[-1][0].layer][1]


def _route(chain: Sequence[_Cell], along: Mapping[int, tuple[float, float, float]]) -> list[list[Point]]:
    first, *bends, last = chain
    middle, end = along[first.layer][2] + first.along / 2, along[last.layer][2] - last.along / 2
    points = [(_port(first, first.after, chain[1]), middle)]
    if along[first.layer][1] > middle:
        points.append((points[0][0], along[first.layer][1]))
    pieces = [points]
    for bend in bends:
        begin, stop, centre = along[bend.layer]
        points.append((bend.place, begin))
        if bend.along:
            points.append((bend.place, centre - bend.along / 2))
            points = [(bend.place, centre + bend.along / 2)]
            pieces.append(points)
        points.append((bend.place, stop))
    arrival = _port(last, last.before, chain[-2])
    if along[last.layer][0] < end:
        points.append((arrival, along[last.layer][0]))
    points.append((arrival, end))
    return [list(dict.fromkeys(piece)) for piece in pieces]


def _port(cell: _Cell, sides: Sequence[_Cell], other: _Cell) -> float:
    """Where the edge to ``other`` meets the border: side by side, in the order of the neighbours."""
    order = sorted(sides, key=lambda c: c.place)
    width = min(PORT, 0.7 * cell.across / max(1, len(order)))
    return cell.place + (order.index(other) - (len(order) - 1) / 2) * width
