"""Joules of NVIDIA GPUs by the driver's energy counter (NVML), or by power samples where a card has none.

The counter moves about every 100 ms, too slowly for phases: it is read at the ends of an episode. It belongs to the
device, so only devices on which this process has a context are charged, and one that others use too is ``attributed``.
Every device is watched from the start: between two readings of which the second finds a context, the whole difference
is charged, for when the context came is not known, and its first joules would be lost otherwise. So a GPU that an agent
needs is charged its idle power, and one that it does not need is charged nothing.

A card from before 2017 tells its power alone. Power at both ends of a window says nothing about a long one, and a thread
that samples it would take CPU time from whatever phase is open. So such a meter asks to be read every fifth of a second:
the clock of an episode does it at the next boundary of a phase. The samples are joined by straight lines; where two lie
further apart than a second there is no figure for that time, and none of it is better than ``attributed``.

Inside a container with process numbers of its own, older drivers list the host's numbers; this process is then not
found and charged nothing (run the container with ``--pid=host``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nsctl.contracts import Availability, Granularity, Label, Scope

NO_DRIVER = "install NVIDIA's driver and check it with `nvidia-smi`; without a GPU, another meter serves"
NO_COUNTER = "energy needs a GPU whose driver tells its power at least; without it, another meter serves"
NO_LIBRARY = "pip install nvidia-ml-py"
POLL_SECONDS, MAX_GAP = 0.2, 1.0
"""How often power is sampled where it has to be, and how far apart two samples may lie."""


@dataclass
class _Device:
    """A GPU. ``counted`` [mJ] is what its counter, or the sum of its power samples, has come to; ``used`` whether this
    process ever had a context on it, and ``millijoules`` what it was charged."""

    handle: Any
    name: str
    sampled: bool = False
    """Whether it has no counter."""
    register: int = 0
    power: int = 0
    """The last sample [mW], taken at ``when`` [s]."""
    when: float = 0.0
    used: bool = False
    counted: float = 0.0
    millijoules: float = 0.0


class NvmlMeter:
    """The sum over the GPUs that this process uses, each from the reading before it was first seen on it.

    ``library`` stands in for the module ``pynvml``, which is imported when the meter is first used; ``clock`` gives
    seconds.
    """

    name = "nvml"

    def __init__(self, library: Any = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.label: Label = "measured"
        self.granularity: Granularity = "episode"
        self.scope: Scope = "device"
        self.update_seconds = 0.1
        self.poll_seconds: float | None = None
        self._library, self._clock = library, clock
        self._devices: list[_Device] = []
        self._running = False

    def availability(self) -> Availability:
        """Whether there is a driver, a GPU, and an energy counter or the power of every GPU."""
        try:
            library = self._load()
        except ImportError as error:
            return Availability(ok=False, why=f"the Python bindings of NVML are missing: {error}", remedy=NO_LIBRARY)
        try:
            library.nvmlInit()
        except library.NVMLError as error:
            return Availability(ok=False, why=f"NVML does not start: {error}", remedy=NO_DRIVER)
        try:
            return self._check(library)
        finally:
            library.nvmlShutdown()

    def start(self) -> None:
        """Connect to the driver; where that fails, :meth:`read` gives ``None``."""
        if self._running:
            self.stop()
        if self.availability().ok:
            library = self._load()
            library.nvmlInit()
            self._running = True
            with suppress(library.NVMLError):
                self._devices = [self._watched(handle, name) for handle, name in self._list(library)]
            if any(device.sampled for device in self._devices):
                self.label, self.poll_seconds = "attributed", POLL_SECONDS

    def read(self) -> float | None:
        """Joules of the GPUs that this process uses, 0 if it uses none; ``None`` if those of one are not known."""
        return sum(device.millijoules for device in self._devices) * 1e-3 if self._advance_all(used=True) else None

    def whole(self) -> float | None:
        """Joules of all GPUs, whether this process uses them or not."""
        return sum(device.counted for device in self._devices) * 1e-3 if self._advance_all(used=False) else None

    def stop(self) -> Mapping[str, Any]:
        """Joules of each GPU that was used; ``joules`` is ``None`` if they could not be read."""
        joules = self.read()
        fields = {f"{i}: {d.name}": d.millijoules * 1e-3 for i, d in enumerate(self._devices) if d.used}
        if self._running:
            self._load().nvmlShutdown()
        self._running, self._devices = False, []
        return {"joules": joules, "devices": fields}

    def describe(self) -> Mapping[str, Any]:
        """GPUs, update period and whose joules they are."""
        sampled = [device.name for device in self._devices if device.sampled]
        return {
            "source": "nvmlDeviceGetPowerUsage, sampled" if sampled else "nvmlDeviceGetTotalEnergyConsumption",
            "unit": "J",
            "update_seconds": self.update_seconds,
            "devices": [device.name for device in self._devices],
            "without_counter": sampled,
            "scope": "whole devices from when this process has a context on them, idle power included",
        }

    def _advance_all(self, used: bool) -> bool:
        """Bring every GPU up to now; says whether the joules of all, or of all that are ``used``, are known."""
        known = [self._tried(device) or (used and not device.used) for device in self._devices]
        return bool(known) and all(known)

    def _tried(self, device: _Device) -> bool:
        """The same for one that may have vanished."""
        try:
            return self._advance(device)
        except self._load().NVMLError:
            return False

    def _advance(self, device: _Device) -> bool:
        """Bring one GPU up to now; says whether what it took since the last time is known."""
        users, moved = self._users(device.handle), self._moved(device)
        # A context that was closed again does not end the charge: its last joules would be lost.
        device.used = device.used or os.getpid() in users
        device.counted += moved or 0.0
        if device.used:
            device.millijoules += moved or 0.0
            if users - {os.getpid()}:
                self.label = "attributed"
        return moved is not None

    def _moved(self, device: _Device) -> float | None:
        """Millijoules since the last time."""
        if not device.sampled:
            before, device.register = device.register, self._energy(device.handle)
            # The counter starts again from 0 when the driver is loaded anew; what it lost meanwhile cannot be known.
            return device.register - before if device.register >= before else None
        power, when = device.power, device.when
        device.power, device.when = self._power(device.handle), self._clock()
        seconds = device.when - when
        return (power + device.power) / 2 * seconds if seconds <= MAX_GAP else None

    def _watched(self, handle: Any, name: str) -> _Device:
        try:
            return _Device(handle, name, register=self._energy(handle))
        except self._load().NVMLError:
            return _Device(handle, name, sampled=True, power=self._power(handle), when=self._clock())

    def _energy(self, handle: Any) -> int:
        return int(self._load().nvmlDeviceGetTotalEnergyConsumption(handle))  # mJ

    def _power(self, handle: Any) -> int:
        return int(self._load().nvmlDeviceGetPowerUsage(handle))  # mW

    def _users(self, handle: Any) -> set[int]:
        library = self._load()
        compute = library.nvmlDeviceGetComputeRunningProcesses(handle)
        graphics = library.nvmlDeviceGetGraphicsRunningProcesses(handle)  # a simulator that renders on the GPU
        return {int(process.pid) for process in (*compute, *graphics)}

    def _check(self, library: Any) -> Availability:
        try:
            devices = self._list(library)
        except library.NVMLError as error:
            return Availability(ok=False, why=f"the GPUs cannot be listed: {error}", remedy=NO_DRIVER)
        if not devices:
            return Availability(ok=False, why="there is no NVIDIA GPU", remedy=NO_DRIVER)
        for handle, name in devices:
            try:
                self._watched(handle, name)
            except library.NVMLError as error:
                return Availability(ok=False, why=f"{name} tells neither energy nor power: {error}", remedy=NO_COUNTER)
        return Availability(ok=True)

    def _list(self, library: Any) -> list[tuple[Any, str]]:
        """Handle and name of every GPU."""
        handles = map(library.nvmlDeviceGetHandleByIndex, range(library.nvmlDeviceGetCount()))
        return [(handle, str(library.nvmlDeviceGetName(handle))) for handle in handles]

    def _load(self) -> Any:
        if self._library is None:
            import pynvml

            self._library = pynvml
        return self._library
