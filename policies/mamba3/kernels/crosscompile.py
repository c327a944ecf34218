"""Compiles every kernel for cards that are not here: ``python -m policies.mamba3.kernels.crosscompile``.

The package's own functions are called on tensors of the device ``meta``, which have shapes and no numbers; a launch then
compiles for the wanted card instead of running, so what is compiled is what would be launched there. Needs Triton, no GPU.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any
from unittest.mock import patch

import torch
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia.compiler import get_ptxas, sm_arch_from_capability
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from nsctl.errors import NsctlError
from policies.mamba3.block import Mamba3, cast
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.kernels import available
from policies.mamba3.kernels.decode import FusedStack
from policies.mamba3.kernels.scan import fused_scan
from policies.mamba3.sizes import stack_size
from policies.mamba3.stack import Mamba3Stack


@dataclass(frozen=True)
class Card:
    """A kind of GPU: compute capability, bytes of shared memory that a program may have."""

    capability: int
    shared: int


CARDS = {
    "sm_90": Card(90, 227 * 1024),  # H100
    "sm_100": Card(100, 227 * 1024),  # B200
    "sm_120": Card(120, 99 * 1024),  # RTX PRO 6000
}
STACKS = {"micro": stack_size("micro"), "D1024": StackConfig(1, Mamba3Config(1024, d_state=128, head_dim=64))}
Case = Callable[[], None]
"""Launches kernels on tensors of the device ``meta``."""


@dataclass(frozen=True)
class Compiled:
    """What became of one kernel for one card: registers of a thread, bytes spilled and of shared memory, and the reason if
    it would not run there.
    """

    kernel: str
    case: str
    card: str
    registers: int = 0
    spills: int = 0
    shared: int = 0
    reason: str = ""


class _Absent:
    """Stands for the driver of a card: all that a launch asks of one before it would run."""

    def __init__(self, card: Card) -> None:
        self._target = GPUTarget("cuda", card.capability, 32)
        self._device = 1000 + card.capability  # kernels are kept by device: no two cards may share a number

    def get_current_target(self) -> GPUTarget:
        return self._target

    def get_current_device(self) -> int:
        return self._device

    def get_current_stream(self, device: int | None = None) -> int:
        return 0


@contextmanager
def instead_of_launching(card: Card, seen: Callable[[str, Any], None]) -> Iterator[None]:
    """Inside, launches compile for ``card``, and ``seen`` is told the kernel's name and what came out or the exception."""
    launch = JITFunction.run

    def compile_only(kernel: Any, *args: object, grid: object, warmup: bool, **options: object) -> object:
        try:
            made = launch(kernel, *args, grid=grid, warmup=True, **options)
        except Exception as error:  # whatever a compiler throws is this kernel's result
            made = error
        seen(kernel.__name__, made)
        return None

    with ExitStack() as undo:
        undo.enter_context(patch.object(driver, "_active", _Absent(card)))
        undo.enter_context(patch.object(JITFunction, "run", compile_only))
        undo.enter_context(patch.object(available, "why_not", lambda _: None))
        capability = divmod(card.capability, 10)
        undo.enter_context(patch.object(torch.cuda, "get_device_capability", lambda _=None: capability))
        yield


def compiled(name: str, case: Case, card: str) -> list[Compiled]:
    """Every kernel that ``case`` launches, compiled for ``card``; each of its specialisations once."""
    found: dict[str, Compiled] = {}

    def note(kernel: str, made: Any) -> None:
        if isinstance(made, Exception):
            found[kernel] = Compiled(kernel, name, card, reason=_short(made))
        elif made.hash not in found:
            found[made.hash] = _measured(Compiled(kernel, name, card), made)

    with instead_of_launching(CARDS[card], note):
        try:
            case()
        except Exception as error:  # the same for what prepares the launches: the table goes on
            found[""] = Compiled("none", name, card, reason=_short(error))
    return list(found.values())


def _measured(bare: Compiled, made: Any) -> Compiled:
    """The compiler's account of a kernel."""
    card = CARDS[bare.card]
    registers, spills = _resources(made.asm["ptx"], card.capability)
    shared = int(made.metadata.shared)
    reason = f"needs {shared} bytes of shared memory, {bare.card} has {card.shared}" if shared > card.shared else ""
    return Compiled(bare.kernel, bare.case, bare.card, registers, spills, shared, reason)


def _resources(ptx: str, capability: int) -> tuple[int, int]:
    """Registers of a thread and bytes spilled, by ptxas."""
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "kernel.ptx")
        with open(source, "w") as file:
            file.write(ptx)
        arch = sm_arch_from_capability(capability)
        command = [get_ptxas(capability).path, "-v", f"--gpu-name={arch}", source, "-o", os.devnull]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    used, spilled = re.search(r"Used (\d+) registers", said), re.findall(r"(\d+) bytes spill stores", said)
    if used is None:
        raise NsctlError(f"ptxas gives no account of the kernel: {said.strip()[-300:]}")
    return int(used[1]), sum(map(int, spilled))


def _short(error: Exception) -> str:
    """Its kind and the last line of what it says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"[:160]


def _decode(stack: StackConfig, batch: int, dtype: torch.dtype, mlp: int = 0) -> None:
    with torch.device("meta"):
        made = Mamba3Stack(replace(stack, mlp=mlp))
        cast(made, dtype)
        FusedStack(made, batch).run()


def _sequence(stack: StackConfig, dtype: torch.dtype, cuts: bool) -> None:
    """Forward and backward of one block over two rows of 256 moments; with ``cuts``, resets, lengths and a state."""
    with torch.device("meta"):
        block, u = Mamba3(stack.block), torch.zeros(2, 256, stack.block.d_model, dtype=dtype)
        cast(block, dtype)
        state, reset = block.rest(2), torch.zeros(2, 256, dtype=torch.bool)
        rest = (state, reset, torch.zeros(2, dtype=torch.int64)) if cuts else (None, None, None)
        y, _ = fused_scan(block, u, *rest)
        torch.autograd.backward(y, torch.zeros_like(y))


CASES: dict[str, Callable[[StackConfig], None]] = {
    "sequence": partial(_sequence, dtype=torch.bfloat16, cuts=False),
    "sequence, float32": partial(_sequence, dtype=torch.float32, cuts=False),
    "sequence, cuts": partial(_sequence, dtype=torch.bfloat16, cuts=True),
    "decode, batch 1": partial(_decode, batch=1, dtype=torch.bfloat16),
    "decode, batch 16": partial(_decode, batch=16, dtype=torch.bfloat16),
    "decode, batch 64": partial(_decode, batch=64, dtype=torch.bfloat16),
    "decode, float32": partial(_decode, batch=1, dtype=torch.float32),
    "decode, SwiGLU": partial(_decode, batch=1, dtype=torch.bfloat16, mlp=1000),
}
"""What is compiled, by name: each launches kernels on meta tensors for a stack."""


HEAD = "| kernel | case | card | registers | spilled bytes | shared bytes | |\n|---|---|---|---|---|---|---|"


def line(row: Compiled) -> str:
    """A result as a line of a table in Markdown, under HEAD."""
    numbers = f"{row.registers} | {row.spills} | {row.shared}"
    return f"| {row.kernel} | {row.case} | {row.card} | {numbers} | {row.reason or 'ok'} |"


def print_table(cases: Mapping[str, Case], cards: Collection[str]) -> bool:
    """Compile what every case launches for every card, print a line for each kernel, and say whether all would run.

    Refuses Triton's interpreter, which compiles nothing.
    """
    if available.interpreted():
        raise NsctlError("TRITON_INTERPRET=1 replaces the compiler by the interpreter: unset it")
    print(HEAD, flush=True)
    good = True
    for card, (name, case) in product(cards, cases.items()):
        for row in compiled(name, case, card):
            print(line(row), flush=True)
            good &= not row.reason
    return good


def main(arguments: list[str] | None = None) -> int:
    """Compile, print a table, and answer 1 if a kernel would not run somewhere."""
    parser = argparse.ArgumentParser(description="compile every Mamba-3 kernel for cards that are not here")
    parser.add_argument("--card", choices=CARDS, action="append", help="only this one; may be repeated")
    parser.add_argument("--size", choices=STACKS, action="append", help="only this stack; may be repeated")
    parser.add_argument("--case", choices=CASES, action="append", help="only this case; may be repeated")
    wanted = parser.parse_args(arguments)
    pairs = product(wanted.size or STACKS, wanted.case or CASES)
    cases = {f"{size}, {case}": partial(CASES[case], STACKS[size]) for size, case in pairs}
    return int(not print_table(cases, wanted.card or CARDS))


if __name__ == "__main__":
    raise SystemExit(main())
