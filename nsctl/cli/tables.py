"""How tables and figures look on the terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table

MISSING = "—"
"""Stands for a figure that nobody knows; never 0."""


def plain_table(*columns: str) -> Table:
    """A table with a light head and no frame; a column whose name ends in ``#`` is a number."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        number = column.endswith("#")
        table.add_column(
            column.removesuffix("#"), justify="right" if number else "left", no_wrap=number, overflow="fold"
        )
    return table


def number(value: float | None, unit: str = "") -> str:
    """Three digits that matter, and the unit."""
    if value is None:
        return MISSING
    text = f"{value:.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def percent(part: int, whole: int) -> str:
    """``7/10`` and the same in percent, with digits enough to keep almost all from reading as all, and few as none."""
    if not whole:
        return f"{part}/{whole}"
    digits = next(d for d in range(12) if part in (0, whole) or 0 < round(part / whole, d + 2) < 1)
    return f"{part}/{whole} = {part / whole:.{digits}%}"


def interval(bounds: tuple[float, float]) -> str:
    """A rate's interval in percent."""
    return f"{bounds[0]:.0%} to {bounds[1]:.0%}"
