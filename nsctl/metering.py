"""Which meters count on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from nsctl import registry
from nsctl.contracts import Label, Meter
from nsctl.errors import BrokenPart
from nsctl.registry import Part

TRUST: tuple[Label, ...] = ("measured", "attributed", "modelled")


@dataclass(frozen=True)
class FoundMeter:
    """A registered meter and whether it works here; ``meter`` is ``None`` if it could not even be made."""

    part: Part
    meter: Meter | None
    ok: bool
    why: str = ""
    remedy: str = ""


@cache
def survey() -> tuple[FoundMeter, ...]:
    """Every registered meter. One that breaks is named in its entry, and harms no other."""
    return tuple(_look_at(part) for part in registry.parts("meters").values())


@cache
def counters(shared: bool = False) -> tuple[Meter, ...]:
    """Started counters in order of trust. Models are left out where a machine's own counter covers the same work.

    ``shared`` says that other processes of the same run are at work beside this one. A machine's counter would charge
    everybody's joules to each of them, so that only counters of a single process are taken.
    """
    found = [entry.meter for entry in survey() if entry.meter is not None and entry.ok]
    usable = [m for m in found if m.granularity != "run" and m.label in TRUST]
    if shared:
        usable = [m for m in usable if m.scope == "process"]
    usable.sort(key=lambda m: TRUST.index(m.label))
    best = next((m for m in usable if m.granularity == "phase"), None)
    chosen = [m for m in usable if m is best or m.granularity == "episode"]
    for meter in chosen:
        meter.start()
    return tuple(chosen)


def process_joules() -> float:
    """Joules so far on the counters that know this process alone; 0 where the machine's counter covers it already."""
    return sum(m.read() or 0.0 for m in counters() if m.scope == "process")


def _look_at(part: Part) -> FoundMeter:
    try:
        meter: Meter = part.load()()
        answer = meter.availability()
    except BrokenPart as error:
        return FoundMeter(part, None, ok=False, why=str(error), remedy=f"mend or uninstall {part.distribution}")
    except (Exception, SystemExit) as error:  # a stranger's meter may raise anything at all
        why = f"the meter {part.name!r} of {part.distribution} breaks: {type(error).__name__}: {error}"
        return FoundMeter(part, None, ok=False, why=why, remedy=f"mend or uninstall {part.distribution}")
    return FoundMeter(part, meter, answer.ok, answer.why, answer.remedy)
