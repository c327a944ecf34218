"""From what ``nvfp4.py`` measured to the table by which kernels are chosen (``policies/nvfp4/kernels/measured.json``).

A product by itself is entered where it is quicker than bfloat16 both with cold and with hot caches. A map of a step has to
be quicker in two comparisons that share no time: packed alone against nothing packed, and packed besides the other kind of
map against that one alone; nothing packed is timed twice, as the bfloat16 policy and as the decoded one, which launch the
same kernels, and the quicker counts. Steps of identical kernels have differed by 17 % in one run: a single ratio is no
reason. Both only between sizes that were measured themselves: a run of neighbouring sizes is one entry. A batch that was
measured stands for those between it and the next smaller one that was, for the kernels round a batch up; the smallest
stands for itself alone. The kernel ``gemv`` is entered for few rows only (``GEMV_ROWS``), for what it takes to compile.

A table is for a generation of cards, and those differ in their memory: what reads a large weight in four bits may decode as
fast on a card that reads it in sixteen bits in less time. So layers that were timed on other cards (``nvfp4.py --part
layers``) count as well: where the chosen kernel was too slow on one of them, there is no entry.

``python benchmarks/nvfp4_choice.py LINES MAJOR TABLE [OTHER ...]`` makes the table again from what ``nvfp4.py --lines
LINES`` noted on a card of compute capability MAJOR, and from the layers in each OTHER such file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from nvfp4_layers import LayerRow
from nvfp4_products import SHAPES, TINY, Row
from nvfp4_steps import ALL, INTO, NONE, OUT, StepRow

from policies.nvfp4.kernels.choose import GEMV_ROWS, Kernel, Measured, write_table

LIMIT = 0.95
"""The most that ours may take of bfloat16's time to be entered."""
Points = Mapping[tuple[int, int], tuple[Kernel, float]]
"""By numbers of a weight and batch: the quickest of our kernels, and its time over bfloat16's."""


def of_products(rows: Iterable[Row]) -> Points:
    """The quickest kernel of each product by the worse of its two memories; only tilings that are launched unasked."""
    found: dict[tuple[int, int], dict[Kernel, dict[tuple[str, str], float]]] = {}
    first: dict[tuple[str, int, Kernel], str] = {}
    for row in rows:
        too_many = row.kernel == "gemv" and row.batch > GEMV_ROWS
        if first.setdefault((row.shape, row.batch, row.kernel), row.tiling) == row.tiling and not too_many:
            kernels = found.setdefault((row.rows * row.columns, row.batch), {})
            kernels.setdefault(row.kernel, {})[row.shape, row.memory] = row.ratio
    worst: dict[tuple[int, int], dict[Kernel, float]] = {}
    for point, kernels in found.items():
        for kernel, ratios in kernels.items():
            if all((shape, memory) in ratios for shape, _ in ratios for memory in ("cold", "hot")):
                worst.setdefault(point, {})[kernel] = max(ratios.values())
    return {point: min(kernels.items(), key=lambda item: item[1]) for point, kernels in worst.items()}


def of_steps(rows: Iterable[StepRow]) -> Points:
    """What packing a map of a step brings, by the worse of both comparisons; the worst of all steps with that size."""
    steps: dict[tuple[str, int], dict[str, StepRow]] = {}
    for row in rows:
        steps.setdefault((row.network, row.batch), {})[row.packed] = row
    worst: dict[tuple[int, int], float] = {}
    for step in steps.values():
        if {NONE, INTO, OUT, ALL} <= step.keys():
            plain = min(step[NONE].ours, step[NONE].bfloat16)
            for map_, other in ((INTO, OUT), (OUT, INTO)):
                row = step[map_]
                ratio = max(row.ours / plain, step[ALL].ours / step[other].ours)
                worst[row.numbers, row.batch] = max(ratio, worst.get((row.numbers, row.batch), 0.0))
    return {point: ("step", ratio) for point, ratio in worst.items()}


def checked(points: Points, layers: Iterable[LayerRow]) -> Points:
    """The same, with the time that the same kernels took of bfloat16's as ``layers``, wherever that was worse."""
    known, worst = SHAPES | TINY, dict(points)
    for row in layers:
        rows, columns = known[row.shape]
        kernel, ratio = worst.get((rows * columns, row.batch), ("dense", 0.0))
        if kernel == row.kernel:
            worst[rows * columns, row.batch] = (kernel, max(ratio, row.ratio))
    return worst


def table_of(
    rows: Iterable[Row], steps: Iterable[StepRow], major: int, measured_by: str, layers: Iterable[LayerRow] = ()
) -> list[Measured]:
    """The table from all parts, for cards of generation ``major``."""

    def source(worst: float) -> str:
        return f"{measured_by}: at most {worst:.2f} of its time"

    parts = (checked(of_products(rows), layers), of_steps(steps))
    return list(chain.from_iterable(entries(each, major, source) for each in parts))


def measured_by(*machines: Mapping[str, object]) -> str:
    """What an entry is known from, by the lines that say so of the machines."""
    cards = " and ".join(dict.fromkeys(str(machine["card"]) for machine in machines))
    return f"benchmarks/nvfp4.py on {cards}, torch {', '.join(dict.fromkeys(str(m['torch']) for m in machines))}"


def entries(points: Points, major: int, source: Callable[[float], str]) -> list[Measured]:
    """The entries for cards of generation ``major``; ``source`` says what the worst ratio of an entry is known from."""
    batches = sorted({batch for _, batch in points})
    found: list[Measured] = []
    for batch in batches:
        sizes = sorted(numbers for numbers, b in points if b == batch)
        least = max([b for b in batches if b < batch], default=batch - 1) + 1
        for kernel, run in _runs(sizes, {n: points[n, batch] for n in sizes}):
            worst = max(points[n, batch][1] for n in run)
            found.append(Measured(kernel, major, run[0], run[-1], least, batch, source(worst)))
    return found


def _runs(sizes: Sequence[int], at: Mapping[int, tuple[Kernel, float]]) -> list[tuple[Kernel, list[int]]]:
    """Neighbouring sizes at which one kernel is quick enough."""
    runs: list[tuple[Kernel, list[int]]] = []
    open_ = False
    for size in sizes:
        kernel, ratio = at[size]
        if ratio > LIMIT:
            open_ = False
        elif open_ and runs[-1][0] == kernel:
            runs[-1][1].append(size)
        else:
            runs.append((kernel, [size]))
            open_ = True
    return runs


def noted(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of each part in a file of lines; the noted ratio of a product or step follows from the rest."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for text in path.read_text().splitlines():
        line = json.loads(text)
        part = line.pop("part")
        parts.setdefault(part, []).append(line)
        if part != "layer":
            line.pop("ratio", None)
    return parts


def remade(own: Path, major: int, others: Iterable[Path]) -> list[Measured]:
    """The table from the lines of one whole run and from the layers of other ones."""
    parts, runs = noted(own), [noted(other) for other in others]
    rows = [Row(**line) for line in parts.get("product", [])]
    steps = [StepRow(**line) for line in parts.get("step", [])]
    layers = [LayerRow(**line) for run in runs for line in run.get("layer", [])]
    machines = [run["machine"][0] for run in (parts, *runs)]
    return table_of(rows, steps, major, measured_by(*machines), layers)


def main(given: Sequence[str]) -> int:
    """Write the table that follows from noted lines."""
    if len(given) < 3 or not given[1].isdigit():
        print("It takes LINES MAJOR TABLE [OTHER ...]: a run's lines, the card's generation, where the table goes.")
        return 2
    table = remade(Path(given[0]), int(given[1]), map(Path, given[3:]))
    write_table(Path(given[2]), table)
    print(f"{len(table)} entries")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
