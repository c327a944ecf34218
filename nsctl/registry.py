"""Finds parts by name, through entry points alone.

Our own parts and a stranger's plug-ins come through the same door: a distribution names its part under one of the
groups below, and nothing is imported before somebody asks for that name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from nsctl.errors import BrokenPart, UnknownName

GROUPS = {
    "agents": "acts in a world",
    "planners": "finds plans",
    "skills": "achieves an operator",
    "perceptions": "estimates the scene from what is observed",
    "grounders": "says which atoms hold in a scene",
    "envs": "offers tasks and their worlds",
    "engines": "moves the world",
    "meters": "counts joules",
    "executors": "runs episodes",
}


@dataclass(frozen=True)
class Part:
    """A registered part: its group, its name and the distribution that it comes from."""

    group: str
    name: str
    target: str
    distribution: str
    version: str

    def load(self) -> Any:
        """Import the part and return what its entry point names."""
        try:
            return EntryPoint(self.name, self.target, f"nsctl.{self.group}").load()
        except (Exception, SystemExit) as error:  # a stranger's import may raise anything at all
            raise BrokenPart(
                f"the {self.group.rstrip('s')} {self.name!r} of {self.distribution} {self.version} ({self.target}) "
                f"could not be loaded: {type(error).__name__}: {error}"
            ) from error


@cache
def parts(group: str) -> dict[str, Part]:
    """The registered parts of ``group`` by name. Where two distributions claim a name, the first by name has it."""
    if group not in GROUPS:
        raise UnknownName("group of parts", group, GROUPS)
    found: dict[str, Part] = {}
    for entry in sorted(entry_points(group=f"nsctl.{group}"), key=_distribution):
        found.setdefault(entry.name, Part(group, entry.name, entry.value, *_distribution(entry)))
    return dict(sorted(found.items()))


def every_part() -> Iterator[Part]:
    """All registered parts, group by group."""
    for group in GROUPS:
        yield from parts(group).values()


def find(group: str, name: str) -> Part:
    """The part of this name; an unknown one is answered with what exists and the nearest match."""
    known = parts(group)
    if name not in known:
        raise UnknownName(group.rstrip("s"), name, known)
    return known[name]


def load(group: str, name: str) -> Any:
    """Import the part of this name and return what its entry point names (a class or a factory)."""
    return find(group, name).load()


def _distribution(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("an unknown distribution", "?")
