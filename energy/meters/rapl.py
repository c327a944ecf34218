"""Joules of processor and memory by the processor's own counters (RAPL).

The counters belong to the machine: they include the idle power and whatever else runs on it. What a process is charged is
``measured`` while it has the machine to itself (:mod:`energy.alone`), and ``attributed`` otherwise. Inside a virtual
machine it is never measured: there the host makes the counter up, from shares of CPU time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from energy.alone import Others, few
from energy.machine import inside_virtual_machine
from energy.meters.powercap import FULL_LOAD_WATTS, POWERCAP, Counter, domains, open_counters
from nsctl.contracts import Availability, Granularity, Label, Scope


class RaplMeter:
    """The sum over all package and dram domains, read without a thread or a process of its own.

    ``root`` is the powercap tree; ``virtual`` says whether this is a virtual machine (asked of the system if left out),
    ``others`` who else is at work, ``clock`` the seconds of a clock that never goes back.
    """

    name = "rapl"

    def __init__(
        self,
        root: Path = POWERCAP,
        virtual: bool | None = None,
        others: Others | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.root, self._clock = root, clock
        self.virtual = inside_virtual_machine() if virtual is None else virtual
        self._others = others or Others()
        self.granularity: Granularity = "phase"
        self.scope: Scope = "machine"
        self.update_seconds = 0.001
        self._counters: tuple[Counter, ...] = ()

    @property
    def label(self) -> Label:
        """Measured on bare metal while nobody else was at work since this was last asked."""
        return "measured" if not self.virtual and few(self._others.lately()) else "attributed"

    @property
    def exclusive(self) -> bool:
        """Whether the counters told of nobody else's work since the start."""
        return not self.virtual and few(self._others.in_all())

    def availability(self) -> Availability:
        """Whether every domain can be read now; if not, what would help."""
        found = domains(self.root)
        if not found:
            return self._absent()
        try:
            for counter in open_counters(found):
                counter.close()
        except PermissionError as error:
            return Availability(
                ok=False,
                why=f"the energy counters may not be read: {error}",
                remedy=f"let your user read them until the next boot: sudo chmod -R a+r {self.root}/intel-rapl:*/",
            )
        except (OSError, ValueError) as error:
            return Availability(
                ok=False,
                why=f"the energy counters cannot be read: {error}",
                remedy=f"see whether `cat {found[0].path}/energy_uj` answers with a number",
            )
        return Availability(ok=True)

    def start(self) -> None:
        """Open every counter; where that fails, :meth:`read` gives ``None``."""
        self._close()
        try:
            self._counters = open_counters(domains(self.root), self._clock)
            self._others.begin()
        except (OSError, ValueError):
            self._counters = ()

    def read(self) -> float | None:
        """Joules since :meth:`start`; ``None`` if a single domain cannot be read, or lost count: a partial sum misleads."""
        readings = self._readings()
        return sum(readings.values()) if readings else None

    def stop(self) -> Mapping[str, Any]:
        """Joules of each domain since :meth:`start`, ``None`` if they could not be read at the end."""
        readings = self._readings()
        self._close()
        return {"joules": sum(readings.values()) if readings else None, "domains": readings}

    def describe(self) -> Mapping[str, Any]:
        """Domains that count, update period, wrap time and whose joules they are."""
        wraps = [counter.wrap_seconds(FULL_LOAD_WATTS) for counter in self._counters]
        return {
            "source": f"{self.root}: package and dram domains",
            "unit": "J",
            "update_seconds": self.update_seconds,
            "domains": [counter.domain.name for counter in self._counters],
            "virtual_machine": self.virtual,
            "wrap_seconds": min(wraps, default=None),
            "scope": "the whole machine: idle power and other processes included",
            "others_share": self._others.in_all(),
        }

    def _readings(self) -> dict[str, float] | None:
        if not self._counters:
            return None
        readings: dict[str, float] | None = {}
        for counter in self._counters:  # all of them, so that no domain is left behind by the failure of another
            try:
                joules = counter.joules()
            except (OSError, ValueError):  # the device vanished, answers with no number, or lost count
                readings = None
            else:
                if readings is not None:
                    readings[counter.domain.name] = joules
        return readings

    def _close(self) -> None:
        for counter in self._counters:
            counter.close()
        self._counters = ()

    def _absent(self) -> Availability:
        guest = " (a virtual machine rarely shows them)" if self.virtual else ""
        return Availability(
            ok=False,
            why=f"there is no RAPL package domain under {self.root}{guest}",
            remedy="run on bare-metal Linux with an Intel or AMD processor, after: sudo modprobe intel_rapl_msr",
        )
