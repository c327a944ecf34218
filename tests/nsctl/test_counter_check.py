"""What the doctor finds out about counters, on counters that step by a test's clock."""

from __future__ import annotations

from typing import Any

import pytest

from nsctl.contracts import Availability
from nsctl.counter_check import check_counters
from nsctl.metering import CarefulMeter


class Time:
    """A clock that a reading moves on by a tenth of a millisecond, and a sleep by what it takes."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Stepping:
    """Counts ``watts`` in steps of ``period`` seconds."""

    label, granularity, update_seconds = "measured", "phase", 0.001

    def __init__(self, time: Time, name: str, watts: float, period: float, scope: str = "machine") -> None:
        self.time, self.name, self.watts, self.period, self.scope = time, name, watts, period, scope
        self.started = False

    def availability(self) -> Availability:
        return Availability(ok=True)

    def start(self) -> None:
        self.started = True

    def read(self) -> float | None:
        self.time.now += 1e-4
        return self.watts * self.period * int(self.time.now / self.period) if self.started else None

    def stop(self) -> dict[str, Any]:
        return {}

    def describe(self) -> dict[str, Any]:
        return {}


def checked(*meters: Stepping) -> Any:
    time = meters[0].time
    return check_counters([CarefulMeter(meter) for meter in meters], time.clock, time.sleep)  # type: ignore[arg-type]


@pytest.mark.parametrize("period", [0.001, 0.01, 0.1])
def test_the_period_of_a_counter_is_measured(period: float) -> None:
    found = checked(Stepping(Time(), "rapl", 40.0, period))["rapl"]
    assert found.update_seconds == pytest.approx(period, rel=0.15)


def test_a_counter_that_moves_too_rarely_has_no_measured_period() -> None:
    assert checked(Stepping(Time(), "slow", 40.0, 0.4))["slow"].update_seconds is None


def test_idle_watts_are_those_of_a_machine_left_in_peace() -> None:
    time = Time()
    found = checked(Stepping(time, "rapl", 40.0, 0.001), Stepping(time, "own", 4.0, 0.001, scope="process"))
    assert found["rapl"].idle_watts == pytest.approx(40.0, rel=0.01)
    assert found["own"].idle_watts is None, "a counter of one process has no idle power"


def test_what_cannot_be_read_is_not_known_and_takes_no_zero() -> None:
    broken = Stepping(Time(), "gone", 40.0, 0.001)
    broken.start = lambda: None  # type: ignore[method-assign]
    found = checked(broken)
    assert (found["gone"].update_seconds, found["gone"].idle_watts) == (None, None)


def test_without_counters_nothing_is_waited_for() -> None:
    assert check_counters([], sleep=lambda seconds: pytest.fail("slept")) == {}
