"""A picture of every task, and all of them on one sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from nsctl import tasks
from nsctl.contracts import SuiteOptions
from nsctl.files import make_folder

COLUMNS = 5
WIDTH = 240
"""Pixels of a picture on the sheet."""
_LABEL, _GAP = 22, 6


def portrait(name: str, engine: str, episode: int = 0) -> Image.Image:
    """How the task looks at the start of this episode of seed 0."""
    world = tasks.suite_of(name).world(tasks.find(name), SuiteOptions(engine=engine, video=True))
    try:
        world.reset(0, episode)
        return Image.fromarray(world.render())
    finally:
        world.close()


def draw(names: Sequence[str], folder: Path, engine: str, tell: Callable[[str], None]) -> Path:
    """Write ``<task>.png`` for each task and ``sheet.png`` with all of them into ``folder``; returns the sheet's path.

    ``tell`` hears each task's name before it is drawn.
    """
    make_folder(folder, "picture")
    pictures = []
    for name in names:
        tell(name)
        picture = portrait(name, engine)
        picture.save(folder / f"{name}.png", optimize=True)
        pictures.append(picture)
    path = folder / "sheet.png"
    _sheet(names, pictures).save(path, optimize=True)
    return path


def _sheet(names: Sequence[str], pictures: Sequence[Image.Image]) -> Image.Image:
    height = WIDTH * pictures[0].height // pictures[0].width
    cell = (WIDTH + _GAP, height + _LABEL + _GAP)
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    sheet = Image.new("RGB", (columns * cell[0] + _GAP, rows * cell[1] + _GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for i, (name, picture) in enumerate(zip(names, pictures, strict=True)):
        x, y = _GAP + i % columns * cell[0], _GAP + i // columns * cell[1]
        sheet.paste(picture.resize((WIDTH, height), Image.Resampling.LANCZOS), (x, y))
        pen.text((x + 4, y + height + 3), name, fill="black", font=font)
    return sheet
