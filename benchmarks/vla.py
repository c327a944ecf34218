"""What one decision of the neural baseline costs with and without its cache: ``python benchmarks/vla.py [--json]``.

An episode of 80 decisions on one CPU thread (``--device cpu``) or on a GPU, one row for each way of deciding:

    functional   VLANetwork.step: a cache that slides
    ring         Serving: preallocated, in place; on a GPU the replay of a CUDA graph
    uncached     VLANetwork.forward over all decisions on which the present one depends

Times are the wall's on a GPU, and on a CPU processor time, in which other programs do not show. Weights are random, of the
networks that are trained; times do not depend on their values. Without a cache a decision costs more the later it comes,
until the windows behind windows are full, so that --each times only some of them. "off" is the largest difference from the
uncached actions.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from policies.mamba3.block import cast
from policies.vla.batch import Outputs, Seen, encode_text
from policies.vla.network import VLANetwork
from policies.vla.serving import Serving
from policies.vla.variants import network_of

VARIANTS: Mapping[str, tuple[str, str]] = {
    "vla": ("vla", "l1"),
    "vla, flow": ("vla", "flow"),
    "vla-state": ("vla-state", "l1"),
    "vla-mamba3": ("vla-mamba3", "l1"),
    "vla-mamba3, flow": ("vla-mamba3", "flow"),
}
"""What is compared: agents' networks and their heads; ``vla-planned`` is ``vla`` with another instruction now and then."""
INSTRUCTION = "move the whole tower onto the right peg, one disc at a time, and never a larger disc onto a smaller one"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_WARM_UP = 3


@dataclass(frozen=True)
class Row:
    """One way of deciding: milliseconds of a decision, and bytes that an episode keeps from one decision to the next."""

    variant: str
    way: str
    parameters: int
    decisions: int
    """How many were timed."""
    p50: float
    p99: float
    last: float
    """The last decision of the episode."""
    kept_bytes: int
    off: float

    def cells(self) -> list[str]:
        """The row as the table prints it."""
        times = [f"{ms:.2f}" for ms in (self.p50, self.p99, self.last)]
        size = [f"{self.parameters / 1e6:.1f} M", str(self.decisions)]
        return [self.variant, self.way, *size, *times, f"{self.kept_bytes / 1e6:.2f}", f"{self.off:.1e}"]


HEADS = ["variant", "way", "weights", "timed", "p50 ms", "p99 ms", "last ms", "kept MB", "off"]


@dataclass(frozen=True)
class Case:
    """One variant on one device, and an episode for it."""

    variant: str
    network: VLANetwork
    text: Tensor
    seen: Seen

    @property
    def device(self) -> torch.device:
        """Where it all lies."""
        return self.text.device

    @property
    def decisions(self) -> int:
        """S."""
        return self.seen.proprio.shape[1]

    def row(self, way: str, times: list[float], kept: int, off: float) -> Row:
        """The row of these milliseconds."""
        ordered, size = torch.tensor(times), sum(p.numel() for p in self.network.parameters())
        p50, p99 = (ordered.quantile(q).item() for q in (0.5, 0.99))
        return Row(self.variant, way, size, len(times), p50, p99, times[-1], kept, off)


def case(variant: str, tiny: bool, decisions: int, device: torch.device, dtype: torch.dtype) -> Case:
    """A network with random weights and a random episode."""
    torch.manual_seed(0)
    config = network_of(*VARIANTS[variant], tiny=tiny)
    network = VLANetwork(config).eval()
    cast(network, dtype)
    draw = torch.Generator().manual_seed(1)
    lead, images, objects = (1, decisions), None, None
    if config.inputs == "pixels":
        shape = (*lead, len(config.cameras), config.image, config.image, 3)
        images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=draw)
    else:
        objects = torch.randn(*lead, config.slots, config.pose, generator=draw)
    noise = torch.randn(*lead, config.chunk, config.action, generator=draw) if config.head == "flow" else None
    seen = Seen(torch.randn(*lead, config.proprio, generator=draw), images, objects, noise)
    text = encode_text([INSTRUCTION], config)
    return Case(variant, network.to(device), text.to(device), seen.map(lambda part: part.to(device)))


def measured(case: Case, each: int) -> Iterator[Row]:
    """The rows of one variant; decisions ``each``, 2 ``each`` and so on are made without a cache too."""
    reach, S = case.network.config.reach, case.decisions
    uncached: dict[int, Tensor] = {}
    times = []
    for t in sorted({*range(each - 1, S, each), S - 1}):
        history = case.seen.within(slice(max(0, t + 1 - (reach or S)), t + 1))
        ms, outputs = _timed(partial(case.network, case.text, history), case.device)
        uncached[t] = outputs.actions[:, -1]
        times.append(ms)
    kept = _bytes(case.seen.within(slice(0, min(S, reach or S)))) + case.text.nbytes
    cached = [_functional(case, uncached), _ring(case, uncached)]
    yield from (*cached, case.row("uncached", times, kept, 0.0))


def _functional(case: Case, right: Mapping[int, Tensor]) -> Row:
    cache, times, off = case.network.begin(case.text), [], 0.0
    for t in range(case.decisions):
        now = case.seen.at(t)
        ms, (outputs, cache) = _timed(partial(case.network.step, now, cache), case.device)
        times.append(ms)
        off = max(off, _off(outputs, right.get(t)))
    return case.row("functional", times, cache.nbytes, off)


def _ring(case: Case, right: Mapping[int, Tensor]) -> Row:
    serving, times, off = Serving(case.network, 1), [], 0.0
    serving.begin(case.text)
    for t in range(case.decisions):
        now = case.seen.at(t)
        ms, outputs = _timed(partial(serving.step, now), case.device)
        times.append(ms)
        off = max(off, _off(outputs, right.get(t)))
    way = "ring, CUDA graph" if case.device.type == "cuda" else "ring"
    return case.row(way, times, serving.cache.nbytes, off)


def _off(outputs: Outputs, right: Tensor | None) -> float:
    return 0.0 if right is None else float((outputs.actions - right).abs().max())


def _bytes(seen: Seen) -> int:
    return sum(part.nbytes for part in vars(seen).values() if part is not None)


def _timed(work: Callable[[], Any], device: torch.device) -> tuple[float, Any]:
    """Milliseconds until ``work`` is done on ``device``, and what it gives."""
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    _wait(device)
    begun = clock()
    found = work()
    _wait(device)
    return 1e3 * (clock() - begun), found


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def warm(case: Case) -> None:
    """A few decisions that nobody times."""
    cache = case.network.begin(case.text)
    for _ in range(_WARM_UP):
        _, cache = case.network.step(case.seen.at(0), cache)
        case.network(case.text, case.seen.within(slice(0, 2)))


def table(rows: list[Row]) -> str:
    """The rows below their heads, in columns."""
    lines = [HEADS, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", choices=DTYPES, help="of the weights; float32 on a CPU, bfloat16 on a GPU")
    parser.add_argument("--variant", choices=VARIANTS, action="append", help="one of the variants; all of them else")
    parser.add_argument("--decisions", type=int, default=80)
    parser.add_argument("--each", type=int, help="time each such decision without a cache; 20 on a CPU, 1 on a GPU")
    parser.add_argument("--tiny", action="store_true", help="networks of no use, to try the benchmark out")
    return parser.parse_args()


@torch.inference_mode()
def main() -> None:
    """Measure and print."""
    o = options()
    device = torch.device(o.device)
    torch.set_num_threads(1)
    dtype = DTYPES[o.dtype or ("float32" if device.type == "cpu" else "bfloat16")]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "one CPU thread"
    rows: list[Row] = []
    for variant in o.variant or VARIANTS:
        made = case(variant, o.tiny, o.decisions, device, dtype)
        warm(made)
        for row in measured(made, o.each or (20 if device.type == "cpu" else 1)):
            rows.append(row)
            print(*row.cells(), file=sys.stderr, flush=True)
    told = {"device": name, "dtype": str(dtype).removeprefix("torch."), "torch": torch.__version__}
    if o.json:
        print(json.dumps({**told, "rows": [asdict(row) for row in rows]}, indent=1))
    else:
        print(f"{name}, {told['dtype']}, torch {torch.__version__}, {o.decisions} decisions\n\n{table(rows)}")


if __name__ == "__main__":
    main()
