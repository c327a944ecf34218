"""Joules of NVIDIA GPUs by the driver's energy counter (NVML).

The counter moves about every 100 ms, too slowly for phases: it is read at the ends of an episode. It belongs to the
device, so only devices on which this process has a context are charged, and one that others use too is ``attributed``.
Every device is watched from the start: between two readings of which the second finds a context, the whole difference
is charged, for when the context came is not known, and its first joules would be lost otherwise.

Inside a container with process numbers of its own, older drivers list the host's numbers; this process is then not
found and charged nothing (run the container with ``--pid=host``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from nsctl.contracts import Availability, Granularity, Label

NO_DRIVER = "install NVIDIA's driver and check it with `nvidia-smi`; without a GPU, another meter serves"
NO_COUNTER = "the energy counter needs a Volta GPU (2017) or a later one; without it, another meter serves"
NO_LIBRARY = "pip install nvidia-ml-py"


@dataclass
class _Device:
    """A GPU; ``last`` is its counter [mJ] when it was read last, ``used`` whether this process ever had a context."""

    handle: Any
    name: str
    last: int
    used: bool = False
    millijoules: int = 0


class NvmlMeter:
    """The sum over the GPUs that this process uses, each from the reading before it was first seen on it.

    ``library`` stands in for the module ``pynvml``, which is imported when the meter is first used.
    """

    name = "nvml"

    def __init__(self, library: Any = None) -> None:
        self.label: Label = "measured"
        self.granularity: Granularity = "episode"
        self.scope: Literal["process", "machine"] = "machine"
        self.update_seconds = 0.1
        self._library = library
        self._devices: list[_Device] = []
        self._running = False

    def availability(self) -> Availability:
        """Whether there is a driver, a GPU, and an energy counter on every GPU."""
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
                self._devices = [_Device(handle, name, self._energy(handle)) for handle, name in self._list(library)]

    def read(self) -> float | None:
        """Joules of the GPUs that this process uses, 0 if it uses none; ``None`` if a counter cannot be read."""
        try:
            for device in self._devices:
                self._advance(device)
        except self._load().NVMLError:
            return None
        return sum(device.millijoules for device in self._devices) * 1e-3 if self._devices else None

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
        return {
            "source": "nvmlDeviceGetTotalEnergyConsumption",
            "unit": "J",
            "update_seconds": self.update_seconds,
            "devices": [device.name for device in self._devices],
            "scope": "whole devices from when this process has a context on them, idle power included",
        }

    def _advance(self, device: _Device) -> None:
        users, now = self._users(device.handle), self._energy(device.handle)
        # A context that was closed again does not end the charge: its last joules would be lost.
        device.used = device.used or os.getpid() in users
        if device.used:
            # The counter starts again from 0 when the driver is loaded anew; what it lost meanwhile cannot be known.
            device.millijoules += max(0, now - device.last)
            if users - {os.getpid()}:
                self.label = "attributed"
        device.last = now

    def _energy(self, handle: Any) -> int:
        return int(self._load().nvmlDeviceGetTotalEnergyConsumption(handle))  # mJ

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
                self._energy(handle)
            except library.NVMLError as error:
                return Availability(ok=False, why=f"{name} has no energy counter: {error}", remedy=NO_COUNTER)
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
