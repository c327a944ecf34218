"""How the Mamba-3 benchmark takes time: medians of rounds in turn, on a GPU by events around replayed CUDA graphs."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
Work = Callable[[], object]
_WARM_UP = 3
_ROUND_SECONDS = 0.02
"""A round repeats its work for about this long, so that the clock's grain does not show."""


@dataclass(frozen=True)
class Row:
    """One line of the table. Times in microseconds or milliseconds, as ``unit`` says; None where nothing was measured."""

    what: str
    unit: str
    ours: float | None
    goal: float | None = None
    official: float | None = None
    """The official package, in this very run."""
    earlier: float | None = None
    """The official package as shared figures have it: same kind of card, another day."""
    floor: float | None = None
    note: str = ""

    @property
    def met(self) -> str:
        """Whether the goal is reached."""
        if self.goal is None or self.ours is None:
            return ""
        return "yes" if self.ours <= self.goal else f"no, {self.ours / self.goal:.2f}x"

    @property
    def ratio(self) -> float | None:
        """Ours beside the official one, the quicker of its two figures."""
        theirs = [figure for figure in (self.official, self.earlier) if figure is not None]
        return self.ours / min(theirs) if theirs and self.ours is not None else None

    def told(self) -> dict[str, Any]:
        """The row for ``--json``."""
        return asdict(self) | {"met": self.met, "ratio": self.ratio}


@dataclass
class Bench:
    """What every part of the benchmark is given: the rounds to take, what has been found, what was left out and why."""

    rounds: int
    quick: bool = False
    rows: list[Row] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    bandwidth: float = float("nan")
    """Bytes a second of a copy on the device, read and written."""

    def add(self, row: Row) -> None:
        """Keep ``row``, and say on the error stream how far the benchmark is."""
        self.rows.append(row)
        print(row.what, row.ours, row.unit, row.note, file=sys.stderr, flush=True)

    def medians(self, works: Mapping[str, Work]) -> dict[str, float]:
        """Median seconds of each work on the GPU, one round of each in turn."""
        return medians(works, self.rounds)

    def attempt(self, name: str, make: Callable[[], T]) -> dict[str, T]:
        """What ``make`` gives, under its name; or nothing, and the reason noted."""
        try:
            return {name: make()}
        except Exception as reason:  # a benchmark goes on without what cannot run, and says so
            self.left_out[name] = (
                f"{type(reason).__name__}: {str(reason).strip().splitlines()[0] if str(reason) else ''}"
            )
            return {}

    def floor(self, moved: float) -> float:
        """Seconds to move ``moved`` bytes at the bandwidth of a copy."""
        return moved / self.bandwidth


def captured(work: Work, *, warm: bool = False) -> Work:
    """``work`` as the replay of a CUDA graph; what it reads and writes must stay where it is.

    ``warm`` says that all which it launches has run before.
    """
    if not warm:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                work()
        torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = work()

    def replay(kept: object = kept) -> None:
        graph.replay()

    return replay


def medians(works: Mapping[str, Work], rounds: int) -> dict[str, float]:
    """Median seconds of each work: on the GPU by events, rounds in turn, each as many repetitions as fill its time."""
    times = {name: [] for name in works}
    repetitions = {name: _repetitions(work) for name, work in works.items()}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(_device_seconds(work, repetitions[name]))
    return {name: statistics.median(found) for name, found in times.items()}


def _repetitions(work: Work) -> int:
    for _ in range(_WARM_UP):
        _device_seconds(work, 1)
    return max(1, min(2000, round(_ROUND_SECONDS / _device_seconds(work, 5))))


def _device_seconds(work: Work, repetitions: int) -> float:
    begun, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begun.record()
    for _ in range(repetitions):
        work()
    ended.record()
    ended.synchronize()
    return begun.elapsed_time(ended) / 1e3 / repetitions


def wall_seconds(work: Work, count: int) -> float:
    """Median seconds by the wall of ``count`` single calls, each waited for: what a control loop sees."""
    return _called(work, count, time.perf_counter)


def cpu_seconds(work: Work, count: int) -> float:
    """Median processor seconds of ``count`` single calls: on a CPU, what others do meanwhile does not count."""
    return _called(work, count, time.process_time)


def _called(work: Work, count: int, clock: Callable[[], float]) -> float:
    times = []
    for _ in range(count + _WARM_UP):
        _wait()
        begun = clock()
        work()
        _wait()
        times.append(clock() - begun)
    return statistics.median(times[_WARM_UP:])


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def copy_bandwidth(rounds: int) -> float:
    """Bytes a second, read and written, of a copy of one gibibyte on the device."""
    source = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    seconds = medians({"copy": lambda: target.copy_(source)}, rounds)["copy"]
    return 2 * source.numel() / seconds


def peak_bytes(work: Work) -> int:
    """How much more device memory ``work`` holds at its worst than lies there before it."""
    work()
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    work()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def slope(lengths: list[int], seconds: list[float]) -> float:
    """The power of the length that the times follow: the slope of a line through both logarithms."""
    x, y = torch.tensor(lengths).double().log(), torch.tensor(seconds).double().log()
    x = x - x.mean()
    return float((x * (y - y.mean())).sum() / x.square().sum())


def off(got: Tensor, right: Tensor) -> float:
    """The relative error |got - right| / |right| (Euclidean)."""
    right = right.detach().double()
    return float((got.detach().double() - right).norm() / right.norm())
