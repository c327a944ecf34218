"""HTML from text that nobody has vouched for: whatever a record says is escaped here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

VOID: Final = ("img",)
"""Elements that have no end."""


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def text(value: Any) -> Html:
    """``value`` as markup; an :class:`Html` is one already."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def tag(name: str, /, *content: Any, **attributes: Any) -> Html:
    """An element. ``class_`` and ``for_`` stand for the words that Python keeps; ``data_x`` is ``data-x``.

    An attribute that is ``None`` or false is left out, one that is true has no value.
    """
    told = "".join(map(_attribute, attributes.items()))
    end = "" if name in VOID else f"</{name}>"
    return Html(f"<{name}{told}>{''.join(map(text, content))}{end}")


def joined(parts: Iterable[Any], between: str = "") -> Html:
    """All parts, one after the other."""
    return Html(text(between).join(map(text, parts)))


def script_json(value: Mapping[str, Any]) -> Html:
    """JSON that may stand in a script element whatever strings it holds."""
    packed = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Html(packed.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _attribute(item: tuple[str, Any]) -> str:
    name, value = item[0].rstrip("_").replace("_", "-"), item[1]
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
