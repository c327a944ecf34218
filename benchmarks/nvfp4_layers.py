"""The layer as a policy calls it beside ``F.linear`` in bfloat16: a part of ``nvfp4.py``.

:class:`~policies.nvfp4.linear.NVFP4Linear` takes the kernel that the table has for its shape and batch, or the library; so
this is what a user gets, fallbacks included. CUDA graphs on both sides, cold and hot as in ``nvfp4_products``. Both are
timed in turn, every other round backwards; the ratio is the median of the rounds' ratios, with its interval over the
rounds of this run.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from statistics import median

import torch
from mamba3_timing import off
from nvfp4_bench import Bench, Work, median_interval
from nvfp4_products import BATCHES as PRODUCT_BATCHES
from nvfp4_products import COLD_BYTES, SHAPES, TINY, Candidate, launched_as
from torch import Tensor
from torch.nn import functional as F

from policies.nvfp4.kernels import choose
from policies.nvfp4.kernels.product import Tiling, gemv_tiling, tiles_tiling
from policies.nvfp4.linear import NVFP4Linear
from policies.nvfp4.quantise import quantise
from policies.nvfp4.tensor import dequantise

BATCHES = (*PRODUCT_BATCHES, 128)
"""The last is more than any of our kernels takes."""
TWICE, HOT_CALLS = 2, 64
"""The rounds of other parts are taken so often: a ratio near its bound needs more; and calls of a graph."""
SAME_CODE = 16
"""Tensor cores take fewer rows as if they were so many."""
GOAL, OFF_GOAL = 1.05, 2e-3
"""The most that a layer may take of bfloat16's time, and be off from float64 with the same codes."""


@dataclass(frozen=True)
class LayerRow:
    """One layer: medians in microseconds a call, the median ``ratio`` of both with its interval, and the relative error."""

    shape: str
    batch: int
    memory: str
    kernel: str
    bfloat16: float
    ours: float
    ratio: float
    low: float
    high: float
    error: float

    def told(self) -> dict[str, object]:
        """The row for JSON."""
        return asdict(self)

    def line(self) -> str:
        """The row in Markdown, under HEAD."""
        times = f"{self.bfloat16:.2f} | {self.ours:.2f} | {self.ratio:.3f} ({self.low:.3f} to {self.high:.3f})"
        return f"| {self.shape} | {self.batch} | {self.memory} | {self.kernel} | {times} | {self.error:.1e} |"


HEAD = """| shape | batch | L2 | by | bf16, µs | layer, µs | layer / bf16 (95 %) | error |
|---|---|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Copies:
    """The same layer, and the same weight in bfloat16, as often as makes L2 cold: together more than twice what it holds
    of packed weights.
    """

    layers: list[NVFP4Linear]
    dense: list[Tensor]

    @classmethod
    def of(cls, shape: tuple[int, int], bench: Bench) -> Copies:
        """Normal weights."""
        torch.manual_seed(0)
        packed = quantise(torch.randn(shape, device=bench.device), "max")
        count = max(2, ceil(COLD_BYTES / packed.nbytes)) if bench.on_gpu else 2
        layer, dense = NVFP4Linear(packed), dequantise(packed).bfloat16()
        layers = [layer, *(copy.deepcopy(layer) for _ in range(count - 1))]
        return cls(layers, [dense, *(dense.clone() for _ in range(count - 1))])

    def first(self, count: int) -> Copies:
        """Only so many."""
        return Copies(self.layers[:count], self.dense[:count])

    def cold(self, kernel: str, bench: Bench) -> Copies:
        """As many as ``kernel`` has to read: of weights that were decoded, fewer do."""
        fewer = kernel == "dense" and bench.on_gpu
        return self.first(max(2, ceil(COLD_BYTES / self.dense[0].nbytes))) if fewer else self


def works(bench: Bench, copies: Copies, x: Tensor, calls: int) -> dict[str, Work]:
    """So many calls of either as one CUDA graph, going round the copies; each must have been called before."""
    count = len(copies.layers)

    def ours() -> None:
        for i in range(calls):
            copies.layers[i % count](x)

    def theirs() -> None:
        for i in range(calls):
            F.linear(x, copies.dense[i % count])

    return {"bfloat16": bench.captured(theirs, warm=True), "ours": bench.captured(ours, warm=True)}


def measured(bench: Bench, name: str, copies: Copies, batch: int) -> list[LayerRow]:
    """A batch with cold and with hot weights."""
    first, rows = copies.layers[0], []
    x = torch.randn(batch, first.in_features, device=bench.device).bfloat16()
    kernel = planned(bench, (first.out_features, first.in_features), batch)
    F.linear(x, copies.dense[0])
    error = off(first(x), x.double() @ dequantise(first.tensor).double().T)
    for memory, those in (("cold", copies.cold(kernel, bench)), ("hot", copies.first(1))):
        calls = max(HOT_CALLS, len(those.layers)) if bench.on_gpu else 2
        found = bench.in_turn(works(bench, those, x, calls), TWICE * bench.rounds)
        theirs, ours = found["bfloat16"], found["ours"]
        ratios = [b / a for a, b in zip(theirs, ours, strict=True)]
        times = (1e6 * median(theirs) / calls, 1e6 * median(ours) / calls)
        rows.append(LayerRow(name, batch, memory, kernel, *times, median(ratios), *median_interval(ratios), error))
        bench.add("layer", rows[-1].told())
    return rows


def all_layers(bench: Bench, shapes: Iterable[str], batches: Sequence[int]) -> list[LayerRow]:
    """Every shape with every batch, by the table as it stands; what fails is left out by name."""
    known, found = SHAPES | TINY, []
    for shape in shapes:
        copies = Copies.of(known[shape], bench)
        for batch in batches:

            def run(shape: str = shape, copies: Copies = copies, batch: int = batch) -> list[LayerRow]:
                return measured(bench, shape, copies, batch)

            found += bench.attempt(f"layer, {shape}, batch {batch}", run) or []
    return found


def judged(rows: Sequence[LayerRow]) -> list[str]:
    """The goal for the batches that our kernels take and for those beyond; the worst of either, and all that miss it."""
    told = []
    for what, part in (
        (f"batch 1 to {choose.SEVERAL}", [row for row in rows if row.batch <= choose.SEVERAL]),
        (f"more than {choose.SEVERAL} rows", [row for row in rows if row.batch > choose.SEVERAL]),
    ):
        missed = [row for row in part if row.ratio > GOAL]
        if part:
            worst = max(part, key=lambda row: row.ratio)
            verdict = f"missed at {len(missed)} of {len(part)}" if missed else "reached"
            unsure = sum(row.low <= GOAL < row.high for row in part)
            told.append(f"- layers, {what}: at most {worst.ratio:.3f} of F.linear's time, goal {GOAL:g}: {verdict}")
            told.append(f"  the worst: {_named(worst)}")
            told.append(f"  the interval holds {GOAL:g} at {unsure} of {len(part)}")
        told += [f"  missed: {_named(row)}" for row in missed]
    if rows:
        error = max(row.error for row in rows)
        verdict = "reached" if error <= OFF_GOAL else "missed"
        told.append(f"- layers: off from float64 by at most {error:.1e}, goal at most {OFF_GOAL:g}: {verdict}")
    return told


def _named(row: LayerRow) -> str:
    interval = f"{row.ratio:.3f} ({row.low:.3f} to {row.high:.3f})"
    return f"{row.shape}, batch {row.batch}, {row.memory}, by {row.kernel}: {interval}"


def planned(bench: Bench, shape: tuple[int, int], batch: int) -> str:
    """The kernel that the table has for it."""
    return choose.plan(bench.device, shape, batch).kernel


def compiled_as(shape: tuple[int, int], batch: int, kernel: choose.Kernel) -> str:
    """What two layers share that launch the same code."""
    rows = batch if kernel == "gemv" or batch >= SAME_CODE else "few"
    return f"{kernel} {_tiling(shape, batch, kernel)} {rows}"


def launched(shape: tuple[int, int], batch: int, kernel: choose.Kernel) -> None:
    """The kernel of a layer on tensors of the device ``meta``, to be compiled ahead."""
    launched_as(shape, batch, [Candidate(kernel, _tiling(shape, batch, kernel))])


def _tiling(shape: tuple[int, int], batch: int, kernel: choose.Kernel) -> Tiling:
    return gemv_tiling(*shape, batch) if kernel == "gemv" else tiles_tiling(*shape)
