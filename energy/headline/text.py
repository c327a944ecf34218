"""Markdown: tables, and text of records that must not become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


def plain(text: str) -> str:
    """Text of a record on one line, with nothing in it that Markdown or HTML would act on."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Text as it stands, in a fixed font; a backtick in it becomes an apostrophe, since it would end the span."""
    return f"`{' '.join(text.split()).replace('`', chr(39))}`".replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a line a row; a column whose name ends in ``#`` is a number. Cells are Markdown already."""
    lines = [
        [name.removesuffix("#") for name in head],
        ["---:" if name.endswith("#") else "---" for name in head],
        *rows,
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def slug(title: str) -> str:
    """A file's name for a page of this title."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "results"
