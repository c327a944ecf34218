"""One moment at a time: a layer, a stack of twelve and the policy ``micro``, on the GPU and on one CPU thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import mamba3_official as official
import torch
from mamba3_timing import Bench, Row, Work, captured, cpu_seconds, wall_seconds

from policies.mamba3.block import cast
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.decoder import BufferedDecoder, Decoder, decoder
from policies.mamba3.sizes import stack_size
from policies.mamba3.stack import Layer, Mamba3Stack

CPU_GOAL = 250.0
MARKS = (1, 1024, 65536)
CPU_MARKS = (1, 1024, 16384)


@dataclass(frozen=True)
class Case:
    """A stack, and for each batch the goal and what the official code took on an H100 earlier, in microseconds."""

    name: str
    stack: StackConfig
    goals: dict[int, float | None]
    earlier: dict[int, float] = field(default_factory=dict)


LAYER = Mamba3Config(1024, d_state=128, head_dim=64)
CASES = (
    Case(
        "one layer, D = 1024",
        StackConfig(1, LAYER),
        {1: 15.0, 16: None, 64: 75.0, 256: None, 1024: 850.0},
        {1: 44.3, 64: 117.0, 1024: 900.0},
    ),
    Case("twelve layers, D = 1024", StackConfig(12, LAYER), {1: 200.0, 64: None}, {1: 642.0, 64: 1386.0}),
    Case("micro", stack_size("micro"), {1: 30.0, 16: None, 64: 40.0}),
)


def measure(bench: Bench) -> None:
    """Every case on the GPU, and whether a step's cost grows."""
    for case in CASES[2:] if bench.quick else CASES:
        stack = _stack(case.stack)
        for batch in case.goals:
            _decode(bench, case, stack, batch)
    _growth(bench, "micro", "cuda", "graph", MARKS[:2] if bench.quick else MARKS)


def _stack(config: StackConfig) -> Mamba3Stack:
    torch.manual_seed(0)
    stack = Mamba3Stack(config)
    cast(stack, torch.bfloat16)
    return stack.cuda().eval()


def _decode(bench: Bench, case: Case, stack: Mamba3Stack, batch: int) -> None:
    """One row: replays of the decoder's graph one after the other, and beside it what a caller of step waits."""
    what = f"step, {case.name}, batch {batch}"
    x = torch.randn(batch, case.stack.block.d_model, device="cuda")
    made = bench.attempt(f"{what}: ours", lambda: _graph(stack, batch))
    works: dict[str, Work] = {name: control.run for name, control in made.items()}
    if official.why_not() is None:
        works |= bench.attempt(f"{what}: official", lambda: captured(_official_steps(stack, x)))
    found = {name.rpartition(": ")[2]: 1e6 * seconds for name, seconds in bench.medians(works).items()}
    notes = [
        f"{c.report}; a call, waited for: {1e6 * wall_seconds(partial(c.step, x), 200):.1f} µs" for c in made.values()
    ]
    floor, goal, earlier = 1e6 * bench.floor(_moved(stack, batch)), case.goals[batch], case.earlier.get(batch)
    bench.add(Row(what, "µs", found.get("ours"), goal, found.get("official"), earlier, floor, "".join(notes)))


def _graph(stack: Mamba3Stack, batch: int) -> BufferedDecoder:
    made = decoder(stack, batch, "graph")
    assert isinstance(made, BufferedDecoder)
    return made


def _moved(stack: Mamba3Stack, batch: int) -> float:
    """Bytes that a step has to move: every weight once, every state read and written."""
    c = stack.config.block
    states = 2 * 4 * batch * c.heads * c.head_dim * c.d_state * stack.config.layers
    return float(states + sum(p.numel() * p.element_size() for p in stack.parameters()))


def _official_steps(stack: Mamba3Stack, x: torch.Tensor) -> Work:
    """The official step, layer after layer, with a residual and no norm."""
    mixers = [layer.mixer for layer in stack.layers if isinstance(layer, Layer)]
    steps = [official.OfficialStep(official.official_block(mixer), len(x)) for mixer in mixers]

    def run() -> torch.Tensor:
        y = x
        for step in steps:
            y = y + step(y.to(torch.bfloat16))
        return y

    return run


def measure_cpu(bench: Bench) -> None:
    """``micro`` in float32 on one thread; and whether a step's cost grows."""
    torch.manual_seed(0)
    stack = Mamba3Stack(stack_size("micro")).eval()
    for kind in ("numpy", "torch"):
        made = bench.attempt(f"CPU step: {kind}", partial(decoder, stack, 1, kind))
        for control in made.values():
            seconds = cpu_seconds(_step(control), 100 * bench.rounds)
            goal = CPU_GOAL if kind == "numpy" else None
            bench.add(Row(f"step, micro, batch 1, one CPU thread, {kind}", "µs", 1e6 * seconds, goal))
    _growth(bench, "micro", "cpu", "numpy", CPU_MARKS[:2] if bench.quick else CPU_MARKS)


def _step(made: Decoder) -> Work:
    width = made.stack.config.block.d_model
    x = torch.randn(made.batch, width, device=next(made.stack.parameters()).device)
    return lambda: made.step(x)


def _growth(bench: Bench, name: str, device: str, kind: str, marks: tuple[int, ...]) -> None:
    """The cost of a step after so many moments of one episode: medians of a hundred."""
    stack = Mamba3Stack(stack_size(name)).eval().to(device)
    if device == "cuda":
        cast(stack, torch.bfloat16)
    made = bench.attempt(f"steps of one episode on {device}", lambda: _step(decoder(stack, 1, kind)))
    for work in made.values():
        moment = 0
        for mark in marks:
            for _ in range(mark - moment):
                work()
            seconds = (wall_seconds if device == "cuda" else cpu_seconds)(work, 100)
            moment = mark + 103  # those that were timed, and their warm-up
            bench.add(Row(f"a call of step, {name}, {device}, after {mark} moments", "µs", 1e6 * seconds))
