"""Joules of processor and memory by the processor's own counters (RAPL).

The counters belong to the machine: they include the idle power and whatever else runs on it, and whether this process
had it to itself cannot be told (a later version will compare with ``/proc/stat``). What a process is charged is therefore
``attributed``, never ``measured``, on bare metal as well; inside a virtual machine the host even makes the counter up,
from shares of CPU time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from energy.machine import inside_virtual_machine
from energy.meters.powercap import POWERCAP, Counter, domains, open_counters
from nsctl.contracts import Availability, Granularity, Label

FULL_LOAD_WATTS = 500.0
"""More than a socket draws; at this power the wrap time that :meth:`RaplMeter.describe` tells is on the safe side."""


class RaplMeter:
    """The sum over all package and dram domains, read without a thread or a process of its own.

    ``root`` is the powercap tree; ``virtual`` says whether this is a virtual machine (asked of the system if left out).
    """

    name = "rapl"

    def __init__(self, root: Path = POWERCAP, virtual: bool | None = None) -> None:
        self.root = root
        self.virtual = inside_virtual_machine() if virtual is None else virtual
        self.label: Label = "attributed"
        self.granularity: Granularity = "phase"
        self.scope: Literal["process", "machine"] = "machine"
        self.update_seconds = 0.001
        self._counters: tuple[Counter, ...] = ()

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
            self._counters = open_counters(domains(self.root))
        except (OSError, ValueError):
            self._counters = ()

    def read(self) -> float | None:
        """Joules since :meth:`start`; ``None`` if a single domain cannot be read, since a partial sum misleads."""
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
            "why_attributed": "whether this process had the machine to itself is not known",
        }

    def _readings(self) -> dict[str, float] | None:
        if not self._counters:
            return None
        try:
            return {counter.domain.name: counter.joules() for counter in self._counters}
        except (OSError, ValueError):  # the device vanished, or answers with something that is no number
            return None

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
