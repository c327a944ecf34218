"""Joules of an external meter, such as one between the machine and the wall, by a file that somebody else writes.

The environment variable ``NSCTL_WALL_METER`` names the file. A program that reads the instrument appends a line for
each of its samples, the time in seconds since 1970 by this machine's clock, the power and, where the instrument has one,
its own count of joules::

    1790000000.0,212.4
    1790000001.0,208.9,51234.0

Power is integrated by the trapezoidal rule, a count is taken as it is. Since the last sample the counter goes on with
the last known power, so that an episode shorter than the meter's period has its share by time. The next sample puts that
right, not by a step back, which would hide an episode, but by half the pace until it is made good. So a window is right to
one period, and windows in a row to one period in all. Where samples lie further apart than five of the meter's
periods, or the last one is older than that, there is no figure for that time.

It sees all that hangs on it: processors, memory, GPUs, fans and the losses of the power supply. So it counts alone, and
is called measured while this process has the machine to itself. A virtual machine cannot tell who else is on its host.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import pairwise
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO, NamedTuple

from energy.alone import Others, few
from energy.machine import inside_virtual_machine
from nsctl.contracts import Availability, Granularity, Label, Scope
from nsctl.records import Grade

VARIABLE = "NSCTL_WALL_METER"
GAP_PERIODS = 5
_TAIL = 16_384
"""Bytes at the end of the file that tell the period: some hundred samples."""
_FEWEST = 3
"""Samples that a period can be told from."""
_WANTED = "unix_seconds,watts[,joules]"


class Sample(NamedTuple):
    """One line of the file."""

    when: float
    watts: float
    joules: float | None


def parse(line: bytes) -> Sample:
    """A line as a sample; a ``ValueError`` if it is none."""
    numbers = [float(part) for part in line.decode("ascii").split(",")]
    if len(numbers) not in (2, 3) or not all(map(isfinite, numbers)) or min(numbers) < 0:
        raise ValueError(f"a line reads {_WANTED}, none of them negative, got {line!r}")
    return Sample(numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None)


class WallMeter:
    """``path`` stands in for the variable, ``clock`` for the time since 1970, ``others`` for who else is at work,
    ``virtual`` for whether this is a virtual machine."""

    name = "wall"
    grade: Grade = "A"

    def __init__(
        self,
        path: Path | None = None,
        clock: Callable[[], float] = time.time,
        others: Others | None = None,
        virtual: bool | None = None,
    ) -> None:
        named = os.environ.get(VARIABLE)
        self.path = path or (Path(named) if named else None)
        self.granularity: Granularity = "episode"
        self.scope: Scope = "machine"
        self._clock, self._others = clock, others or Others()
        self.virtual = inside_virtual_machine() if virtual is None else virtual
        self._file: BinaryIO | None = None
        self._rest = b""
        self._last: Sample | None = None
        self._intervals: deque[float] = deque(maxlen=100)
        self._joules = 0.0
        """Up to the last sample."""
        self._told, self._told_at = 0.0, 0.0
        """What the last reading gave, and when."""

    @property
    def label(self) -> Label:
        """Measured while nobody else was at work since this was last asked."""
        return "measured" if not self.virtual and few(self._others.lately()) else "attributed"

    @property
    def exclusive(self) -> bool:
        """Whether nobody else was at work since the start."""
        return not self.virtual and few(self._others.in_all())

    @property
    def update_seconds(self) -> float:
        """The median time between samples; a second until there are some."""
        return median(self._intervals) if self._intervals else 1.0

    def availability(self) -> Availability:
        """Whether the file is named, there, and being written."""
        if self.path is None:
            why = f"no external meter: {VARIABLE} is not set"
            return Availability(False, why, f"have its samples appended as {_WANTED}, and name the file there")
        try:
            with self.path.open("rb") as file:
                samples = _tail(file)[0]
        except OSError as error:
            return Availability(False, f"the external meter's file cannot be read: {error}", f"look at {VARIABLE}")
        except ValueError as error:
            return Availability(False, f"{self.path} is not an external meter's file: {error}", f"write {_WANTED}")
        return self._judge(samples)

    def start(self) -> None:
        """Begin now, with the power of the last sample in the file; where that fails, :meth:`read` gives ``None``."""
        self._close()
        if self.availability().ok and self.path is not None:
            self._file = self.path.open("rb")
            samples, self._rest = _tail(self._file)
            self._intervals.extend(b.when - a.when for a, b in pairwise(samples))
            self._last, self._told, self._told_at = samples[-1], 0.0, self._clock()
            self._joules = -_held(self._last, self._told_at)
            self._others.begin()

    def read(self) -> float | None:
        """Joules until now; ``None`` if the meter has fallen silent, or was silent since the last reading."""
        try:
            whole = False not in [self._take(sample) for sample in self._new()]
        except (OSError, ValueError):
            return None
        now = self._clock()
        if self._last is None or now - self._last.when > GAP_PERIODS * self.update_seconds:
            return None
        self._tell(now, self._last)
        return self._told if whole else None

    def stop(self) -> Mapping[str, Any]:
        """Joules since :meth:`start`, without those of any gap."""
        joules, period = self.read(), self.update_seconds
        self._close()
        return {"joules": joules, "update_seconds": period}

    def describe(self) -> Mapping[str, Any]:
        """Where the figures come from, the period between samples and what they include."""
        return {
            "source": f"an external meter's samples in {self.path or VARIABLE}",
            "unit": "J",
            "update_seconds": self.update_seconds,
            "scope": "the whole machine, power supply included: idle power and other processes too",
            "others_share": self._others.in_all(),
        }

    def _tell(self, now: float, last: Sample) -> None:
        """Go on with the last power until now; where too much was told already, at half the pace."""
        since = min(max(0.0, now - self._told_at), self.update_seconds)
        self._told = max(self._joules + _held(last, now), self._told + last.watts * since / 2)
        self._told_at = now

    def _take(self, sample: Sample) -> bool:
        """Add the joules since the last sample; says whether they are known."""
        last, self._last = self._last, sample
        interval = 0.0 if last is None else sample.when - last.when
        if last is None or not 0 < interval <= GAP_PERIODS * self.update_seconds:
            self._joules = max(self._joules, self._told)  # what was told of the gap is nobody's to make good
            return False
        self._intervals.append(interval)
        counted = last.joules is not None and sample.joules is not None
        joules = sample.joules - last.joules if counted else (last.watts + sample.watts) / 2 * interval  # type: ignore[operator]
        self._joules += max(0.0, joules)
        return joules >= 0  # a count that fell was set back, and what it had is lost

    def _new(self) -> list[Sample]:
        """The samples that were appended since the last call. A line that is still being written waits."""
        if self._file is None or self.path is None:
            raise OSError("not started")
        if self.path.stat().st_size < self._file.tell():
            raise OSError("the file was cut short")
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        samples = []
        for line in filter(None, lines):
            try:
                samples.append(parse(line))
            except ValueError:
                self._last = None  # what came since the line before is not known
        return samples

    def _judge(self, samples: list[Sample]) -> Availability:
        if len(samples) < _FEWEST:
            why = f"{self.path} has {len(samples)} samples, too few to tell its period"
            return Availability(False, why, "wait until the meter has written some more")
        period, age = median(b.when - a.when for a, b in pairwise(samples)), self._clock() - samples[-1].when
        if period <= 0 or age > GAP_PERIODS * period:
            why = f"the last sample in {self.path} is {age:.0f} s old"
            return Availability(False, why, "start the program that writes it, and see that both clocks agree")
        return Availability(True)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._rest, self._last = None, b"", None
        self._intervals.clear()


def _held(last: Sample, now: float) -> float:
    """Joules since a sample at its power."""
    return last.watts * max(0.0, now - last.when)


def _tail(file: BinaryIO) -> tuple[list[Sample], bytes]:
    """The last whole lines of a file, some hundred at most, and what has been written of the next; now at its end."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    *lines, rest = file.read().split(b"\n")
    return [parse(line) for line in (lines[1:] if size > _TAIL else lines) if line], rest
