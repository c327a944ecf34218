"""The RAPL domains of Linux's powercap tree.

Under ``/sys/class/powercap`` a two-socket server looks like this::

    intel-rapl:0        name "package-0": socket 0, its cores, caches and what else is on the die
    intel-rapl:0:0      name "core": a part of the package, already counted in it
    intel-rapl:0:1      name "dram": the memory at socket 0, not a part of the package
    intel-rapl:1        name "package-1"
    intel-rapl:2        name "psys": the whole board, packages included
    intel-rapl-mmio:0   name "package-0" again: the same register by another road

Package and dram are what adds up without counting anything twice. Each folder holds ``energy_uj``, a register of
microjoules that moves about every millisecond and starts again from 0 at ``max_energy_range_uj``. On processors of
several dies the kernel names one domain a die (``package-0-die-1``), and some processors show the same register of the
socket under each; such a *mirror* is left out.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
FULL_LOAD_WATTS = 500.0
"""More than a socket draws: nothing can count faster, nor go round sooner."""
RESET_SLACK = 0.1
"""Seconds by which a reading may be older than the clock says."""
MIRROR_TOLERANCE_UJ = 1_000_000
"""Two dies of one package whose registers lie closer than this (1 J) are one register, read twice in a row."""


@dataclass(frozen=True)
class Domain:
    """One folder of the tree that counts: where it is and what it is called, for example ``package-0/dram``."""

    path: Path
    name: str


def domains(root: Path = POWERCAP) -> tuple[Domain, ...]:
    """The package domains under ``root`` and the dram below each; empty where there is no RAPL."""
    found: list[Domain] = []
    for path in _children(root, r"intel-rapl:\d+"):
        name = _text(path / "name")
        if name.startswith("package"):
            found.append(Domain(path, name))
            parts = _children(path, re.escape(path.name) + r":\d+")
            found.extend(Domain(part, f"{name}/dram") for part in parts if _text(part / "name") == "dram")
    return tuple(found)


class Counter:
    """One domain's register, held open and unrolled into joules that only grow.

    Between two readings at most one wrap is seen, so that a reading is due before ``wrap_seconds`` of full load. A
    register that is lower than before has gone round if a socket could have drawn that much since; otherwise it was set
    back (the driver was loaded anew, the machine slept), and what was counted meanwhile is lost. ``clock`` gives seconds.
    """

    def __init__(self, domain: Domain, clock: Callable[[], float] = time.monotonic) -> None:
        self.domain, self._clock = domain, clock
        self._range_uj = int((domain.path / "max_energy_range_uj").read_text())
        self._descriptor = os.open(domain.path / "energy_uj", os.O_RDONLY)
        self._total_uj = 0
        try:
            self.last_uj, self._when = self._register(), clock()
        except BaseException:
            self.close()
            raise

    def joules(self) -> float:
        """Joules since this counter was made. Raises ``OSError`` or ``ValueError`` if it cannot be read any more.

        A ``ValueError`` also says, once, that joules were lost: the register was set back, or left alone for so long
        that it may have gone round more than once. The next reading goes on from there.
        """
        now, when = self._register(), self._clock()
        moved, seconds = now - self.last_uj, when - self._when
        self.last_uj, self._when = now, when
        if seconds > self.wrap_seconds(FULL_LOAD_WATTS):
            raise ValueError(f"{self.domain.name} was not read for {seconds:.0f} s and may have gone round since")
        if moved < 0:
            moved += self._range_uj
            if moved * 1e-6 > FULL_LOAD_WATTS * (seconds + RESET_SLACK):
                raise ValueError(f"{self.domain.name} was set back")
        self._total_uj += moved
        return self._total_uj * 1e-6

    def wrap_seconds(self, watts: float) -> float:
        """Seconds after which the register has gone round once at a constant power."""
        return self._range_uj * 1e-6 / watts

    def close(self) -> None:
        """Give the file descriptor back."""
        os.close(self._descriptor)

    def _register(self) -> int:
        return int(os.pread(self._descriptor, 32, 0))


def open_counters(found: Iterable[Domain], clock: Callable[[], float] = time.monotonic) -> tuple[Counter, ...]:
    """A counter for every domain, mirrors left out; if one cannot be opened, none stays open."""
    counters: list[Counter] = []
    try:
        for domain in found:
            counter = Counter(domain, clock)
            if any(_mirrors(counter, other) for other in counters):
                counter.close()
            else:
                counters.append(counter)
    except BaseException:
        for counter in counters:
            counter.close()
        raise
    return tuple(counters)


def _mirrors(one: Counter, other: Counter) -> bool:
    return _package(one) == _package(other) and abs(one.last_uj - other.last_uj) < MIRROR_TOLERANCE_UJ


def _package(counter: Counter) -> str:
    return re.sub(r"-die-\d+$", "", counter.domain.name)


def _children(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob("*") if re.fullmatch(pattern, path.name))


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
