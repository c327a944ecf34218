"""Products with NVFP4 weights beside cuBLAS in bfloat16: the first part of ``nvfp4.py``.

CUDA graphs on both sides, medians of rounds in turn. Cold: the calls of a graph go through copies of the weight that are
together more than twice what an H100's L2 cache holds, packed and in bfloat16 alike. Hot: all calls read the same. Our
launches may begin before the one ahead has ended (programmatic dependent launch), as in a policy's step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, astuple, dataclass
from functools import partial
from itertools import product as every
from math import ceil
from typing import TypeVar

import torch
from mamba3_timing import off
from nvfp4_bench import Bench, Work
from torch import Tensor

from policies.nvfp4.kernels import product
from policies.nvfp4.kernels.choose import GEMV_ROWS, Kernel
from policies.nvfp4.kernels.product import Tiling, gemv_tiling, tiles_tiling
from policies.nvfp4.quantise import quantise
from policies.nvfp4.tensor import NVFP4Tensor, dequantise, zeros

W = TypeVar("W")
SHAPES = {
    "8192 x 8192": (8192, 8192),
    "micro, into": (1152, 256),
    "micro, out of": (256, 512),
    "small, into": (2176, 512),
    "small, out of": (512, 1024),
    "D = 1024, into": (4352, 1024),
}
"""Rows and columns: a large square, and the projections of Mamba-3 stacks into a block (z, x, B and C) and out of it."""
TINY = {"8 x 32": (8, 32)}
"""For a dry run."""
BATCHES = (1, 2, 4, 8, 16, 32, 64)
COLD_BYTES, HOT_CALLS = 120e6, 16
OTHERS: dict[Kernel, tuple[tuple[int, int, int, int], ...]] = {
    "gemv": ((2, 32, 1, 1), (4, 32, 1, 1), (8, 32, 1, 2), (8, 64, 1, 2), (16, 32, 1, 2), (16, 64, 1, 4), (4, 32, 4, 1)),
    "tiles": (
        (16, 8, 1, 1),
        (16, 16, 1, 4),
        (16, 16, 4, 4),
        (64, 8, 1, 4),
        (64, 8, 4, 4),
        (64, 16, 1, 4),
        (64, 16, 4, 4),
    ),
}
"""Tilings (rows, blocks, parts, warps) that --sweep tries."""
GOALS = {"8192 x 8192": 0.7}
"""The most that ours may take of cuBLAS's time with one row."""


@dataclass(frozen=True)
class Row:
    """One product: microseconds a call by cuBLAS in bfloat16 and by ours, and how far ours is from float64."""

    shape: str
    rows: int
    columns: int
    batch: int
    memory: str
    kernel: Kernel
    tiling: str
    bfloat16: float
    ours: float
    error: float

    @property
    def ratio(self) -> float:
        """Ours over bfloat16."""
        return self.ours / self.bfloat16

    def told(self) -> dict[str, object]:
        """The row for JSON."""
        return asdict(self) | {"ratio": self.ratio}

    def line(self) -> str:
        """The row in Markdown, under HEAD."""
        times = f"{self.bfloat16:.2f} | {self.ours:.2f} | {self.ratio:.2f}"
        head = f"| {self.shape} | {self.batch} | {self.memory} | {self.kernel} | {self.tiling} |"
        return f"{head} {times} | {self.error:.1e} |"


HEAD = """| shape | batch | L2 | kernel | tiling | bf16, µs | ours, µs | ours / bf16 | error |
|---|---|---|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Candidate:
    """A kernel and how it cuts the product."""

    name: Kernel
    tiling: Tiling


@dataclass(frozen=True)
class Case:
    """A weight in both forms, its input, and where the output goes."""

    packed: NVFP4Tensor
    dense: Tensor
    x: Tensor
    out: Tensor

    def call(self, candidate: Candidate) -> Callable[[NVFP4Tensor], None]:
        """The product as a function of the packed weight that allocates nothing."""
        kernel = product.gemv if candidate.name == "gemv" else product.tiles
        parts = product.workspace(self.x, self.packed, candidate.tiling)
        return lambda weight: kernel(self.x, weight, self.out, None, candidate.tiling, parts)

    def error(self, candidate: Candidate) -> float:
        """How far one call is from float64 with the same codes."""
        self.out.fill_(torch.nan)
        self.call(candidate)(self.packed)
        return off(self.out, self.x.double() @ dequantise(self.packed).double().T)


def case(shape: tuple[int, int], batch: int, device: torch.device) -> Case:
    """Normal weights and inputs."""
    torch.manual_seed(0)
    rows, columns = shape
    packed = quantise(torch.randn(rows, columns, device=device), "max")
    x = torch.randn(batch, columns, device=device).bfloat16()
    return Case(packed, dequantise(packed).bfloat16(), x, torch.empty(batch, rows, device=device).bfloat16())


def candidates(shape: tuple[int, int], batch: int, sweep: bool) -> list[Candidate]:
    """The kernels that take ``batch`` rows as they would be launched; with ``sweep``, cut otherwise too."""
    usual: dict[Kernel, Tiling] = {"gemv": gemv_tiling(*shape, batch), "tiles": tiles_tiling(*shape)}
    names: list[Kernel] = ["gemv", "tiles"] if batch <= GEMV_ROWS else ["tiles"]
    others = {name: [Tiling(*other) for other in OTHERS[name]] if sweep else [] for name in names}
    return [Candidate(name, tiling) for name in names for tiling in dict.fromkeys([usual[name], *others[name]])]


def measured(bench: Bench, name: str, shape: tuple[int, int], batch: int, sweep: bool) -> list[Row]:
    """Each candidate with cold and with hot weights."""
    this, rows = case(shape, batch, bench.device), []
    errors = {candidate: this.error(candidate) for candidate in candidates(shape, batch, sweep)}
    bytes_, hot = (COLD_BYTES, HOT_CALLS) if bench.on_gpu else (1.0, 1)
    cold = max(hot, ceil(bytes_ / this.packed.nbytes))
    for memory, calls in (("cold", cold), ("hot", hot)):
        copies = calls if memory == "cold" else 1
        packed = [copy(this.packed) for _ in range(copies)]
        dense = [this.dense.clone() for _ in range(min(copies, ceil(2 * bytes_ / this.dense.nbytes)))]
        works = {"bfloat16": graph(bench, lambda weight: torch.mm(this.x, weight.t(), out=this.out), dense, calls)}
        works |= {str(candidate): graph(bench, this.call(candidate), packed, calls) for candidate in errors}
        times = {work: 1e6 * seconds / calls for work, seconds in bench.medians(works).items()}
        for candidate, error in errors.items():
            tiling = " ".join(map(str, astuple(candidate.tiling)))
            found = (times["bfloat16"], times[str(candidate)], error)
            rows.append(Row(name, *shape, batch, memory, candidate.name, tiling, *found))
            bench.add("product", rows[-1].told())
    return rows


def all_products(bench: Bench, shapes: Iterable[str], batches: Sequence[int], sweep: bool) -> list[Row]:
    """Every shape with every batch; what fails is left out by name."""
    known, found = SHAPES | TINY, []
    for shape, batch in every(shapes, batches):
        run = partial(measured, bench, shape, known[shape], batch, sweep)
        found += bench.attempt(f"product, {shape}, batch {batch}", run) or []
    return found


def launched(shape: tuple[int, int], batch: int, sweep: bool) -> None:
    """The kernels of :func:`measured` on tensors of the device ``meta``, to be compiled ahead."""
    launched_as(shape, batch, candidates(shape, batch, sweep))


def launched_as(shape: tuple[int, int], batch: int, wanted: Iterable[Candidate]) -> None:
    """Some kernels on tensors of the device ``meta``."""
    with torch.device("meta"):
        packed = zeros(*shape)
        x = torch.zeros(batch, shape[1], dtype=torch.bfloat16)
        this = Case(packed, x, x, torch.zeros(batch, shape[0], dtype=torch.bfloat16))
        for candidate in wanted:
            this.call(candidate)(packed)


def copy(weight: NVFP4Tensor) -> NVFP4Tensor:
    """The same numbers elsewhere in memory."""
    return NVFP4Tensor(weight.codes.clone(), weight.block_scales.clone(), weight.tensor_scale.clone(), weight.columns)


def graph(bench: Bench, call: Callable[[W], object], weights: Sequence[W], calls: int) -> Work:
    """So many calls as one CUDA graph, going round the weights."""

    def work() -> None:
        for i in range(calls):
            call(weights[i % len(weights)])

    return bench.captured(work)
