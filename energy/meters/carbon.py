"""Carbon and energy of a whole run by codecarbon, for comparison with other projects' records.

codecarbon cannot cut a run into phases, so it runs once around it. On a machine without counters its joules are almost
a stopwatch: a constant for memory (10 W and more) drowns a model of the processor. Its figures are kept verbatim, apart
from ours.

Finding out what processor this is takes codecarbon 1 to 2 seconds, the first time in a process. :meth:`start` waits for
it, before the first episode: in a thread it would take its CPU time out of whatever phase is open. For the same reason
codecarbon's thread that samples the load every second (1 % of a core) is stopped; the energies do not need it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import asdict
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

from nsctl.contracts import Availability, Granularity, Label, Scope
from nsctl.errors import InvalidValue

DEFAULT_REGION = "USA"
SAMPLED = ("cpu_utilization_percent", "gpu_utilization_percent", "ram_utilization_percent", "ram_used_gb")
"""What only that thread would have known; codecarbon puts 0 there, the record ``None``."""
RAPL_MODE = "intel_rapl"
"""What codecarbon calls its processor model if it reads counters."""


class _Quiet(logging.Filter):
    """Keeps codecarbon's messages off the terminal; warnings and errors are kept for the record instead."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the record; nothing passes on."""
        if record.levelno >= logging.WARNING:
            cause = record.exc_info[1] if record.exc_info else None
            self.kept.append(f"{record.getMessage()}: {cause!r}" if cause else record.getMessage())
        return False


class CodecarbonMeter:
    """One offline tracker in process mode around a run; it writes no file, sends nothing and prints nothing.

    ``country_iso_code`` (see :attr:`region`) chooses the carbon intensity of the grid. ``label`` speaks for the processor's
    joules alone; :meth:`stop` labels each of codecarbon's energies.
    """

    name = "codecarbon"

    def __init__(self, country_iso_code: str = DEFAULT_REGION) -> None:
        self.label: Label = "modelled"
        self.granularity: Granularity = "run"
        self.scope: Scope = "process"
        self.update_seconds = 15.0
        self.region = country_iso_code
        self._tracker: Any = None
        self._quiet = _Quiet()

    @property
    def region(self) -> str:
        """The country whose grid the emissions are those of: three capitals. Set it before the start."""
        return self._region

    @region.setter
    def region(self, code: str) -> None:
        if not re.fullmatch(r"[A-Z]{3}", code):
            raise InvalidValue(f"a region is a country's three capitals, such as USA, got {code!r}")
        if code != DEFAULT_REGION and code not in (known := _regions()):
            near = ", ".join(get_close_matches(code, known, n=3)) or "none"
            raise InvalidValue(f"codecarbon knows no grid of the region {code!r}; nearest: {near}")
        self._region = code

    def availability(self) -> Availability:
        """Whether codecarbon is installed; it always finds some model."""
        if find_spec("codecarbon"):
            return Availability(ok=True)
        return Availability(ok=False, why="codecarbon is not installed", remedy="pip install codecarbon")

    def start(self) -> None:
        """Start the tracker; the first time in a process this takes 1 to 2 seconds of wall time."""
        if self._tracker is not None:
            self.stop()
        from codecarbon import OfflineEmissionsTracker

        self._quiet = _Quiet()
        logging.getLogger("codecarbon").addFilter(self._quiet)
        self._tracker = OfflineEmissionsTracker(
            country_iso_code=self.region,
            tracking_mode="process",
            measure_power_secs=self.update_seconds,
            output_methods=[],
            emissions_endpoint=None,
            allow_multiple_runs=True,
            log_level="warning",
        )
        self._tracker.start()
        if monitor := getattr(self._tracker, "_scheduler_monitor_power", None):
            monitor.stop()
        self.label = "attributed" if self._cpu_mode() == RAPL_MODE else "modelled"

    def read(self) -> None:
        """Nothing: codecarbon is no counter."""

    def stop(self) -> Mapping[str, Any]:
        """codecarbon's final fields, its processor model, a label for each energy, and what it warned of.

        The fields are verbatim, but for :data:`SAMPLED`. Energies are in kWh, emissions in kg of CO2 equivalents, as
        codecarbon has them. Empty if it was not started.
        """
        if self._tracker is None:
            return {}
        self._tracker.stop()
        final = getattr(self._tracker, "final_emissions_data", None)
        fields = {
            **(asdict(final) | dict.fromkeys(SAMPLED) if final else {}),
            "cpu_mode": self._cpu_mode(),
            "labels": self._labels() if final else {},
            "warnings": list(self._quiet.kept),
        }
        logging.getLogger("codecarbon").removeFilter(self._quiet)
        self._tracker = None
        return fields

    def describe(self) -> Mapping[str, Any]:
        """Source, units, the grid that it stands on and what to beware of."""
        return {
            "source": "codecarbon.OfflineEmissionsTracker",
            "unit": "kWh and kg CO2eq, as codecarbon has them",
            "update_seconds": self.update_seconds,
            "tracking_mode": "process",
            "country_iso_code": self.region,
            "caution": "memory is a constant power, so that without counters the energy follows wall time",
        }

    def _cpu_mode(self) -> str:
        # Not in codecarbon's result, although the figures mean nothing without it.
        hardware = getattr(self._tracker, "_hardware", [])
        modes = [getattr(part, "_mode", None) for part in hardware]
        return next((str(mode) for mode in modes if mode), "unknown")

    def _labels(self) -> dict[str, Label]:
        gpus = any(type(part).__name__ == "GPU" for part in self._tracker._hardware)
        return {
            "cpu_energy": self.label,
            "gpu_energy": "attributed" if gpus else "unavailable",
            "ram_energy": "modelled",
            "energy_consumed": "modelled",  # a sum is no better than its weakest part
        }


def _regions() -> list[str]:
    """The countries that codecarbon has a figure for; none of them where it is not installed."""
    if not find_spec("codecarbon"):
        return []
    from codecarbon.input import DataSource

    return sorted(DataSource().get_global_energy_mix_data())  # type: ignore[no-untyped-call]
