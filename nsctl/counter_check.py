"""What each counter of this machine can do: how often it moves, and what it counts while nobody works."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from nsctl.metering import CarefulMeter

POLL_SECONDS, IDLE_SECONDS = 0.5, 1.0
"""How long counters are watched for their steps, and then left in peace for their idle power."""

Clock = Callable[[], float]


@dataclass(frozen=True)
class CounterCheck:
    """What was found out about one counter; ``None`` where it does not tell, or moved too rarely to tell."""

    update_seconds: float | None
    """Median time between two steps of the counter."""
    idle_watts: float | None
    """Of all that it can see; a counter of one process has no idle power."""


def check_counters(
    meters: Iterable[CarefulMeter], clock: Clock = time.perf_counter, sleep: Callable[[float], None] = time.sleep
) -> Mapping[str, CounterCheck]:
    """Look at ``meters``, for a second and half a second each; any that has not been started is started."""
    found = [meter for meter in meters if meter.granularity != "run"]
    for meter in found:
        if meter.read() is None:
            meter.start()
    watts = _idle_watts([meter for meter in found if meter.scope != "process"], clock, sleep)
    return {meter.name: CounterCheck(_period(meter, clock), watts.get(meter.name)) for meter in found}


def _period(meter: CarefulMeter, clock: Clock) -> float | None:
    """Read a counter without a pause and see when it moves."""
    seen, steps, end = meter.whole(), list[float](), clock() + POLL_SECONDS
    while (when := clock()) < end:
        now = meter.whole()
        if now is not None and now != seen:
            seen = now
            steps.append(when)
    return median(late - early for early, late in pairwise(steps)) if len(steps) > 2 else None


def _idle_watts(meters: list[CarefulMeter], clock: Clock, sleep: Callable[[float], None]) -> dict[str, float]:
    """Read all counters, sleep, and read them again."""
    if not meters:
        return {}
    before, begun = {meter.name: meter.whole() for meter in meters}, clock()
    sleep(IDLE_SECONDS)
    after, seconds = {meter.name: meter.whole() for meter in meters}, clock() - begun
    return {
        name: (late - early) / seconds
        for name, late in after.items()
        if late is not None and (early := before[name]) is not None and late >= early
    }
