"""Whole steps of policies, features in and heads out, in NVFP4 beside bfloat16: the second part of ``nvfp4.py``.

A policy is the network of a skill round a backbone of the named size, and the shipped skill itself. A graph holds the
copies from and to the host; caches are hot, as in a control loop.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache, partial
from unittest.mock import patch

import torch
from mamba3_timing import wall_seconds
from nvfp4_bench import Bench

from policies.mamba3.block import Mamba3, cast
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.kernels.decode import FusedStack
from policies.mamba3.sizes import stack_size
from policies.mamba3.stack import Mamba3Stack
from policies.nvfp4 import linear
from policies.nvfp4.kernels import choose
from policies.nvfp4.kernels.choose import Measured, Plan, unsuited
from policies.nvfp4.roles import install, quantisable, quantise_network
from policies.nvfp4.tensor import zeros
from policies.skills.config import SkillNetworkConfig
from policies.skills.graphed_network import GraphedSkillNetwork
from policies.skills.network import SkillNetwork
from policies.skills.neural import NeuralSkill

SHIPPED, TINY = "pick", "tiny"
SIZES = ("nano", "micro", "small", SHIPPED)
"""Backbones of our own sizes, and a shipped skill with its weights."""
BATCHES = (1, 4, 16)
INTO, OUT, NONE, ALL = "into the blocks", "out of the blocks", "none", "all"
GRAPH_GOAL, STEP_GOAL = 0.4, 1.05


@dataclass(frozen=True)
class StepRow:
    """A step, in microseconds: with bfloat16 weights, and in NVFP4 with ``packed`` maps read as they are stored.

    ``numbers`` counts the weights of the packed map, if it is one alone, else 0; ``apart`` is how far replayed and eager
    steps differ at most.
    """

    network: str
    batch: int
    packed: str
    numbers: int
    bfloat16: float
    ours: float
    apart: float

    @property
    def ratio(self) -> float:
        """Ours over bfloat16."""
        return self.ours / self.bfloat16

    def told(self) -> dict[str, object]:
        """The row for JSON."""
        return asdict(self) | {"ratio": self.ratio}

    def line(self) -> str:
        """The row in Markdown, under HEAD."""
        times = f"{self.bfloat16:.1f} | {self.ours:.1f} | {self.ratio:.3f}"
        return f"| {self.network} | {self.batch} | {self.packed} | {times} | {self.apart:.0e} |"


HEAD = """| network | batch | packed | bf16 step, µs | NVFP4 step, µs | NVFP4 / bf16 | graph off eager |
|---|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class GraphRow:
    """A step as one graph and as single launches, in microseconds back to back; and a call that is waited for."""

    network: str
    precision: str
    batch: int
    graph: float
    eager: float
    call: float
    computed_by: str

    @property
    def ratio(self) -> float:
        """Graph over eager."""
        return self.graph / self.eager

    def told(self) -> dict[str, object]:
        """The row for JSON."""
        return asdict(self) | {"ratio": self.ratio}

    def line(self) -> str:
        """The row in Markdown, under GRAPH_HEAD."""
        times = f"{self.graph:.1f} | {self.eager:.1f} | {self.ratio:.3f} | {self.call:.1f}"
        return f"| {self.network} | {self.precision} | {self.batch} | {times} | {self.computed_by} |"


GRAPH_HEAD = """| network | precision | batch | graph, µs | eager, µs | graph / eager | a call, waited for, µs | by |
|---|---|---|---|---|---|---|---|"""


def config_of(size: str) -> SkillNetworkConfig:
    """A skill's network round a backbone of that size; the shipped one's is in its folder."""
    if size == SHIPPED:
        return trained(size).config
    if size == TINY:
        return SkillNetworkConfig(layers=1, block=Mamba3Config(d_model=8, d_state=4, head_dim=16))
    named = stack_size(size)
    return SkillNetworkConfig(layers=named.layers, block=named.block)


@cache
def trained(size: str) -> SkillNetwork:
    """The network in float32: random weights, or the shipped skill's."""
    torch.manual_seed(0)
    return NeuralSkill(size).network if size == SHIPPED else SkillNetwork(config_of(size)).eval()


@cache
def quantised(size: str) -> SkillNetwork:
    """The same with its large matrices in NVFP4."""
    network = copy.deepcopy(trained(size))
    quantise_network(network, "max")
    return network


def bfloat16(size: str, device: torch.device) -> GraphedSkillNetwork:
    """It plays in bfloat16."""
    return GraphedSkillNetwork(copy.deepcopy(trained(size)), device, torch.bfloat16)


def nvfp4(size: str, device: torch.device) -> GraphedSkillNetwork:
    """It plays in NVFP4, by whatever kernels are chosen when it is first stepped."""
    return GraphedSkillNetwork(copy.deepcopy(quantised(size)), device, torch.bfloat16)


@contextmanager
def packing(packed: Collection[str]) -> Iterator[None]:
    """Inside, steps are prepared with those maps packed, where a kernel takes them, whatever was measured before."""

    def chosen(device: torch.device, shape: tuple[int, int], batch: int, dtype: torch.dtype, normed: bool) -> Plan:
        wanted = (INTO if normed else OUT) in packed and unsuited(shape[1], batch, dtype, normed) is None
        return Plan("step" if wanted else "dense", "for this measurement")

    with patch.object(linear, "step_plan", chosen):
        yield


@contextmanager
def choosing_by(table: Sequence[Measured]) -> Iterator[None]:
    """Inside, kernels are chosen by ``table``."""
    with patch.object(choose, "measured", lambda: tuple(table)):
        for plan in (choose.plan, choose.step_plan):
            plan.cache_clear()
        yield
    for plan in (choose.plan, choose.step_plan):
        plan.cache_clear()


def shapes(size: str) -> dict[str, tuple[int, int]]:
    """Rows and columns of the maps into and out of a block."""
    block = config_of(size).block
    return {INTO: (sum(Mamba3(block).sizes), block.d_model), OUT: (block.d_model, block.d_inner)}


def steps(bench: Bench, size: str, batch: int) -> list[StepRow]:
    """One network with its maps packed in turn: all dense, one kind, the other, both."""
    numbers = {name: rows * columns for name, (rows, columns) in shapes(size).items()}
    variants: dict[str, tuple[str, ...]] = {NONE: (), INTO: (INTO,), OUT: (OUT,), ALL: (INTO, OUT)}
    plain, works, apart = bfloat16(size, bench.device), {}, {}
    works["bfloat16"] = plain.launches(batch)[0]
    held = [plain]
    for name, packed in variants.items():
        with packing(packed):
            played = nvfp4(size, bench.device)
            works[name] = played.launches(batch)[0]
        apart[name] = graph_off_eager(played, batch)
        held.append(played)
    times = {name: 1e6 * seconds for name, seconds in bench.medians(works).items()}
    rows = [
        StepRow(size, batch, name, numbers.get(name, 0), times["bfloat16"], times[name], apart[name])
        for name in variants
    ]
    for row in rows:
        bench.add("step", row.told())
    return rows


def graph_off_eager(played: GraphedSkillNetwork, batch: int) -> float:
    """How far the heads of three replayed steps are, at most, from those of the same steps launched one by one."""
    generator = torch.Generator().manual_seed(1)
    inputs = [torch.randn(batch, played.config.features, generator=generator).numpy() for _ in range(3)]
    running = played._running_of(batch)
    found = []
    for run in (running.run, running.moment):
        kept, running.run = running.run, run
        memories = [played.begin() for _ in range(batch)]
        found.append([torch.from_numpy(played.act(each, memories)[0]) for each in inputs])
        running.run = kept
    return max(float((a - b).abs().max()) for a, b in zip(*found, strict=True))


def graphs(bench: Bench, size: str, batch: int) -> list[GraphRow]:
    """Both precisions as graphs and launched one by one; kernels for NVFP4 as they are chosen at the moment."""
    rows = []
    for precision, make in (("bfloat16", bfloat16), ("nvfp4", nvfp4)):
        played = make(size, bench.device)
        graph, eager = played.launches(batch)
        times = {name: 1e6 * s for name, s in bench.medians({"graph": graph, "eager": eager}).items()}
        memories = [played.begin() for _ in range(batch)]
        features = torch.randn(batch, played.config.features).numpy()
        call = 1e6 * wall_seconds(partial(played.act, features, memories), 200 if bench.on_gpu else 2)
        rows.append(GraphRow(size, precision, batch, times["graph"], times["eager"], call, played.report(batch)))
        bench.add("graph", rows[-1].told())
    return rows


def launched(size: str, batch: int, packed: bool) -> None:
    """The kernels of a step on tensors of the device ``meta``, to be compiled ahead."""
    block = config_of(size).block
    with torch.device("meta"), packing((INTO, OUT) if packed else ()):
        stack = Mamba3Stack(StackConfig(1, block))
        if packed:
            roles = quantisable(stack).items()
            install(stack, {name: zeros(rows, stack.get_parameter(f"{name}.weight").shape[1]) for name, rows in roles})
        cast(stack, torch.bfloat16)
        FusedStack(stack, batch).run()
