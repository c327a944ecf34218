"""Pictures of graphs: SVG and PNG of one layered drawing, DOT for other tools, and a tree for terminals.

Colours are middling greys on nodes with a light ground of their own, which read well on light and on dark pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from nsctl.errors import InvalidValue
from planners.drawing.scenes import FONT, LINE, SMALL, Box, Scene, Wire, refuse_nothing, scene

if TYPE_CHECKING:
    import networkx

INK, FILL, RIM, LINK, NOTE = "#1f2328", "#f3f5f7", "#8b949e", "#8b949e", "#6e7781"
ACCENT: Mapping[str, str] = {"start": "#bf8700", "goal": "#2da44e"}
MARK, MARK_FILL = "#3b7dd8", "#dbeafc"
FAMILY = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
ARROW = 7.0
NEAR = 1e-3
"""What is closer than that to the end of an edge tells nothing of its direction."""
KINDS = ("plan", "causal", "states")
"""What ``planners.drawing.graphs.GRAPHS`` can draw of a plan."""
SUFFIXES = (".svg", ".png", ".dot", ".txt")


def check_target(path: Path, kind: str) -> None:
    """Refuse early, before anything is planned, a file to which no graph of this ``kind`` can be written."""
    if kind not in KINDS:
        raise InvalidValue(f"the kind of a graph must be one of {', '.join(KINDS)}, got {kind!r}")
    _suffix(path)
    if path.is_dir():
        raise InvalidValue(f"{path} is a folder: name a file to draw to, such as {path / 'plan.svg'}")
    if not path.parent.is_dir():
        raise InvalidValue(f"there is no folder {path.parent} to draw {path.name} in: make it, or name one that exists")


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        got = repr(path.suffix) if suffix else "a file without suffix"
        raise InvalidValue(f"a graph is written as {', '.join(SUFFIXES)}, not as {got} ({path})")
    return suffix


def write_graph(graph: networkx.DiGraph, path: str | Path, direction: str | None = None) -> Path:
    """Draw ``graph`` to a file; its suffix says how: ``.svg``, ``.png``, ``.dot`` or ``.txt``.

    ``direction`` is that of the layers, ``"down"`` or ``"right"``; by default the one that gives the better shape.
    Returns the path. Refuses any other suffix and a graph without nodes.
    """
    path = Path(path)
    writers: dict[str, Callable[[], bytes]] = {
        ".svg": lambda: to_svg(graph, direction).encode(),
        ".png": lambda: to_png(graph, direction),
        ".dot": lambda: to_dot(graph).encode(),
        ".txt": lambda: to_text(graph).encode(),
    }
    write = writers[_suffix(path)]
    refuse_nothing(graph)
    path.write_bytes(write())
    return path


def to_svg(graph: networkx.DiGraph, direction: str | None = None) -> str:
    """The drawing as the text of an SVG file, with titles that show when pointed at."""
    return "\n".join(_svg(scene(graph, direction))) + "\n"


def to_png(graph: networkx.DiGraph, direction: str | None = None) -> bytes:
    """The same drawing as a PNG file on white, two pixels for each unit."""
    from planners.drawing.raster import png

    return png(scene(graph, direction))


def to_dot(graph: networkx.DiGraph) -> str:
    """The graph in the DOT language, for tools that draw it their own way."""
    lines = ["digraph plan {", '  node [shape=box, style=rounded, fontname="Helvetica"];']
    if graph.graph.get("caption"):
        lines.append(f"  label={_quoted(graph.graph['caption'])};")
    for node, data in graph.nodes(data=True):
        lines.append(f"  {_quoted(node)} [label={_quoted(data.get('label') or node)}{_heavy(data)}];")
    for first, then, data in graph.edges(data=True):
        said = f"label={_quoted(data['label'])}" if data.get("label") else 'label=""'
        lines.append(f"  {_quoted(first)} -> {_quoted(then)} [{said}{_heavy(data)}];")
    return "\n".join([*lines, "}", ""])


def to_text(graph: networkx.DiGraph) -> str:
    """An acyclic graph as a tree: each node hangs under the last of those before it, and names the others.

    States (nodes with a ``title``), and what has cycles, are listed, each with the steps that lead on from it; where a
    plan is marked, just those of the plan. What has just one node hanging under it goes on at the same depth, so that
    a mere sequence is a mere list.
    """
    import networkx

    states = any(title for _, title in graph.nodes(data="title"))
    if states or not networkx.is_directed_acyclic_graph(graph):
        return "\n".join(_listing(graph)) + "\n"
    place = {node: number for number, node in enumerate(graph)}
    under: dict[object, list[object]] = {}
    for node in graph:
        before = sorted(graph.predecessors(node), key=place.__getitem__)
        under.setdefault(before[-1] if before else None, []).append(node)
    roots = under.get(None, [])
    lines = list(_tree(graph, roots[0], under, "", "") if len(roots) == 1 else _branches(graph, roots, under, ""))
    return "\n".join(lines) + "\n"


def _listing(graph: networkx.DiGraph) -> Iterator[str]:
    names = {node: str(data.get("label") or node).replace("\n", ", ") for node, data in graph.nodes(data=True)}
    marked = [node for node, data in graph.nodes(data=True) if data.get("marked")]
    if graph.graph.get("caption"):
        yield graph.graph["caption"].partition(";")[0]
    for node in sorted(marked, key=lambda each: (len(names[each]), names[each])) or graph:
        yield f"{names[node]}: {graph.nodes[node].get('title') or ''}".rstrip(" :")
        for then, data in graph.adj[node].items():
            if data.get("marked") or not marked:
                said = str(data.get("title") or data.get("label") or "").replace("\n", " or ")
                yield f"   {said + ' ' if said else ''}-> {names[then]}"


def _tree(
    graph: networkx.DiGraph, node: object, under: Mapping[object, list[object]], first: str, rest: str
) -> Iterator[str]:
    while True:
        children = under.get(node, [])
        others = sorted((_number(n) for n in graph.predecessors(node)), key=lambda word: (len(word), word))
        after = f"   after {', '.join(others)}" if len(others) > 1 else ""
        words = str(graph.nodes[node].get("label") or node).replace("\n", ", ").split()
        name = _number(node)
        yield f"{first}{' '.join(words if words[0] == name else [name, *words])}{after}"
        if len(children) != 1:
            break
        node, first = children[0], rest
    yield from _branches(graph, children, under, rest)


def _branches(
    graph: networkx.DiGraph, children: list[object], under: Mapping[object, list[object]], rest: str
) -> Iterator[str]:
    for place, child in enumerate(children):
        last = place == len(children) - 1
        yield from _tree(graph, child, under, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))


def _number(node: object) -> str:
    """Steps are counted from 1 wherever people read them."""
    return str(node + 1) if isinstance(node, int) else str(node)


def _svg(picture: Scene) -> Iterator[str]:
    width, height = picture.size
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.1f} {height:.1f}" font-family="{FAMILY}" text-anchor="middle">'
    )
    for wire in sorted(picture.wires, key=lambda each: each.marked):
        yield from _svg_wire(wire)
    for words in picture.words:
        yield from _svg_text(words.centre, words.lines, SMALL, NOTE)
    for box in picture.boxes:
        yield from _svg_box(box)
    yield "</svg>"


def _svg_wire(wire: Wire) -> Iterator[str]:
    parts = []
    for piece in wire.pieces:
        parts.append("M{:.1f} {:.1f}".format(*piece[0][0]))
        parts += ["C" + " ".join(f"{px:.1f} {py:.1f}" for px, py in curve[1:]) for curve in piece]
    colour, width = (MARK, 2.4) if wire.marked else (LINK, 1.3)
    title = f"<title>{escape(wire.title)}</title>" if wire.title else ""
    yield f'<path d="{" ".join(parts)}" fill="none" stroke="{colour}" stroke-width="{width}">{title}</path>'
    if wire.arrow:
        points = " ".join(f"{px:.1f},{py:.1f}" for px, py in arrowhead(wire))
        yield f'<polygon points="{points}" fill="{colour}"/>'


def _svg_box(box: Box) -> Iterator[str]:
    (x, y), (width, height) = box.corner, box.size
    fill, rim, thick = colours(box)
    title = f"<title>{escape(box.title)}</title>" if box.title else ""
    yield (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius(box):.1f}" '
        f'fill="{fill}" stroke="{rim}" stroke-width="{thick}">{title}</rect>'
    )
    yield from _svg_text((x + width / 2, y + height / 2), box.lines, FONT, INK)


def _svg_text(centre: tuple[float, float], lines: tuple[str, ...], font: float, colour: str) -> Iterator[str]:
    x, y = centre
    for number, line in enumerate(lines):
        base = y + (number - (len(lines) - 1) / 2) * LINE * font + 0.35 * font
        yield f'<text x="{x:.1f}" y="{base:.1f}" font-size="{font:g}" fill="{colour}">{escape(line)}</text>'


def colours(box: Box) -> tuple[str, str, float]:
    """Of a node: its ground, its rim, and how thick that is."""
    if box.kind in ACCENT:
        return (MARK_FILL if box.marked else FILL), ACCENT[box.kind], 2.2
    return (MARK_FILL, MARK, 1.8) if box.marked else (FILL, RIM, 1.3)


def radius(box: Box) -> float:
    """Of a node's corners; nodes without words are discs."""
    return min(box.size) / 2 if not box.lines or box.kind == "state" else 6.0


def arrowhead(wire: Wire) -> tuple[tuple[float, float], ...]:
    """The three corners of the arrow at the end of an edge, which comes from the last point that is not the end."""
    x, y = wire.pieces[-1][-1][-1]
    before = (point for piece in reversed(wire.pieces) for curve in reversed(piece) for point in reversed(curve))
    dx, dy = next(((x - px, y - py) for px, py in before if abs(x - px) + abs(y - py) > NEAR), (0.0, 1.0))
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    dx, dy = dx / length * ARROW, dy / length * ARROW
    return (x, y), (x - dx - dy * 0.45, y - dy + dx * 0.45), (x - dx + dy * 0.45, y - dy - dx * 0.45)


def _quoted(text: object) -> str:
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _heavy(data: Mapping[str, object]) -> str:
    return ", penwidth=2.5" if data.get("marked") else ""
