"""Finds parts by name, through entry points alone.

Our own parts and a stranger's plug-ins come through the same door: a distribution names its part under one of the
groups below, and nothing is imported before somebody asks for that name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
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
    "boards": "shows records",
}


@dataclass(frozen=True)
class Part:
    """A registered part: its group, its name and the distribution that it comes from.

    ``rivals`` are other distributions that claim the same name; such a part is listed and never loaded.
    """

    group: str
    name: str
    target: str
    distribution: str
    version: str
    rivals: tuple[str, ...] = ()

    def load(self) -> Any:
        """Import the part and return what its entry point names."""
        if self.rivals:
            claims = " and ".join((f"{self.distribution} {self.version}", *self.rivals))
            raise BrokenPart(
                f"the {self.group.rstrip('s')} {self.name!r} is claimed by {claims}: uninstall all but one of them"
            )
        try:
            return EntryPoint(self.name, self.target, f"nsctl.{self.group}").load()
        except (Exception, SystemExit) as error:  # a stranger's import may raise anything at all
            raise BrokenPart(
                f"the {self.group.rstrip('s')} {self.name!r} of {self.distribution} {self.version} ({self.target}) "
                f"could not be loaded: {type(error).__name__}: {error}"
            ) from error


@cache
def parts(group: str) -> dict[str, Part]:
    """The registered parts of ``group`` by name. One that two distributions claim names both and cannot be loaded."""
    if group not in GROUPS:
        raise UnknownName("group of parts", group, GROUPS)
    found: dict[str, Part] = {}
    for entry in sorted(entry_points(group=f"nsctl.{group}"), key=_claim):
        part = Part(group, entry.name, entry.value, *_distribution(entry))
        first = found.setdefault(entry.name, part)
        if _claim(entry) != (first.distribution, first.version, first.target):
            rivals = (*first.rivals, f"{part.distribution} {part.version}")
            found[entry.name] = replace(first, rivals=rivals)
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
    """Import the part of this name and return what its entry point names (a class or a factory).

    ``name:variant`` is the part ``name`` with ``variant`` as its first argument, for example ``up:fast-downward``.
    """
    base, _, variant = name.partition(":")
    made = find(group, base).load()
    return partial(made, variant) if variant else made


def _claim(entry: EntryPoint) -> tuple[str, str, str]:
    """Who says what of a name; one distribution that is found twice, on two roads, claims it once."""
    return (*_distribution(entry), entry.value)


def _distribution(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("an unknown distribution", "?")
