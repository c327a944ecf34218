"""Whole sequences through one block: forward, forward and backward, memory, and how the cost grows with length."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import mamba3_official as official
import torch
from mamba3_timing import Bench, Row, Work, captured, cpu_seconds, peak_bytes, slope
from torch import Tensor, nn

from policies.mamba3.block import Mamba3, cast
from policies.mamba3.config import Mamba3Config
from policies.mamba3.sizes import stack_size

GPU_LENGTHS = [2**k * 1024 for k in range(7)]
CPU_LENGTHS = [1024, 4096, 16384, 65536]


@dataclass(frozen=True)
class Shape:
    """Sequences, and what the official code took for them on an H100 earlier, in microseconds (and bytes)."""

    name: str
    d_model: int
    d_state: int
    batch: int
    length: int
    core: float | None = None
    core_training: float | None = None
    graph: float | None = None
    eager: float | None = None
    training: float | None = None


LARGE = Shape("D = 1024, N = 128, B = 8, L = 2048", 1024, 128, 8, 2048, 830, 2620, 1580, 2450, 5750)
SMALL = [
    Shape("D = 256, N = 64, B = 64, L = 128", 256, 64, 64, 128, graph=179, eager=1790),
    Shape("D = 256, N = 64, B = 1, L = 128", 256, 64, 1, 128, graph=79, eager=1840),
]
CORE_GOAL, TRAINING_GOAL, MEMORY_GOAL = 450.0, 0.7, 0.6
"""Microseconds; shares of what the official code takes."""


def measure(bench: Bench) -> None:
    """All of it on the GPU."""
    for shape in SMALL[1:] if bench.quick else [LARGE, *SMALL]:
        _Sequences(shape, bench).measure()
    growth(bench, GPU_LENGTHS[:3] if bench.quick else GPU_LENGTHS)


class _Sequences:
    """One shape: our block and theirs with the same weights and the same input, in bfloat16."""

    def __init__(self, shape: Shape, bench: Bench) -> None:
        torch.manual_seed(0)
        self.shape, self.bench = shape, bench
        theirs = official.why_not() is None
        activation = official.activation() if theirs else "heavy_tail"
        block = Mamba3(Mamba3Config(shape.d_model, shape.d_state, 64, a_activation=activation))  # type: ignore[arg-type]
        cast(block, torch.bfloat16)
        self.ours = block.cuda()
        self.theirs = official.official_block(self.ours) if theirs else None
        self.u = torch.randn(shape.batch, shape.length, shape.d_model, device="cuda", dtype=torch.bfloat16)

    def measure(self) -> None:
        """Every row of this shape."""
        shape = self.shape
        self._add("core forward", self._cores(False), shape.core, CORE_GOAL if shape is LARGE else None, self._least())
        self._add("core forward + backward", self._cores(True), shape.core_training, share=TRAINING_GOAL)
        self._add("layer forward, graph", self._layers(_forward, captured), shape.graph)
        self._add("layer forward, eager", self._layers(_forward, _as_it_is), shape.eager)
        self._add("layer forward + backward, graph", self._layers(_training, captured), None, share=TRAINING_GOAL)
        self._add(
            "layer forward + backward, eager", self._layers(_training, _as_it_is), shape.training, share=TRAINING_GOAL
        )
        if shape is LARGE:
            self._memory()

    def _add(
        self,
        what: str,
        works: dict[str, Work],
        earlier: float | None,
        goal: float | None = None,
        floor: float | None = None,
        share: float | None = None,
    ) -> None:
        found = {name: 1e6 * seconds for name, seconds in self.bench.medians(works).items()}
        ours, theirs = found.get(f"{what}: ours"), found.get(f"{what}: official")
        if share is not None and (known := [f for f in (theirs, earlier) if f is not None]):
            goal = share * min(known)
        self.bench.add(Row(f"{what}, {self.shape.name}", "µs", ours, goal, theirs, earlier, floor))

    def _layers(self, make: Callable[[nn.Module, Tensor], Work], wrap: Callable[[Work], Work]) -> dict[str, Work]:
        what = _title(make, wrap)
        works = self.bench.attempt(f"{what}: ours", lambda: wrap(make(self.ours, self.u)))
        if self.theirs is not None:
            works |= self.bench.attempt(f"{what}: official", lambda: wrap(make(self.theirs, self.u)))
        return works

    def _cores(self, backward: bool) -> dict[str, Work]:
        """What lies between the projections; the official one without its normalisation and activations."""
        what = "core forward + backward" if backward else "core forward"
        works = self.bench.attempt(f"{what}: ours", lambda: captured(_our_core(self.ours, self.u, backward)))
        if self.theirs is not None:
            works |= self.bench.attempt(
                f"{what}: official", lambda: captured(_their_core(self.theirs, self.u, backward))
            )
        return works

    def _least(self) -> float:
        """Microseconds to read z, x, B and C and to write y once, at the bandwidth of a copy."""
        c, tokens = self.ours.config, self.shape.batch * self.shape.length
        return 1e6 * self.bench.floor(2.0 * tokens * (3 * c.d_inner + 2 * c.groups * c.d_state))

    def _memory(self) -> None:
        peaks = self.bench.attempt("memory: ours", lambda: peak_bytes(_training(self.ours, self.u)) / 1e6)
        if self.theirs is not None:
            peaks |= self.bench.attempt("memory: official", lambda: peak_bytes(_training(self.theirs, self.u)) / 1e6)
        theirs = peaks.get("memory: official")
        goal = MEMORY_GOAL * theirs if theirs else None
        what = f"memory of a training step, {self.shape.name}"
        self.bench.add(Row(what, "MB", peaks.get("memory: ours"), goal, theirs))


def _title(make: Callable[..., Work], wrap: Callable[..., Work]) -> str:
    what = "layer forward" if make is _forward else "layer forward + backward"
    return f"{what}, {'graph' if wrap is captured else 'eager'}"


def _as_it_is(work: Work) -> Work:
    work()
    return work


def _forward(block: nn.Module, u: Tensor) -> Work:
    def run() -> Tensor:
        with torch.no_grad():
            out: Tensor = block(u)
        return out

    return run


def _training(block: nn.Module, u: Tensor) -> Work:
    """Forward and all gradients; they are made anew each time, as after ``zero_grad(set_to_none=True)``."""
    u = u.clone().requires_grad_()
    inputs, dy = [u, *block.parameters()], torch.randn_like(u)

    def run() -> tuple[Tensor, ...]:
        return torch.autograd.grad(block(u), inputs, dy)

    return run


def _our_core(block: Mamba3, u: Tensor, backward: bool) -> Work:
    """The fused sequence of a block whose two projections change nothing."""
    from policies.mamba3.kernels.scan import fused_scan

    with torch.no_grad():
        proj = block.in_proj(u)
    core = copy.deepcopy(block)
    core.in_proj = core.out_proj = nn.Identity()  # type: ignore[assignment]
    inputs = [proj.requires_grad_(backward), *core.parameters()]
    dy = torch.randn(*u.shape[:2], block.config.d_inner, device=u.device, dtype=u.dtype)

    def run() -> object:
        if backward:
            return torch.autograd.grad(fused_scan(core, proj, None, None, None)[0], inputs, dy)
        with torch.no_grad():
            return fused_scan(core, proj, None, None, None)[0]

    return run


def _their_core(block: nn.Module, u: Tensor, backward: bool) -> Work:
    call, given = official.official_core(block, u)
    given = {
        name: value.detach().requires_grad_(backward) if isinstance(value, Tensor) else value
        for name, value in given.items()
    }
    inputs, dy = [value for value in given.values() if isinstance(value, Tensor)], torch.randn_like(given["V"])

    def run() -> object:
        if backward:
            return torch.autograd.grad(call(**given), inputs, dy)
        with torch.no_grad():
            return call(**given)

    return run


def growth(bench: Bench, lengths: list[int]) -> None:
    """Cost of one long sequence against its length, on the GPU: forward of the large block, batch 1."""
    torch.manual_seed(0)
    block = Mamba3(Mamba3Config(LARGE.d_model, LARGE.d_state, 64))
    cast(block, torch.bfloat16)
    block.cuda()
    seconds = []
    for length in lengths:
        u = torch.randn(1, length, LARGE.d_model, device="cuda", dtype=torch.bfloat16)
        seconds.append(bench.medians({"length": captured(_forward(block, u))})["length"])
    _growth_rows(bench, "layer forward, D = 1024, batch 1, GPU", lengths, seconds)


def growth_on_cpu(bench: Bench) -> None:
    """The same for a block of ``micro`` on one CPU thread, in PyTorch; rounds in turn."""
    torch.manual_seed(0)
    block, lengths = Mamba3(stack_size("micro").block), CPU_LENGTHS[:3] if bench.quick else CPU_LENGTHS
    works = [_forward(block, torch.randn(1, length, block.config.d_model)) for length in lengths]
    times = [[cpu_seconds(work, 1) for work in works] for _ in range(bench.rounds)]
    seconds = [statistics.median(found) for found in zip(*times, strict=True)]
    _growth_rows(bench, "block forward, micro, batch 1, CPU", lengths, seconds)


def _growth_rows(bench: Bench, what: str, lengths: list[int], seconds: list[float]) -> None:
    for length, found in zip(lengths, seconds, strict=True):
        bench.add(Row(f"{what}, a moment of L = {length}", "µs", 1e6 * found / length))
    bench.add(Row(f"{what}: power of L in the cost", "", slope(lengths, seconds)))
