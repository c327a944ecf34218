"""Names that are free: the two sides have different rules for what a name may be and what it may clash with."""

from __future__ import annotations

import re
from collections.abc import Iterable


class Names:
    """Hands out names, none of them twice, regardless of case, and none that was taken before."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.lower() for name in taken}

    def new(self, wanted: str) -> str:
        """``wanted`` if it is a plain word and free, otherwise something like it."""
        plain = re.sub(r"[^\w-]+", "_", wanted).strip("_-") or "x"
        plain = plain if plain[0].isalpha() else f"x{plain}"
        name, number = plain, 2
        while name.lower() in self._taken:
            name, number = f"{plain}-{number}", number + 1
        self._taken.add(name.lower())
        return name
