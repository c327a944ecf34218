"""Which kernel multiplies with a weight, and why: ours only where they were measured to be quicker than bfloat16.

On a Hopper four-bit weights save bytes, not arithmetic, and the vendor's library is hard to beat with matrices as small as a
policy's. So the choice is a table of what ``benchmarks/nvfp4.py`` measured, ``measured.json`` beside this file; what is not
in it goes to the library, or in a step to the kernels that read bfloat16.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.mamba3.kernels.available import why_not
from policies.nvfp4.tensor import NVFP4Tensor

Kernel = Literal["gemv", "tiles", "step", "dense"]
FEW, SEVERAL = 8, 64
"""Rows of input that the kernels of a product by itself take at most."""
GEMV_ROWS = 4
"""Rows up to which gemv is taken: for 8 Triton compiles it for 25 s, and tiles was quicker at 5 of 6 shapes."""
STEPPED, NORMED, SUMMED = 16, 512, 2048
"""Rows of input that a step's kernels take at most, and for more than one of them the widths up to which tensor cores hold
what is normalised first, and what is only summed."""
TABLE = Path(__file__).with_name("measured.json")


@dataclass(frozen=True)
class Measured:
    """Where a kernel was quicker than bfloat16: cards of compute capability ``major``, weights of ``smallest`` to
    ``largest`` numbers, inputs of ``least`` to ``most`` rows; and what that is known from.
    """

    kernel: Kernel
    major: int
    smallest: int
    largest: int
    least: int
    most: int
    source: str

    def __post_init__(self) -> None:
        if self.kernel not in get_args(Kernel) or self.kernel == "dense":
            raise InvalidValue(f"an entry of the table is for gemv, tiles or step, got {self.kernel!r}")
        for low, high in ((self.smallest, self.largest), (self.least, self.most)):
            if not 1 <= low <= high:
                raise InvalidValue(f"the bounds of an entry must rise from 1 on, got {low} to {high}")
        if self.most > (most := {"gemv": FEW, "tiles": SEVERAL, "step": STEPPED}[self.kernel]):
            raise InvalidValue(f"the kernel {self.kernel} takes {most} rows at most, got {self.most}")
        if not self.source:
            raise InvalidValue("an entry must say what it is known from")

    def covers(self, kernels: Iterable[Kernel], major: int, shape: tuple[int, int], batch: int) -> bool:
        """Whether it speaks of one of these ``kernels`` for ``batch`` rows and a weight of ``shape`` on such a card."""
        fits = self.smallest <= shape[0] * shape[1] <= self.largest and self.least <= batch <= self.most
        return self.kernel in kernels and self.major == major and fits


def read_table(path: Path) -> tuple[Measured, ...]:
    """The entries of a table; refuses one with fields that are unknown or lacking."""
    try:
        return tuple(Measured(**entry) for entry in json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise InvalidValue(f"{path} is no table of measured kernels: {error}") from error


def write_table(path: Path, entries: Iterable[Measured]) -> None:
    """Write what :func:`read_table` reads, an entry a line."""
    lines = ",\n".join(json.dumps(asdict(entry)) for entry in entries)
    path.write_text(f"[\n{lines}\n]\n" if lines else "[]\n")


@cache
def measured() -> tuple[Measured, ...]:
    """The table that comes with this package."""
    return read_table(TABLE)


@dataclass(frozen=True)
class Plan:
    """The kernel that is taken, and the reason in words."""

    kernel: Kernel
    reason: str


@cache
def plan(
    device: torch.device,
    shape: tuple[int, int],
    batch: int,
    packed_only: bool = False,
    table: tuple[Measured, ...] | None = None,
) -> Plan:
    """For ``batch`` rows times a weight of ``shape`` (out, in) on ``device``.

    With ``packed_only`` there is no bfloat16 weight: it would have to be decoded at each call, which moves eight times the
    bytes of the packed form, so ours is taken up to 64 rows whatever the table says.
    """
    if (reason := why_not(torch.empty(0, device=device))) is not None:
        return Plan("dense", reason)
    if not 1 <= batch <= SEVERAL:
        return Plan("dense", f"the kernels take 1 to {SEVERAL} rows, these are {batch}")
    if packed_only:
        return Plan("gemv" if batch <= GEMV_ROWS else "tiles", "the weight is held packed, and decoding it costs more")
    return _looked_up(("gemv", "tiles"), device, shape, batch, table)


@cache
def step_plan(
    device: torch.device,
    shape: tuple[int, int],
    batch: int,
    dtype: torch.dtype,
    normed: bool,
    table: tuple[Measured, ...] | None = None,
) -> Plan:
    """For a map of ``shape`` (out, in) within a step of ``batch`` rows that computes in ``dtype``: ``step`` or ``dense``.

    ``normed`` says that it comes behind a norm, whose product is computed with it; else a sum comes behind the map.

    What is dense is decoded once, when the step is prepared, and stepped as bfloat16 (or float32) weights are.
    """
    if (reason := why_not(torch.empty(0, device=device))) is not None:
        return Plan("dense", reason)
    if (reason := unsuited(shape[1], batch, dtype, normed)) is not None:
        return Plan("dense", reason)
    if dtype != torch.bfloat16:  # which for several rows is another kernel than the one that was measured
        return Plan("dense", f"steps were measured in bfloat16 alone, and this one computes in {dtype}")
    return _looked_up(("step",), device, shape, batch, table)


def unsuited(width: int, batch: int, dtype: torch.dtype, normed: bool) -> str | None:
    """Why the step's kernels cannot take a map of ``width`` columns; None if they can."""
    most, widest = STEPPED if dtype == torch.bfloat16 else FEW, NORMED if normed else SUMMED
    if dtype not in (torch.float32, torch.bfloat16):
        return f"a step computes in float32 or bfloat16, not {dtype}"
    if not 1 <= batch <= most:
        return f"in {dtype} a step's kernels take 1 to {most} rows, these are {batch}"
    if batch > 1 and dtype == torch.bfloat16 and width > widest:
        where = "behind a norm" if normed else "without a norm"
        return f"{batch} rows of {width} numbers are more than a program holds: {widest} at most {where}"
    return None


def _looked_up(
    kernels: tuple[Kernel, ...],
    device: torch.device,
    shape: tuple[int, int],
    batch: int,
    table: tuple[Measured, ...] | None,
) -> Plan:
    """What the table says of these kernels."""
    major = torch.cuda.get_device_capability(device)[0] if device.type == "cuda" else 0
    for entry in measured() if table is None else table:
        if entry.covers(kernels, major, shape, batch):
            return Plan(entry.kernel, f"quicker than bfloat16: {entry.source}")
    rows = "1 row" if batch == 1 else f"{batch} rows"
    return Plan("dense", f"not measured to be quicker at {shape[0]} x {shape[1]} with {rows} on this kind of card")


def multiplied(x: Tensor, weight: NVFP4Tensor, bias: Tensor | None, packed_only: bool) -> Tensor | None:
    """``x`` [..., in] . weight^T + bias: [..., out] in the dtype of ``x``; None where the plan is ``dense``."""
    batch = x.numel() // x.shape[-1]
    kernel = plan(x.device, weight.shape, batch, packed_only).kernel
    if kernel == "dense":
        return None
    from policies.nvfp4.kernels import product  # Triton is heavy, and not everywhere

    out = torch.empty(batch, weight.shape[0], dtype=x.dtype, device=x.device)
    run = product.gemv if kernel == "gemv" else product.tiles
    run(x.reshape(batch, -1).contiguous(), weight, out, bias)
    return out.view(*x.shape[:-1], -1)
