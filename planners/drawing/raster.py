"""Scenes as pixels, by Pillow: drawn four times as large and scaled down, so that curves are smooth."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from planners.drawing.layout import Point
from planners.drawing.pictures import INK, LINK, MARK, NOTE, arrowhead, colours, radius
from planners.drawing.scenes import FONT, LINE, SMALL, Box, Curve, Scene, Wire

SCALE = 2
"""Pixels for each unit of the scene."""
FINE = 3
"""Drawn so many times larger than the result."""
SAMPLES = 24
"""Straight pieces for each curve."""


def png(scene: Scene) -> bytes:
    """The picture as the bytes of a PNG file."""
    width, height = (round(side * SCALE) * FINE for side in scene.size)
    image = Image.new("RGB", (width, height), "white")
    pen = _Pen(ImageDraw.Draw(image))
    for wire in sorted(scene.wires, key=lambda each: each.marked):
        pen.wire(wire)
    for words in scene.words:
        pen.text(words.centre, words.lines, SMALL, NOTE)
    for box in scene.boxes:
        pen.box(box)
    small = image.resize((width // FINE, height // FINE), Image.Resampling.LANCZOS)
    out = BytesIO()
    small.save(out, "PNG", optimize=True)
    return out.getvalue()


class _Pen:
    """Draws in units of the scene."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw, self._scale = draw, SCALE * FINE
        self._fonts = {size: ImageFont.load_default(size * self._scale) for size in (FONT, SMALL)}

    def wire(self, wire: Wire) -> None:
        colour, width = (MARK, 2.4) if wire.marked else (LINK, 1.3)
        for piece in wire.pieces:
            points = [self._to(point) for curve in piece for point in sampled(curve)]
            self._draw.line(points, fill=colour, width=round(width * self._scale), joint="curve")
        if wire.arrow:
            self._draw.polygon([self._to(point) for point in arrowhead(wire)], fill=colour)

    def box(self, box: Box) -> None:
        (x, y), (width, height) = box.corner, box.size
        fill, rim, thick = colours(box)
        corners = [self._to((x, y)), self._to((x + width, y + height))]
        line = round(thick * self._scale)
        self._draw.rounded_rectangle(corners, radius(box) * self._scale, fill=fill, outline=rim, width=line)
        self.text((x + width / 2, y + height / 2), box.lines, FONT, INK)

    def text(self, centre: Point, lines: tuple[str, ...], font: float, colour: str) -> None:
        x, y = centre
        for number, line in enumerate(lines):
            middle = y + (number - (len(lines) - 1) / 2) * LINE * font
            self._draw.text(self._to((x, middle)), line, fill=colour, font=self._fonts[font], anchor="mm")

    def _to(self, point: Point) -> tuple[float, float]:
        return point[0] * self._scale, point[1] * self._scale


def sampled(curve: Curve) -> list[Point]:
    """Points along a cubic Bézier curve, both ends included."""
    points = []
    for n in range(SAMPLES + 1):
        t = n / SAMPLES
        w = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        points.append(
            (sum(a * p[0] for a, p in zip(w, curve, strict=True)), sum(a * p[1] for a, p in zip(w, curve, strict=True)))
        )
    return points
