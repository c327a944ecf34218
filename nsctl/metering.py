"""Which meters count on this machine."""

from __future__ import annotations

from functools import cache

from nsctl import registry
from nsctl.contracts import Label, Meter

TRUST: tuple[Label, ...] = ("measured", "attributed", "modelled")


@cache
def counters() -> tuple[Meter, ...]:
    """Started counters in order of trust. Models are left out where a machine's own counter covers the same work."""
    found = [part.load()() for part in registry.parts("meters").values()]
    usable = [m for m in found if m.granularity != "run" and m.label in TRUST and m.availability().ok]
    usable.sort(key=lambda m: TRUST.index(m.label))
    best = next((m for m in usable if m.granularity == "phase"), None)
    chosen = [m for m in usable if m is best or m.granularity == "episode"]
    for meter in chosen:
        meter.start()
    return tuple(chosen)


def process_joules() -> float:
    """Joules so far on the counters that know this process alone; 0 where the machine's counter covers it already."""
    return sum(m.read() or 0.0 for m in counters() if m.scope == "process")
