"""Time limits as unified-planning gives them, and what it asks its engines to warn of."""

from __future__ import annotations

from math import inf
from time import monotonic
from warnings import warn


class Clock:
    """Wall time since it was made, against a limit in seconds (``None``: no limit)."""

    def __init__(self, limit: float | None) -> None:
        self._begun, self._limit = monotonic(), inf if limit is None else limit

    @property
    def spent(self) -> float:
        """Seconds so far."""
        return monotonic() - self._begun

    @property
    def left(self) -> float:
        """Seconds to go; not positive when the time is over."""
        return self._limit - self.spent


def warn_ignored(engine: str, **given: object) -> None:
    """Tell of each argument that was given and is not used."""
    for what, value in given.items():
        if value is not None:
            warn(f"{engine} ignores the {what}", stacklevel=4)
