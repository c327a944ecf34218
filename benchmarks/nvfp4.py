"""NVFP4 on a GPU, all in one run: ``python benchmarks/nvfp4.py [--lines FILE] [--fill TABLE]``.

Products beside cuBLAS in bfloat16 (``nvfp4_products``); whole steps of policies beside the same in bfloat16, as a CUDA graph
and launched one by one (``nvfp4_steps``); joules a decision (``nvfp4_energy``). From the first two comes the table by which
kernels are chosen (``nvfp4_choice``), and the last figures are of steps and single layers (``nvfp4_layers``) that choose
by it; ``--fill`` writes it down. What a run leaves out, it takes from the table that comes with the package.
``--dry-run`` takes every way with tiny sizes on a CPU, in Triton's interpreter: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product as every
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if "--dry-run" in sys.argv:
    os.environ["TRITON_INTERPRET"] = "1"  # before anything imports Triton
import nvfp4_choice as choice
import nvfp4_energy as consumption
import nvfp4_layers as layers
import nvfp4_products as products
import nvfp4_steps as steps
import torch
import triton
from nvfp4_bench import Bench, compile_ahead

from policies.mamba3.kernels import linear as dense
from policies.nvfp4.kernels import product
from policies.nvfp4.kernels.choose import TABLE, Measured, plan, read_table, write_table

if TYPE_CHECKING:
    from nvfp4_steps import GraphRow, StepRow

PARTS = ("products", "steps", "layers", "energy")


class Line(Protocol):
    """A row of some table."""

    def line(self) -> str: ...


def arguments(given: list[str] | None) -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description="NVFP4 on a GPU: products, whole steps and joules beside bfloat16")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this one; may be repeated")
    parser.add_argument("--shape", choices=products.SHAPES, action="append", help="only this product; may be repeated")
    parser.add_argument(
        "--batch", type=int, action="append", help="only this batch of products and layers; may be repeated"
    )
    parser.add_argument("--size", choices=steps.SIZES, action="append", help="only this policy; may be repeated")
    parser.add_argument(
        "--rounds", type=int, default=5, help="rounds a median is of (default: 5; layers take twice as many)"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of a window of energy, at least (default: 10)")
    parser.add_argument("--sweep", action="store_true", help="also try other tilings of the products")
    parser.add_argument("--lines", type=Path, help="append every row, as it is found, to this file of JSON lines")
    parser.add_argument("--fill", type=Path, help="write the table of kernels that were quicker to this file")
    parser.add_argument("--dry-run", action="store_true", help="tiny sizes on a CPU")
    return parser.parse_args(given)


def compiled(wanted: argparse.Namespace, shapes: Sequence[str], batches: Sequence[int], sizes: Sequence[str]) -> None:
    """All kernels that will be launched, on every core at once."""
    jobs: dict[str, Callable[[], None]] = {}
    if "products" in wanted.part:
        for shape, batch in every(shapes, batches):
            jobs[f"{shape} {batch}"] = partial(products.launched, products.SHAPES[shape], batch, wanted.sweep)
    if "layers" in wanted.part:
        jobs |= compiled_layers(shapes, wanted.batch or layers.BATCHES)
    if "steps" in wanted.part or "energy" in wanted.part:
        for size, batch, packed in every(sizes, steps.BATCHES, (False, True)):
            jobs[f"{size} {batch} {packed}"] = partial(steps.launched, size, batch, packed)
    major, minor = torch.cuda.get_device_capability()
    print(f"compiled in {compile_ahead(jobs, 10 * major + minor):.0f} s", file=sys.stderr, flush=True)


def compiled_layers(shapes: Sequence[str], batches: Sequence[int]) -> dict[str, Callable[[], None]]:
    """The kernels that the packaged table has for layers; those of a table that is only to be measured come with it."""
    jobs: dict[str, Callable[[], None]] = {}
    for name, batch in every(shapes, batches):
        shape = products.SHAPES[name]
        kernel = plan(torch.device("cuda"), shape, batch).kernel
        if kernel != "dense":
            jobs.setdefault(layers.compiled_as(shape, batch, kernel), partial(layers.launched, shape, batch, kernel))
    return jobs


def stepped(bench: Bench, sizes: Sequence[str], batches: Sequence[int]) -> list[StepRow]:
    """Every policy with every batch."""
    found: list[StepRow] = []
    for size, batch in every(sizes, batches):
        found += bench.attempt(f"steps, {size}, batch {batch}", partial(steps.steps, bench, size, batch)) or []
    return found


def graphed(bench: Bench, sizes: Sequence[str], batches: Sequence[int]) -> list[GraphRow]:
    """The same by the table as it stands, as graphs and not."""
    found: list[GraphRow] = []
    for size, batch in every(sizes, batches):
        found += bench.attempt(f"graphs, {size}, batch {batch}", partial(steps.graphs, bench, size, batch)) or []
    return found


def judged(
    rows: Sequence[products.Row],
    by_table: Sequence[GraphRow],
    single: Sequence[layers.LayerRow],
    table: Sequence[Measured],
) -> list[str]:
    """Each goal of the issue, whether it is reached and by what."""
    told = []
    for row in rows:
        if row.batch == 1 and row.shape in products.GOALS and row.memory == "cold":
            goal = products.GOALS[row.shape]
            told.append(goal_line(f"{row.kernel}, {row.shape}, one row, cold: time over cuBLAS bf16", row.ratio, goal))
    points = choice.of_products(rows)
    taken = [r for (kernel, r) in points.values() if r <= choice.LIMIT]
    if points:
        told.append(f"products: {len(taken)} of {len(points)} by our kernels, the others by the library's in bfloat16")
    graphs = [r for r in by_table if r.batch == 1]
    for each in graphs:
        what = f"{each.network}, {each.precision}: graph over eager"
        told.append(goal_line(what, each.ratio, steps.GRAPH_GOAL))
    for half, four in zip(graphs[::2], graphs[1::2], strict=True):
        what = f"{half.network}: NVFP4 step over bf16 step"
        told.append(goal_line(what, four.graph / half.graph, steps.STEP_GOAL))
    told += layers.judged(single)
    told.append(f"{len(table)} entries in the table of kernels")
    return told


def goal_line(what: str, figure: float, most: float) -> str:
    """A goal, and whether it is reached."""
    return f"- {what}: {figure:.3f}, goal at most {most:g}: {'reached' if figure <= most else 'missed'}"


def show(title: str, head: str, rows: Sequence[Line]) -> None:
    """A table under its title, if there are rows."""
    if rows:
        print(f"\n## {title}\n\n{head}", *(row.line() for row in rows), sep="\n")


def run(wanted: argparse.Namespace) -> Bench:
    """Measure what is wanted, and print the tables last."""
    begun, dry = time.perf_counter(), wanted.dry_run
    bench = Bench(torch.device("cpu" if dry else "cuda"), 1 if dry else wanted.rounds, wanted.lines)
    wanted.part = wanted.part or list(PARTS)
    shapes = list(products.TINY) if dry else wanted.shape or list(products.SHAPES)
    batches = [1] if dry else wanted.batch or list(products.BATCHES)
    sizes = [steps.TINY] if dry else wanted.size or list(steps.SIZES)
    versions = {"torch": torch.__version__, "triton": triton.__version__}
    machine = {"card": bench.card, "major": bench.major, **versions}
    bench.add("machine", {**machine, "arguments": sys.argv[1:]})
    if dry:
        product.PROGRAMS = dense.PROGRAMS = 4  # the interpreter runs one after the other
    else:
        compiled(wanted, shapes, batches, sizes)
    rows = products.all_products(bench, shapes, batches, wanted.sweep) if "products" in wanted.part else []
    counts = (1,) if dry else steps.BATCHES
    variants = stepped(bench, sizes, counts) if "steps" in wanted.part else []
    table = entered(bench, rows, variants, choice.measured_by(machine), wanted.fill)
    with steps.choosing_by(table):
        by_table = graphed(bench, sizes, counts) if "steps" in wanted.part else []
        those = [1] if dry else wanted.batch or list(layers.BATCHES)
        single = layers.all_layers(bench, shapes, those) if "layers" in wanted.part else []
        joules = consumed(bench, sizes, wanted) if "energy" in wanted.part else []
    print(f"# {bench.card}, torch {torch.__version__}, Triton {triton.__version__}")
    show("Products", products.HEAD, rows)
    show("Steps, by what is packed", steps.HEAD, variants)
    show("Steps by the table, and graphs", steps.GRAPH_HEAD, by_table)
    show("Layers by the table", layers.HEAD, single)
    show("Energy", consumption.HEAD, joules)
    print("\n## Goals\n", *judged(rows, by_table, single, table), sep="\n")
    for what, why in bench.left_out.items():
        print(f"left out: {what}: {why}")
    print(f"\n{time.perf_counter() - begun:.0f} s in all")
    return bench


def entered(
    bench: Bench, rows: Sequence[products.Row], variants: Sequence[StepRow], measured_by: str, path: Path | None
) -> list[Measured]:
    """The table from both parts, written to ``path`` if there is one.

    What an older one (in ``path``, or else the packaged one) says of other cards and of kernels not measured now stays.
    """
    found = choice.table_of(rows, variants, bench.major, measured_by)
    anew = {row.kernel for row in rows} | ({"step"} if variants else set())
    older = read_table(path if path is not None and path.exists() else TABLE)
    table = [*(e for e in older if e.major != bench.major or e.kernel not in anew), *found]
    bench.add("table", {"entries": [vars(entry) for entry in table]})
    if path is not None:
        write_table(path, table)
    return table


def consumed(bench: Bench, sizes: Sequence[str], wanted: argparse.Namespace) -> list[Any]:
    """The largest policy and the shipped one, where there is a counter."""
    chosen = tuple(size for size in ("small", "pick", steps.TINY) if size in sizes)

    def measure() -> list[consumption.EnergyRow]:
        return consumption.energy(bench, consumption.nvml_counter(bench.device), chosen, wanted.seconds)

    return bench.attempt("energy", measure) or []


def main(given: list[str] | None = None) -> int:
    """Measure; 1 where there is no GPU, or where something had to be left out."""
    wanted = arguments(given)
    if not torch.cuda.is_available() and not wanted.dry_run:
        print("There is no CUDA device here, and this compares GPU kernels: run it on a machine that has one.")
        return 1
    return int(bool(run(wanted).left_out))


if __name__ == "__main__":
    raise SystemExit(main())
