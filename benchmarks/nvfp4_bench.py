"""How ``nvfp4.py`` takes time and keeps what it found: on a GPU by graphs and events, in a dry run by the wall."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from math import comb
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from typing import Any, TypeVar

import mamba3_timing as timing
import torch

T = TypeVar("T")
Work = Callable[[], object]
TURN_SECONDS = 0.003
"""About what a work takes of a round, where rounds are kept."""


@dataclass
class Bench:
    """What every part is given: the ``device``, the rounds that a median is of, and where lines of JSON go."""

    device: torch.device
    rounds: int
    lines: Path | None = None
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def on_gpu(self) -> bool:
        return self.device.type == "cuda"

    @property
    def card(self) -> str:
        """The card's name, or that there is none."""
        return torch.cuda.get_device_name(self.device) if self.on_gpu else "no GPU (a dry run, its times mean nothing)"

    @property
    def major(self) -> int:
        """The generation of the card; 0 without one."""
        return torch.cuda.get_device_capability(self.device)[0] if self.on_gpu else 0

    def add(self, part: str, row: Mapping[str, Any]) -> None:
        """Write a row down at once, so that a run which is cut short has left what it found."""
        text = json.dumps({"part": part, **row})
        print(text, file=sys.stderr, flush=True)
        if self.lines is not None:
            with self.lines.open("a") as file:
                file.write(text + "\n")

    def captured(self, work: Work, warm: bool = False) -> Work:
        """``work`` as the replay of a CUDA graph, or as it is on a CPU; ``warm`` if all that it launches has run before."""
        return timing.captured(work, warm=warm) if self.on_gpu else work

    def medians(self, works: Mapping[str, Work]) -> dict[str, float]:
        """Median seconds of each work, rounds in turn: of the GPU's own time where there is one."""
        if self.on_gpu:
            return timing.medians(works, self.rounds)
        times: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(self.rounds):
            for name, work in works.items():
                begun = time.perf_counter()
                work()
                times[name].append(time.perf_counter() - begun)
        return {name: statistics.median(found) for name, found in times.items()}

    def in_turn(self, works: Mapping[str, Work], rounds: int) -> dict[str, list[float]]:
        """Seconds of each work in each of the rounds, every other one backwards: what drifts, drifts for all alike."""
        clock = _events if self.on_gpu else _by_the_wall
        counts = {name: self._count(work, clock) for name, work in works.items()}
        names, times = list(works), {name: list[Callable[[], float]]() for name in works}
        for i in range(rounds):
            for name in names[:: -1 if i % 2 else 1]:
                times[name].append(clock(works[name], counts[name]))
        return {name: [seconds() for seconds in taken] for name, taken in times.items()}

    def _count(self, work: Work, clock: Callable[[Work, int], Callable[[], float]]) -> int:
        """How often it fits into a turn, once it is warm."""
        clock(work, 2)()
        return max(1, round(TURN_SECONDS / clock(work, 3)())) if self.on_gpu else 1

    def attempt(self, name: str, make: Callable[[], T]) -> T | None:
        """What ``make`` gives; None if it cannot, and the reason noted: a benchmark goes on without it."""
        try:
            return make()
        except Exception as error:
            text = str(error).strip().splitlines() or [""]
            self.left_out[name] = f"{type(error).__name__}: {text[0][:200]}"
            self.add("left out", {"what": name, "why": self.left_out[name]})
            return None


def _events(work: Work, count: int) -> Callable[[], float]:
    """Begin ``count`` of it; the GPU's seconds for each are read later, so that it need not wait between turns."""
    begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    begun.record()
    for _ in range(count):
        work()
    ended.record()

    def seconds() -> float:
        ended.synchronize()
        return float(begun.elapsed_time(ended)) / 1e3 / count

    return seconds


def _by_the_wall(work: Work, count: int) -> Callable[[], float]:
    begun = time.perf_counter()
    for _ in range(count):
        work()
    found = (time.perf_counter() - begun) / count
    return lambda: found


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Between which two of the ``values`` their median lies with 95 % at least, whatever it is that they follow.

    By the signs alone: k of n values are below the true median as often as a coin shows k heads of n. Fewer than six
    values cannot tell so much; then it is the smallest and the largest.
    """
    ordered, tail, k = sorted(values), 0.0, 0
    while (tail := tail + comb(len(ordered), k) / 2 ** len(ordered)) <= 0.025:
        k += 1
    return ordered[max(k - 1, 0)], ordered[min(len(ordered) - k, len(ordered) - 1)]


def compile_ahead(jobs: Mapping[str, Callable[[], None]], capability: int) -> float:
    """Fill Triton's cache for a card of this ``capability`` on all cores but two, and say how many seconds that took.

    Each job launches kernels on tensors of the device ``meta``; what fails here will say so when it is measured.
    """
    begun = time.perf_counter()
    workers = max(1, min((cpu_count() or 3) - 2, len(jobs)))
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        list(pool.map(_compile, jobs.values(), [capability] * len(jobs)))
    return time.perf_counter() - begun


def _compile(job: Callable[[], None], capability: int) -> None:
    from policies.mamba3.kernels.crosscompile import Card, instead_of_launching

    torch.set_num_threads(1)
    try:
        with instead_of_launching(Card(capability, 0), lambda kernel, made: None):
            job()
    except Exception as error:  # the measurement itself meets it again
        print(f"not compiled ahead: {error!r}", file=sys.stderr)
