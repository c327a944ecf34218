"""What a step of a Mamba-3 stack costs on one core: PyTorch as it is, compiled by it, and in NumPy.

    python benchmarks/mamba3_cpu.py [--sizes skill nano micro small] [--batch 1 16] [--compiled] [--rounds 30] [--json]

One process on one core. A round steps every form forty times, in turns; printed are the median and the quartiles of all
steps. ``prepared`` is the time until the first step is done (for a compiled one, with an empty cache). ``error`` is the
relative error of two hundred moments against PyTorch in float64, of weights that turn the state by full circles.
``--compiled`` adds torch.compile and AOTInductor, which need a C++ compiler.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from nsctl.cli.tables import plain_table
from policies.mamba3.block import Mamba3
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.numpy_step import NumpyStack
from policies.mamba3.recurrence import Mamba3State
from policies.mamba3.sizes import stack_size
from policies.mamba3.stack import Mamba3Stack

GOALS = {("micro", 1): 250.0}
"""Microseconds."""
_MOMENTS, _TURN = 200, 40
Step = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One form of one size at one batch size. ``low``, ``median`` and ``high`` are the quartiles in microseconds a step."""

    size: str
    batch: int
    form: str
    low: float
    median: float
    high: float
    prepared: float
    """Seconds."""
    error: float | None
    goal: float | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["skill", "nano", "micro"])
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    one_core()
    rows = [
        row
        for size in wanted.sizes
        for batch in wanted.batch
        for row in measured(size, batch, wanted.rounds, compiled=wanted.compiled)
    ]
    print(json.dumps([asdict(row) for row in rows])) if wanted.json else show(rows)


def one_core() -> None:
    """Keep this process on the last of the cores that it may use (on Linux), and PyTorch on one thread."""
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def measured(size: str, batch: int, rounds: int, *, compiled: bool) -> Iterator[Row]:
    """The forms of one size, side by side."""
    exact = stack(size)
    errors, steps, prepared = errors_of(exact), {}, {}
    for form, make in forms(copy.deepcopy(exact).float(), batch, compiled=compiled).items():
        start = time.perf_counter()
        steps[form] = make()
        steps[form]()
        prepared[form] = time.perf_counter() - start
    for form, times in in_turns(steps, rounds).items():
        low, median, high = (1e6 * t for t in statistics.quantiles(times, n=4))
        goal = GOALS.get((size, batch))
        yield Row(size, batch, form, low, median, high, prepared[form], errors.get(form.split(",")[0]), goal)


def stack(size: str) -> Mamba3Stack:
    """A float64 stack of this name (``skill`` is the shipped skills' backbone), whose angles span full turns."""
    torch.manual_seed(0)
    config = StackConfig(2, Mamba3Config(64, d_state=16)) if size == "skill" else stack_size(size)
    made = Mamba3Stack(config).double().eval()
    for mixer in (module for module in made.modules() if isinstance(module, Mamba3)):
        mixer.dt_bias.data += 4.0
    return made


def forms(model: Mamba3Stack, batch: int, *, compiled: bool) -> dict[str, Callable[[], Step]]:
    """How each form is made ready to step on from where it is."""
    x = torch.randn(batch, model.config.block.d_model, generator=torch.Generator().manual_seed(1))
    made: dict[str, Callable[[], Step]] = {
        "torch": lambda: _TorchStep(_Flat(model), x, model.rest(batch)),
        "numpy": lambda: _NumpyStep(NumpyStack.of(model), x),
        "numpy, in place": lambda: _NumpyStep(NumpyStack.of(model), x, in_place=True),
    }
    if compiled:
        torch.compiler.reset()
        flat, states = _Flat(model), model.rest(batch)
        made["compiled"] = lambda: _TorchStep(torch.compile(flat, fullgraph=True, dynamic=False), x, states)
        made["compiled ahead"] = lambda: _TorchStep(ahead(flat, x, states), x, states)
    return made


def ahead(model: _Flat, x: Tensor, states: list[Mamba3State]) -> Callable[..., Any]:
    """``model`` exported, compiled by AOTInductor and loaded: no guards are looked at before a step."""
    with torch.no_grad():
        package = torch._inductor.aoti_compile_and_package(torch.export.export(model, (x, parts_of(states))))
    return torch._inductor.aoti_load_package(package)  # type: ignore[no-any-return]


def parts_of(states: list[Mamba3State]) -> list[Tensor]:
    """All tensors of ``states``."""
    return [part for state in states for part in vars(state).values()]


class _Flat(nn.Module):
    """A stack whose states are a flat list of tensors, as compiled graphs have them."""

    def __init__(self, model: Mamba3Stack) -> None:
        super().__init__()
        self._model = model

    def forward(self, x: Tensor, parts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        y, after = self._model.step(x, [Mamba3State(*parts[i : i + 4]) for i in range(0, len(parts), 4)])
        return y, parts_of(after)


class _TorchStep:
    def __init__(self, model: Callable[..., Any], x: Tensor, states: list[Mamba3State]) -> None:
        self._model, self._x = model, x
        self._parts = parts_of(states)

    @torch.inference_mode()
    def __call__(self) -> None:
        _, self._parts = self._model(self._x, self._parts)


class _NumpyStep:
    def __init__(self, model: NumpyStack, x: Tensor, *, in_place: bool = False) -> None:
        self._model, self._x, self._state, self._in_place = model, x.numpy(), model.rest(len(x)), in_place

    def __call__(self) -> None:
        _, self._state = self._model.step(self._x, self._state, self._state if self._in_place else None)


def in_turns(steps: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Seconds of every step of every form, a few of each at a time: what disturbs one disturbs all."""
    times: dict[str, list[float]] = {form: [] for form in steps}
    for i in range(rounds + 1):
        for form, step in steps.items():
            for _ in range(_TURN):
                start = time.perf_counter()
                step()
                if i:  # the first round warms up
                    times[form].append(time.perf_counter() - start)
    return times


@torch.inference_mode()
def errors_of(exact: Mamba3Stack) -> dict[str, float]:
    """Relative errors in float32 of PyTorch and NumPy over an episode."""
    single = copy.deepcopy(exact).float()
    fast = NumpyStack.of(exact)
    xs = torch.randn(_MOMENTS, 1, exact.config.block.d_model, generator=torch.Generator().manual_seed(2))
    states, narrow, state = exact.rest(1), single.rest(1), fast.rest(1)
    right, torchs, numpys = [], [], []
    for x in xs:
        y, states = exact.step(x.double(), states)
        z, narrow = single.step(x, narrow)
        w, state = fast.step(x.numpy(), state)
        right.append(y.numpy())
        torchs.append(z.numpy())
        numpys.append(w)
    return {"torch": _off(torchs, right), "numpy": _off(numpys, right)}


def _off(got: list[Any], right: list[Any]) -> float:
    return float(np.linalg.norm(np.array(got, float) - np.array(right)) / np.linalg.norm(np.array(right)))


def show(rows: list[Row]) -> None:
    table = plain_table("size", "batch#", "form", "µs#", "quartiles#", "prepared s#", "error#", "goal µs#")
    for r in rows:
        error, goal = "" if r.error is None else f"{r.error:.1e}", "" if r.goal is None else f"{r.goal:g}"
        spread = f"{r.low:.0f}–{r.high:.0f}"
        table.add_row(r.size, str(r.batch), r.form, f"{r.median:.0f}", spread, f"{r.prepared:.2f}", error, goal)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
