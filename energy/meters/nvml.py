"""Joules of NVIDIA GPUs by the driver's energy counter (NVML).

The counter moves about every 100 ms, too slowly for phases: it is read at the ends of an episode. It belongs to the
device, so only devices on which this process has a context are charged, and one that others use too is ``attributed``.

Inside a container with process numbers of its own, older drivers list the host's numbers; this process is then not
found and the GPU's joules stay unknown (run the container with ``--pid=host``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nsctl.contracts import Availability, Granularity, Label

NO_DRIVER = "install NVIDIA's driver and check it with `nvidia-smi`; without a GPU, another meter serves"
NO_COUNTER = "the energy counter needs a Volta GPU (2017) or a later one; without it, another meter serves"
NO_LIBRARY = "pip install nvidia-ml-py"


@dataclass
class _Device:
    """A GPU; ``last`` is its counter [mJ] when it was read last, ``None`` before this process used it."""

    handle: Any
    name: str
    last: int | None = None
    millijoules: int = 0


class NvmlMeter:
    """The sum over the GPUs that this process uses, each from the moment it was first seen on it.

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
            self._devices = self._list(library)

    def read(self) -> float | None:
        """Joules of the GPUs that this process uses; ``None`` if it uses none or a counter cannot be read."""
        try:
            for device in self._devices:
                self._advance(device)
        except self._load().NVMLError:
            return None
        used = [device for device in self._devices if device.last is not None]
        return sum(device.millijoules for device in used) * 1e-3 if used else None

    def stop(self) -> Mapping[str, Any]:
        """Joules of each GPU that was used; ``joules`` is ``None`` if there was none."""
        joules = self.read()
        fields = {f"{i}: {d.name}": d.millijoules * 1e-3 for i, d in enumerate(self._devices) if d.last is not None}
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
            "scope": "whole devices on which this process has a context, idle power included",
        }

    def _advance(self, device: _Device) -> None:
        users = self._users(device.handle)
        if device.last is None and os.getpid() not in users:
            return
        # A context that was closed again does not end the charge: its last joules would be lost.
        now = int(self._load().nvmlDeviceGetTotalEnergyConsumption(device.handle))
        # The counter starts again from 0 when the driver is loaded anew; what it lost meanwhile cannot be known.
        device.millijoules += max(0, now - device.last) if device.last is not None else 0
        device.last = now
        if users - {os.getpid()}:
            self.label = "attributed"

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
        for device in devices:
            try:
                library.nvmlDeviceGetTotalEnergyConsumption(device.handle)
            except library.NVMLError as error:
                return Availability(ok=False, why=f"{device.name} has no energy counter: {error}", remedy=NO_COUNTER)
        return Availability(ok=True)

    def _list(self, library: Any) -> list[_Device]:
        handles = map(library.nvmlDeviceGetHandleByIndex, range(library.nvmlDeviceGetCount()))
        return [_Device(handle, str(library.nvmlDeviceGetName(handle))) for handle in handles]

    def _load(self) -> Any:
        if self._library is None:
            import pynvml

            self._library = pynvml
        return self._library
