"""A graph as a scene: boxes, curves and words at their places, for any kind of picture to be made of.

Widths of text are guessed from the letters, a little generously, so that the same scene fits every sans-serif font.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING, Any, TypeAlias

from nsctl.errors import InvalidValue
from planners.drawing.columns import Turn, columns, fold
from planners.drawing.layout import Edge, Layout, Node, Point, Size, arrange, layers_by_longest_path

if TYPE_CHECKING:
    import networkx

FONT = 13.0
SMALL = 11.0
LINE = 1.25
"""Height of a line of text, in font sizes."""
MARGIN = 12.0
DOT = 12.0
"""The size of a node without a label."""

Curve: TypeAlias = tuple[Point, Point, Point, Point]
"""A cubic Bézier curve."""


@dataclass(frozen=True)
class Box:
    """A node: its corner, its size and what stands in it."""

    corner: Point
    size: Size
    kind: str
    marked: bool
    lines: tuple[str, ...]
    title: str


@dataclass(frozen=True)
class Wire:
    """An edge: pieces of curves end to end, an arrowhead at the end (or none, if it runs both ways)."""

    pieces: tuple[tuple[Curve, ...], ...]
    marked: bool
    arrow: bool
    title: str


@dataclass(frozen=True)
class Words:
    """The label of an edge, around its centre."""

    centre: Point
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """Everything in a picture, in units of a pixel."""

    size: Size
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    words: tuple[Words, ...]


def scene(graph: networkx.DiGraph, direction: str | None = None) -> Scene:
    """The layered drawing of ``graph``, its layers going ``"down"`` or ``"right"``.

    By default it is the one that is better in shape, or a drawing in columns where long chains would make a ribbon.
    Node attributes ``label``, ``kind``, ``marked``, ``title`` and ``layer`` are used where present, and ``label``,
    ``marked`` and ``title`` of edges; the graph's ``caption`` stands below.
    Cycles need ``layer`` on every node. Refuses an empty graph.
    """
    if direction not in (None, "down", "right"):
        raise InvalidValue(f"direction must be 'down', 'right' or None, got {direction!r}")
    refuse_nothing(graph)
    drawings = [_Drawing(graph, way == "right").scene() for way in ("down", "right") if direction in (None, way)]
    folded = _Folded(graph, flat=False)
    if direction is None and len(folded.parts) > 1:
        drawings.append(folded.scene())
    return min(drawings, key=lambda each: abs(log(each.size[0] / each.size[1] / 1.6)))


def refuse_nothing(graph: networkx.DiGraph) -> None:
    """Refuse a graph without nodes, of which every kind of picture would be empty."""
    if not graph:
        raise InvalidValue(
            "there is nothing to draw: the graph has no nodes (the order of a plan without steps has none)"
        )


def text_width(text: str, font: float) -> float:
    """About how wide ``text`` is in a sans-serif font of this size."""
    return font * sum(
        0.34 if c in " ,.:;()|'!ijlIft[]" else 0.88 if c in "mwMW" else 0.7 if c.isupper() else 0.6 for c in text
    )


class _Drawing:
    """One graph in one direction; ``flat`` exchanges across and along."""

    def __init__(self, graph: networkx.DiGraph, flat: bool) -> None:
        self.graph, self.flat = graph, flat
        self.nodes: dict[Node, dict[str, Any]] = dict(graph.nodes(data=True))
        self.edges: dict[Edge, dict[str, Any]] = {(a, b): data for a, b, data in graph.edges(data=True) if a != b}
        self.layer = self._layers()
        self.caption = str(graph.graph.get("caption", ""))
        self.indent = 0.0

    def scene(self) -> Scene:
        forward = [edge for edge in self.edges if self.layer[edge[0]] < self.layer[edge[1]]]
        labels = {edge: self._size(self.edges[edge].get("label", ""), SMALL, 2.0) for edge in forward}
        labels = {edge: size for edge, size in labels.items() if self.edges[edge].get("label")}
        sizes = {node: self._node_size(data) for node, data in self.nodes.items()}
        gaps = (18.0, 44.0 if self.flat else 30.0)
        layout = self._arranged(sizes, forward, labels, gaps)
        across, _ = self._point(layout.size)
        self.indent = max(0.0, text_width(self.caption, SMALL) - across) / 2
        boxes = tuple(self._box(layout, node, sizes[node]) for node in self.nodes)
        wires = [self._wire(edge, layout.edges.get(edge, ())) for edge in forward]
        wires += [self._bow(edge, layout, sizes) for edge in self.edges if self._is_bow(edge)]
        words = tuple(
            Words(self._shifted(layout.labels[edge]), tuple(self.edges[edge]["label"].splitlines())) for edge in labels
        )
        width, height = self._point(layout.size)
        width, height = width + 2 * (self.indent + MARGIN), height + 2 * MARGIN
        height += MARGIN if any(map(self._is_bow, self.edges)) else 0.0
        if self.caption:
            words += (Words((width / 2, height + LINE * SMALL / 2), (self.caption,)),)
            height += LINE * SMALL + MARGIN
        return Scene((width, height), boxes, tuple(wires), words)

    def _arranged(
        self, sizes: Mapping[Node, Size], edges: Sequence[Edge], labels: Mapping[Edge, Size], gaps: Size
    ) -> Layout:
        return arrange(sizes, self.layer, edges, labels, gaps)

    def _layers(self) -> Mapping[Node, int]:
        if all("layer" in data for data in self.nodes.values()):
            return {node: int(data["layer"]) for node, data in self.nodes.items()}
        import networkx

        if not networkx.is_directed_acyclic_graph(self.graph):
            return _distances(self.graph)
        return layers_by_longest_path(list(self.nodes), list(self.edges))

    def _node_size(self, data: Mapping[str, Any]) -> Size:
        label = str(data.get("label", ""))
        if not label:
            return DOT, DOT
        return self._size(label, FONT, 9.0)

    def _size(self, label: str, font: float, pad: float) -> Size:
        lines = label.splitlines() or [""]
        width = max(text_width(line, font) for line in lines) + 2 * pad
        height = LINE * font * len(lines) + pad
        return (height, width) if self.flat else (width, height)

    def _point(self, point: Point) -> Point:
        return (point[1], point[0]) if self.flat else point

    def _shifted(self, point: Point) -> Point:
        x, y = self._point(point)
        return x + self.indent + MARGIN, y + MARGIN

    def _box(self, layout: Layout, node: Node, size: Size) -> Box:
        data = self.nodes[node]
        (x, y), (width, height) = self._shifted(layout.nodes[node]), self._point(size)
        lines = tuple(str(data.get("label", "")).splitlines())
        corner = (x - width / 2, y - height / 2)
        kind, title = data.get("kind", "step"), str(data.get("title", ""))
        return Box(corner, (width, height), kind, bool(data.get("marked")), lines, title)

    def _wire(self, edge: Edge, route: Sequence[Sequence[Point]]) -> Wire:
        pieces = tuple(tuple(self._smooth(piece)) for piece in route if len(piece) > 1)
        data = self.edges[edge]
        marked = bool(data.get("marked") or (self._both(edge) and self.edges[edge[1], edge[0]].get("marked")))
        return Wire(pieces, marked, not self._both(edge), str(data.get("title", "")))

    def _smooth(self, points: Sequence[Point]) -> Iterator[Curve]:
        """Between way-points a curve leaves and arrives along the layers, so that the whole has no corner."""
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            middle = (y0 + y1) / 2
            yield self._curve((x0, y0), (x0, middle), (x1, middle), (x1, y1))

    def _is_bow(self, edge: Edge) -> bool:
        """Whether an edge goes back or stays in its layer and is not drawn as the other way of a forward one."""
        first, then = edge
        if self.layer[first] < self.layer[then]:
            return False
        return not self._both(edge) or (self.layer[first] == self.layer[then] and str(first) < str(then))

    def _bow(self, edge: Edge, layout: Layout, sizes: Mapping[Node, Size]) -> Wire:
        """Out at one end and in at the other, on the side where the layers go on."""
        (x0, y0), (x1, y1) = (layout.nodes[node] for node in edge)
        y0, y1 = y0 + sizes[edge[0]][1] / 2, y1 + sizes[edge[1]][1] / 2
        deep = max(y0, y1) + 12.0 + min(10.0, 0.06 * abs(x1 - x0))
        data = self.edges[edge]
        curve = self._curve((x0, y0), (x0, deep), (x1, deep), (x1, y1))
        return Wire(((curve,),), bool(data.get("marked")), not self._both(edge), str(data.get("title", "")))

    def _both(self, edge: Edge) -> bool:
        return (edge[1], edge[0]) in self.edges

    def _curve(self, a: Point, b: Point, c: Point, d: Point) -> Curve:
        return self._shifted(a), self._shifted(b), self._shifted(c), self._shifted(d)


class _Folded(_Drawing):
    """One graph in columns, its layers going down; ``parts`` are just one where that does not help."""

    def __init__(self, graph: networkx.DiGraph, flat: bool) -> None:
        super().__init__(graph, flat)
        plain = all(self.layer[a] < self.layer[b] and not data.get("label") for (a, b), data in self.edges.items())
        self.parts = columns(self.layer, list(self.edges)) if plain else [list(self.nodes)]
        self.turns: Mapping[Edge, Turn] = {}

    def _arranged(
        self, sizes: Mapping[Node, Size], edges: Sequence[Edge], labels: Mapping[Edge, Size], gaps: Size
    ) -> Layout:
        layout, self.turns = fold(sizes, self.layer, edges, gaps, self.parts)
        return layout

    def _wire(self, edge: Edge, route: Sequence[Sequence[Point]]) -> Wire:
        wire = super()._wire(edge, route)
        if edge not in self.turns:
            return wire
        return replace(wire, pieces=(tuple(self._curve(*curve) for curve in self.turns[edge]),))


def _distances(graph: networkx.DiGraph) -> dict[Node, int]:
    """Layers for a graph with cycles: steps from its first node, or from the first of each part that is left."""
    layer: dict[Node, int] = {}
    for root in graph:
        queue = [] if root in layer else [root]
        layer.setdefault(root, 0)
        for node in queue:
            for then in graph.successors(node):
                if then not in layer:
                    layer[then] = layer[node] + 1
                    queue.append(then)
    return layer
