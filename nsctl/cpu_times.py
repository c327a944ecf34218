"""Who has used the processors so far, by Linux's ``/proc/stat``: everybody, and this process with its children."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from nsctl.phases import children_seconds

PROC_STAT = Path("/proc/stat")


@dataclass(frozen=True)
class CpuTimes:
    """A moment [s] and the CPU seconds until then: of everybody, and of this process with its children that ended."""

    when: float
    busy: float
    own: float

    @property
    def others(self) -> float:
        """CPU seconds of everybody else."""
        return self.busy - self.own


def cpu_times(stat: Path = PROC_STAT) -> CpuTimes | None:
    """Now; ``None`` where the system does not tell."""
    try:
        fields = stat.read_text().split("\n", 1)[0].split()[1:]
        user, nice, system, _, _, irq, soft = map(int, fields[:7])
        ticks = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):
        return None
    busy = (user + nice + system + irq + soft) / ticks
    return CpuTimes(time.monotonic(), busy, time.process_time() + (children_seconds() or 0.0))
