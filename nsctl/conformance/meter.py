"""Checks of meters. One that cannot work on this machine must say why, and passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any, get_args

from nsctl.conformance.report import Checklist, require, require_members
from nsctl.conformance.telling import description, listed
from nsctl.contracts import Availability, Granularity, Label
from nsctl.records import plain

MEMBERS = (
    "name", "label", "granularity", "scope", "update_seconds", "availability", "start", "read", "stop", "describe",
)  # fmt: skip
READINGS = 50


def examine(meter: Any, checklist: Checklist, count: int, on: Sequence[str]) -> None:
    """Contract, availability and, where it can work, a session of readings."""
    if not checklist.check("contract", lambda: _contract(meter)):
        return
    checklist.check("describes itself", lambda: f"It tells of {listed(description(meter))}.")
    if checklist.check("availability", lambda: _availability(meter)) and meter.availability().ok:
        checklist.check("counts", lambda: _counts(meter))


def _contract(meter: Any) -> str:
    require_members(meter, MEMBERS, "Meter")
    for name, known in (
        ("label", get_args(Label)),
        ("granularity", get_args(Granularity)),
        ("scope", ("process", "device", "machine")),
    ):
        value = getattr(meter, name)
        require(value in known, f"{name} must be one of {', '.join(known)}, got {value!r}.")
    require(meter.update_seconds >= 0, f"update_seconds must be >= 0, got {meter.update_seconds}.")
    return f"Its joules are {meter.label}, for each {meter.granularity}, of the {meter.scope}."


def _availability(meter: Any) -> str:
    told = meter.availability()
    require(isinstance(told, Availability), f"availability() gave {told!r}; nsctl.contracts.Availability is right.")
    require(told.ok or bool(told.why and told.remedy), "A meter that cannot work must say why, and what would help.")
    return "It works here." if told.ok else f"It cannot work here, and says so: {told.why}."


def _counts(meter: Any) -> str:
    meter.start()
    readings = [meter.read() for _ in range(READINGS)]
    told = meter.stop()
    require(isinstance(told, Mapping), f"stop() gave {told!r}; a dictionary of the meter's own fields is right.")
    plain(dict(told))
    if meter.granularity == "run":
        return f"Started and stopped, it tells of {listed(told)}."
    joules = [float(value) for value in readings if value is not None and isfinite(value)]
    require(len(joules) == READINGS, "read() must give joules, a finite number, wherever the meter says that it works.")
    rising = all(a <= b for a, b in pairwise(joules))
    require(rising, "read() must never fall: it counts joules since some fixed moment.")
    return f"{READINGS} readings, none lower than the one before."
