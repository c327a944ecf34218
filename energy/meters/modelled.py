"""Joules by a stated model of the processor, for machines that have no counter.

Child processes count when they have ended and were waited for, all their CPU seconds at once: before that the system
does not tell.

Limits, so that nobody takes it for a measurement: it knows neither the idle machine nor its memory, neither other
processes nor the clock rate. What it orders is CPU seconds, in joules' clothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf
from typing import Any

from nsctl.contracts import Availability, Granularity, Label, Scope
from nsctl.errors import InvalidValue
from nsctl.phases import children_seconds


@dataclass(frozen=True)
class CpuPowerModel:
    """Watts that one busy hardware thread is taken to draw, and who says so."""

    watts_per_busy_thread: float = 4.0
    source: str = "codecarbon's default for a CPU that it does not know: 4 W a hardware thread"

    def __post_init__(self) -> None:
        if not 0 < self.watts_per_busy_thread < inf:
            raise InvalidValue(f"watts_per_busy_thread must be > 0 W and finite, got {self.watts_per_busy_thread}")
        if not self.source:
            raise InvalidValue("source must say where the watts come from, got an empty text")

    def joules(self, cpu_seconds: float) -> float:
        """Joules for ``cpu_seconds`` of one busy thread."""
        return self.watts_per_busy_thread * cpu_seconds


class ModelledMeter:
    """CPU seconds of this process, all its threads, and of its children that have ended, times a stated power."""

    name = "modelled"

    def __init__(self, model: CpuPowerModel | None = None) -> None:
        self.label: Label = "modelled"
        self.granularity: Granularity = "phase"
        self.scope: Scope = "process"
        self.update_seconds = time.get_clock_info("process_time").resolution
        self.model = model or CpuPowerModel()
        self._started = 0.0

    def availability(self) -> Availability:
        """Always: every process has a CPU clock."""
        return Availability(ok=True)

    def start(self) -> None:
        """Remember the CPU seconds before the run."""
        self._started = _cpu_seconds()

    def read(self) -> float:
        """Joules since the process began."""
        return self.model.joules(_cpu_seconds())

    def stop(self) -> Mapping[str, Any]:
        """CPU seconds and joules since :meth:`start`."""
        seconds = _cpu_seconds() - self._started
        return {"cpu_seconds": seconds, "joules": self.model.joules(seconds)}

    def describe(self) -> Mapping[str, Any]:
        """The power model and what it leaves out."""
        return {
            "source": "time.process_time of this process, getrusage of its children that have ended",
            "unit": "J",
            "update_seconds": self.update_seconds,
            "power_model": asdict(self.model),
            "leaves_out": ["the idle machine", "memory", "other processes", "children at work", "clock rate"],
        }


def _cpu_seconds() -> float:
    return time.process_time() + (children_seconds() or 0.0)
