"""From what ``nvfp4.py`` measured to the table by which kernels are chosen (``policies/nvfp4/kernels/measured.json``).

A kernel is entered where it is quicker than bfloat16 by more than two runs of one version differ (a product by itself with
cold and with hot caches, a step with hot ones, as in a control loop), and only between sizes that were measured themselves:
a run of neighbouring sizes is one entry. A batch that was measured stands for those between it and the next smaller one
that was, for the kernels round a batch up; the smallest stands for itself alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from nvfp4_products import Row
from nvfp4_steps import StepRow

from policies.nvfp4.kernels.choose import Kernel, Measured

LIMIT = 0.97
"""The most that ours may take of bfloat16's time to be entered."""
Points = Mapping[tuple[int, int], tuple[Kernel, float]]
"""By numbers of a weight and batch: the quickest of our kernels, and its time over bfloat16's."""


def of_products(rows: Iterable[Row]) -> Points:
    """The quickest kernel of each product by the worse of its two memories; only tilings that are launched unasked."""
    worst: dict[tuple[int, int], dict[Kernel, float]] = {}
    first: dict[tuple[str, int, Kernel], str] = {}
    for row in rows:
        if first.setdefault((row.shape, row.batch, row.kernel), row.tiling) != row.tiling:
            continue
        found = worst.setdefault((row.rows * row.columns, row.batch), {})
        found[row.kernel] = max(row.ratio, found.get(row.kernel, 0.0))
    return {point: min(found.items(), key=lambda item: item[1]) for point, found in worst.items()}


def of_steps(rows: Iterable[StepRow]) -> Points:
    """What each map of a step brings when it alone is packed; the worse one of two of the same size."""
    worst: dict[tuple[int, int], float] = {}
    for row in rows:
        if row.numbers:
            worst[row.numbers, row.batch] = max(row.ratio, worst.get((row.numbers, row.batch), 0.0))
    return {point: ("step", ratio) for point, ratio in worst.items()}


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
