"""Whether this process had the machine to itself: its CPU time beside everybody's, by ``/proc/stat``.

A counter of the whole machine counts whatever runs on it. Reading ``/proc/stat`` takes tens of microseconds, on large
servers a millisecond: too dear for the boundary of a phase. So it is read when somebody asks, which is at the ends of
episodes, and the answer holds for the time since it was last asked, a second at least: the kernel counts in hundredths.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from nsctl.cpu_times import CpuTimes, cpu_times

SHARE = 0.05
"""Of all busy CPU time: what others may take before they are told."""
WINDOW = 1.0
"""Seconds that an answer speaks for, at least."""
FRESH = 0.05
"""Seconds for which an answer is given again without another look."""


class Others:
    """Watches what the rest of the machine does from :meth:`begin` on. ``look`` gives the CPU times of a moment."""

    def __init__(self, look: Callable[[], CpuTimes | None] = cpu_times) -> None:
        self._look = look
        self._first: CpuTimes | None = None
        self._marks: deque[CpuTimes] = deque(maxlen=256)
        self._answer: float | None = None

    def begin(self) -> None:
        """From now on."""
        self._first, self._answer = self._look(), None
        self._marks.clear()
        if self._first is not None:
            self._marks.append(self._first)

    def lately(self) -> float | None:
        """The others' part of the busy CPU time since this was last asked, or of the last second if that is longer.

        ``None`` where it is not known.
        """
        if not self._marks or (self._answer is not None and time.monotonic() - self._marks[-1].when < FRESH):
            return self._answer
        now = self._look()
        if now is None:
            return None
        while len(self._marks) > 1 and now.when - self._marks[1].when >= WINDOW:
            self._marks.popleft()
        self._answer = _share(self._marks[0], now)
        self._marks.append(now)
        return self._answer

    def in_all(self) -> float | None:
        """The same since :meth:`begin`."""
        now = self._look()
        return None if self._first is None or now is None else _share(self._first, now)


def few(share: float | None) -> bool:
    """Whether a share is small enough to say that nobody else was there."""
    return share is not None and share < SHARE


def _share(before: CpuTimes, now: CpuTimes) -> float | None:
    busy = now.busy - before.busy
    return max(0.0, busy - (now.own - before.own)) / busy if busy > 0 else None
