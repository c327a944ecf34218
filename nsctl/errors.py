"""The one family of errors that nsctl raises on purpose.

Each message says what was wrong, what would be right and, where names are concerned, what is near.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LISTED = 20
"""Names that a message lists at most."""


class NsctlError(Exception):
    """Base of every error that nsctl raises on purpose; its text is meant for the person at the keyboard."""


class InvalidValue(NsctlError, ValueError):
    """A value was refused: the message names it, the value got and the range that is right."""


class UnknownName(NsctlError, LookupError):
    """A name that nobody registered: the message lists what exists and the nearest match."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
        super().__init__(f"no {kind} is called {name!r}.{hint} There is: {', '.join(names[:LISTED]) or 'none'}{more}.")
        self.kind, self.name, self.known = kind, name, tuple(names)
        self.near = near[0] if near else None

    def __reduce__(self) -> tuple[type[UnknownName], tuple[str, str, tuple[str, ...]]]:
        """So that it survives the way back from a worker process."""
        return type(self), (self.kind, self.name, self.known)


class Unfit(InvalidValue):
    """Two parts that do not go together, such as an agent without a skill for one of a task's operators."""


class Untrained(NsctlError):
    """A part whose weights are not there yet; the message says where they were looked for and how to train them."""


class BrokenPart(NsctlError):
    """A registered part could not be loaded; the message names the part, its distribution and the cause."""


class DomainError(NsctlError, ValueError):
    """A domain, problem or plan that does not fit together (unknown predicate, wrong arity, wrong type)."""


class UnsupportedFeature(DomainError):
    """A domain or problem uses a ``feature`` that the planner names and refuses rather than ignores."""

    def __init__(self, feature: str, message: str) -> None:
        super().__init__(message)
        self.feature = feature

    def __reduce__(self) -> tuple[type[UnsupportedFeature], tuple[str, str]]:
        return type(self), (self.feature, str(self))


class NoWindow(NsctlError):
    """A world cannot be shown in a window here: there is no display, or its engine has none."""


class RecordError(NsctlError):
    """A run record that is missing, damaged or of another format."""


class EpisodeError(NsctlError):
    """The loop was used out of order, for example a step after the episode had ended."""
