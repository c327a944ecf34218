"""NVFP4 products beside cuBLAS in bfloat16, on a GPU: ``python benchmarks/nvfp4.py [--json]``.

One process, CUDA graphs on both sides, medians of rounds in turn. Cold: the calls of a graph go through copies of the weight
that are together more than twice what an H100's L2 cache holds (85 MB where 512 copies are less). Hot: all calls read the
same. Our launches may begin before the one ahead has ended (programmatic dependent launch), as in a policy's step.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass
from itertools import product as every
from math import ceil
from typing import TYPE_CHECKING, TypeVar

import torch
from mamba3_timing import Work, captured, medians, off
from torch import Tensor

from policies.nvfp4.kernels.choose import FEW, Plan, plan
from policies.nvfp4.quantise import quantise
from policies.nvfp4.tensor import NVFP4Tensor, dequantise

if TYPE_CHECKING:
    from policies.nvfp4.kernels.product import Tiling

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
BATCHES = (1, 2, 4, 8, 16, 32, 64)
COLD_BYTES, COLD_COPIES, HOT_CALLS = 120e6, 512, 16
OTHERS = {
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


@dataclass(frozen=True)
class Row:
    """One product: microseconds a call by cuBLAS in bfloat16 and by ours, and how far ours is from float64."""

    shape: str
    batch: int
    memory: str
    kernel: str
    tiling: str
    bfloat16: float
    ours: float
    error: float

    def told(self) -> dict[str, object]:
        """The row for ``--json``."""
        return asdict(self) | {"ratio": self.ours / self.bfloat16}


@dataclass(frozen=True)
class Candidate:
    """A kernel and how it cuts the product."""

    name: str
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
        from policies.nvfp4.kernels import product

        kernel = product.gemv if candidate.name == "gemv" else product.tiles
        parts = product.workspace(self.x, self.packed, candidate.tiling)
        return lambda weight: kernel(self.x, weight, self.out, None, candidate.tiling, parts)

    def error(self, candidate: Candidate) -> float:
        """How far one call is from float64 with the same codes."""
        self.out.fill_(torch.nan)
        self.call(candidate)(self.packed)
        return off(self.out, self.x.double() @ dequantise(self.packed).double().T)


def case(shape: str, batch: int) -> Case:
    """Normal weights and inputs."""
    torch.manual_seed(0)
    rows, columns = SHAPES[shape]
    packed = quantise(torch.randn(rows, columns, device="cuda"), "max")
    x = torch.randn(batch, columns, device="cuda").bfloat16()
    return Case(packed, dequantise(packed).bfloat16(), x, torch.empty(batch, rows, device="cuda").bfloat16())


def candidates(shape: str, batch: int, sweep: bool) -> list[Candidate]:
    """The kernels that take ``batch`` rows as they would be launched; with ``sweep``, cut otherwise too."""
    from policies.nvfp4.kernels.product import Tiling, gemv_tiling, tiles_tiling

    usual = {"gemv": gemv_tiling(*SHAPES[shape], batch), "tiles": tiles_tiling(*SHAPES[shape])}
    names = ["gemv", "tiles"] if batch <= FEW else ["tiles"]
    others = {name: [Tiling(*other) for other in OTHERS[name]] if sweep else [] for name in names}
    return [Candidate(name, tiling) for name in names for tiling in dict.fromkeys([usual[name], *others[name]])]


def measured(shape: str, batch: int, rounds: int, sweep: bool) -> list[Row]:
    """Each candidate with cold and with hot weights."""
    this, rows = case(shape, batch), []
    errors = {candidate: this.error(candidate) for candidate in candidates(shape, batch, sweep)}
    cold = max(HOT_CALLS, min(COLD_COPIES, ceil(COLD_BYTES / this.packed.nbytes)))
    for memory, calls in (("cold", cold), ("hot", HOT_CALLS)):
        copies = calls if memory == "cold" else 1
        packed = [copy(this.packed) for _ in range(copies)]
        dense = [this.dense.clone() for _ in range(min(copies, ceil(2 * COLD_BYTES / this.dense.nbytes)))]
        works = {"bfloat16": graph(lambda weight: torch.mm(this.x, weight.t(), out=this.out), dense, calls)}
        works |= {str(candidate): graph(this.call(candidate), packed, calls) for candidate in errors}
        times = {name: 1e6 * seconds / calls for name, seconds in medians(works, rounds).items()}
        for candidate, error in errors.items():
            name, tiling = candidate.name, " ".join(map(str, astuple(candidate.tiling)))
            rows.append(Row(shape, batch, memory, name, tiling, times["bfloat16"], times[str(candidate)], error))
            print(line(rows[-1]), file=sys.stderr, flush=True)  # a run that is cut short has shown these
    return rows


def copy(weight: NVFP4Tensor) -> NVFP4Tensor:
    """The same numbers elsewhere in memory."""
    return NVFP4Tensor(weight.codes.clone(), weight.block_scales.clone(), weight.tensor_scale.clone(), weight.columns)


def graph(call: Callable[[W], object], weights: Sequence[W], calls: int) -> Work:
    """So many calls as one CUDA graph, going round the weights."""

    def work() -> None:
        for i in range(calls):
            call(weights[i % len(weights)])

    return captured(work)


HEAD = """| shape | batch | L2 | kernel | tiling | bf16, µs | ours, µs | ours / bf16 | error |
|---|---|---|---|---|---|---|---|---|"""


def line(row: Row) -> str:
    """The row in Markdown, under HEAD."""
    times = f"{row.bfloat16:.2f} | {row.ours:.2f} | {row.ours / row.bfloat16:.2f}"
    return f"| {row.shape} | {row.batch} | {row.memory} | {row.kernel} | {row.tiling} | {times} | {row.error:.1e} |"


def plans(shape: str, batches: Sequence[int]) -> dict[int, Plan]:
    """What a layer takes today."""
    return {batch: plan(torch.device("cuda", 0), SHAPES[shape], batch) for batch in batches}


def main(arguments: list[str] | None = None) -> int:
    """Measure what was asked for and print it; 1 where there is no GPU."""
    parser = argparse.ArgumentParser(description="NVFP4 products beside cuBLAS in bfloat16, on a GPU")
    parser.add_argument("--shape", choices=SHAPES, action="append", help="only this one; may be repeated")
    parser.add_argument("--batch", type=int, action="append", help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=7, help="rounds that a median is taken of (default: 7)")
    parser.add_argument("--sweep", action="store_true", help="also try other tilings")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    wanted = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        print("There is no CUDA device here, and this compares GPU kernels: run it on a machine that has one.")
        return 1
    shapes, batches = wanted.shape or list(SHAPES), wanted.batch or list(BATCHES)
    rows = [row for each in every(shapes, batches) for row in measured(*each, wanted.rounds, wanted.sweep)]
    chosen = {shape: {b: asdict(p) for b, p in plans(shape, batches).items()} for shape in shapes}
    card = torch.cuda.get_device_name()
    if wanted.json:
        print(json.dumps({"card": card, "torch": torch.__version__, "rows": [r.told() for r in rows], "plans": chosen}))
        return 0
    print(f"{card}, torch {torch.__version__}\n\n{HEAD}", *map(line, rows), "", sep="\n")
    for shape, by_batch in chosen.items():
        for batch, p in by_batch.items():
            print(f"{shape}, batch {batch}: {p['kernel']} ({p['reason']})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
