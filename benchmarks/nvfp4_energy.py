"""Joules a decision by the GPU's own counter (NVML), in NVFP4 beside bfloat16: the third part of ``nvfp4.py``.

Decisions are made one after the other, each waited for, as a control loop would at its quickest. A window of ten seconds or
more begins and ends where the counter moves, so that its hundred milliseconds do not show; nothing reads it meanwhile. The
card's idle power, with this process on it, is measured the same way and given beside.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from nvfp4_bench import Bench
from nvfp4_steps import bfloat16, nvfp4

Counter = Callable[[], float]
"""Joules that the card has taken since some time or other."""
STEP = 0.005
"""Seconds between two looks for the counter's next move."""


@dataclass(frozen=True)
class EnergyRow:
    """One network in one precision over ``seconds``: joules a decision, gross and above idle, and what the card drew."""

    network: str
    precision: str
    seconds: float
    decisions: int
    joules: float
    idle_watts: float

    @property
    def gross(self) -> float:
        """Joules a decision."""
        return self.joules / self.decisions

    @property
    def net(self) -> float:
        """Joules a decision above what idling for as long would have taken."""
        return (self.joules - self.idle_watts * self.seconds) / self.decisions

    def told(self) -> dict[str, object]:
        """The row for JSON."""
        return asdict(self) | {"gross": self.gross, "net": self.net}

    def line(self) -> str:
        """The row in Markdown, under HEAD."""
        size = f"{self.seconds:.1f} | {self.decisions} | {self.joules / self.seconds:.1f} | {self.idle_watts:.1f}"
        return f"| {self.network} | {self.precision} | {size} | {1e3 * self.gross:.3f} | {1e3 * self.net:.3f} |"


HEAD = """| network | precision | seconds | decisions | W | idle, W | mJ a decision | above idle, mJ |
|---|---|---|---|---|---|---|---|"""


def nvml_counter(device: torch.device) -> Counter:
    """The counter of the card that torch calls ``device``; fails where NVML or the counter is missing."""
    import pynvml

    pynvml.nvmlInit()
    try:
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
    except pynvml.NVMLError:  # a virtual machine may give its cards other names
        handle = pynvml.nvmlDeviceGetHandleByIndex(device.index or 0)
    pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    return lambda: 1e-3 * float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle))


def at_its_next_move(counter: Counter) -> tuple[float, float]:
    """When the counter moves next, in seconds, and what it says then."""
    before = counter()
    while (now := counter()) == before:
        time.sleep(STEP)
    return time.perf_counter(), now


def window(counter: Counter, work: Callable[[], object], least: float) -> tuple[float, float, int]:
    """Seconds, joules and how often ``work`` was done in a window of ``least`` seconds or a little more.

    While the counter's next move is awaited at the end, the work goes on.
    """
    begun, before = at_its_next_move(counter)
    count = 0
    while time.perf_counter() - begun < least:
        work()
        count += 1
    reading = counter()
    while (now := counter()) == reading:
        work()
        count += 1
    return time.perf_counter() - begun, now - before, count


def energy(bench: Bench, counter: Counter, sizes: tuple[str, ...], least: float) -> list[EnergyRow]:
    """Both precisions of every network, one decision at a time."""
    seconds, joules, _ = window(counter, lambda: time.sleep(STEP), least / 2)
    idle, rows = joules / seconds, []
    for size in sizes:
        for precision, make in (("bfloat16", bfloat16), ("nvfp4", nvfp4)):
            played = make(size, bench.device)
            features, memories = torch.randn(1, played.config.features).numpy(), [played.begin()]

            def decide(played=played, features=features, memories=memories) -> object:
                return played.act(features, memories)

            decide()
            rows.append(EnergyRow(size, precision, *_ordered(window(counter, decide, least)), idle))
            bench.add("energy", rows[-1].told())
    return rows


def _ordered(found: tuple[float, float, int]) -> tuple[float, int, float]:
    seconds, joules, decisions = found
    return seconds, decisions, joules
