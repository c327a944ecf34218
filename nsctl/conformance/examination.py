"""Examines one registered part: makes it, asks what it says of itself, and hands it to the checks of its group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

from nsctl.conformance import agent, meter, planning, running, showing, sight, skill, suite
from nsctl.conformance.report import Checklist, Failed, Report, require
from nsctl.errors import BrokenPart
from nsctl.records import plain
from nsctl.registry import Part

TRIALS = 20
Examiner = Callable[[Any, Checklist, int, Sequence[str]], None]
"""Puts a part that was made through the checks of its group, with so many trials on these tasks (all, if none)."""
EXAMINERS: Mapping[str, Examiner] = {
    "agents": agent.examine,
    "planners": planning.examine,
    "skills": skill.examine,
    "perceptions": sight.examine_perception,
    "grounders": sight.examine_grounder,
    "envs": suite.examine,
    "engines": running.examine_engine,
    "meters": meter.examine,
    "executors": running.examine_executor,
    "boards": showing.examine_board,
}
UNMADE = ("engines",)
"""Groups whose parts are made by a world, for its bodies."""


@dataclass
class _Making:
    """The part, once it has been made."""

    made: Any = None


def examine(part: Part, trials: int = TRIALS, on: Sequence[str] = (), variant: str = "") -> Report:
    """Put ``part`` (that made with the argument ``variant``, if it is given) through every check of its group.

    What the part raises is a finding, and never gets out of here. ``on`` are the tasks to try it on, if not all that fit.
    """
    checklist, making = Checklist(), _Making()
    if checklist.check("can be made", lambda: _make(part, variant, making)):
        EXAMINERS[part.group](making.made, checklist, trials, on)
    return Report(part, tuple(checklist.checks), licence(part.distribution), _fingerprint(making.made))


def licence(distribution: str) -> str:
    """The licence that a distribution states, in its own words."""
    try:
        told = metadata(distribution)
    except PackageNotFoundError:
        return "not stated"
    kinds = [c.rpartition("::")[2].strip() for c in told.get_all("Classifier") or [] if c.startswith("License ::")]
    stated = [line for key in ("License-Expression", "License") for line in told.get_all(key) or []]
    return (stated[0].splitlines()[0] if stated else "") or ", ".join(kinds) or "not stated"


def _make(part: Part, variant: str, making: _Making) -> str:
    try:
        factory = part.load()
    except BrokenPart as error:
        raise Failed(str(error)) from error
    require(callable(factory), f"Its entry point {part.target} names no class and no function, but {factory!r}.")
    making.made = factory if part.group in UNMADE else factory(*filter(None, [variant]))
    return f"{part.target} is imported and gives the part{' for ' + repr(variant) if variant else ''}."


def _fingerprint(made: Any) -> str | None:
    try:
        text = json.dumps(plain(dict(made.describe())), sort_keys=True)
    except (Exception, SystemExit):  # that it cannot tell is a finding of its group's checks
        return None
    return hashlib.sha256(text.encode()).hexdigest()
