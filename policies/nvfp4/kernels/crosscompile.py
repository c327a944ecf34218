"""Compiles all kernels for cards that are not here: ``python -m policies.nvfp4.kernels.crosscompile``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from unittest.mock import patch

import torch

from policies.mamba3.block import cast
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.kernels.crosscompile import CARDS, Case, print_table
from policies.mamba3.kernels.decode import FusedStack
from policies.mamba3.sizes import stack_size
from policies.mamba3.stack import Mamba3Stack
from policies.nvfp4 import linear
from policies.nvfp4.kernels.choose import Plan
from policies.nvfp4.kernels.product import gemv, tiles
from policies.nvfp4.kernels.w4a4 import QuantisedRows, multiply_rows, quantise_rows, why_not_w4a4
from policies.nvfp4.roles import install, quantisable
from policies.nvfp4.tensor import zeros


def _product(rows: int, columns: int, batch: int, bias: bool = False) -> None:
    with torch.device("meta"):
        x, out = (torch.zeros(batch, width, dtype=torch.bfloat16) for width in (columns, rows))
        run = gemv if batch <= 8 else tiles
        run(x, zeros(rows, columns), out, torch.zeros(rows, dtype=torch.bfloat16) if bias else None)


def _w4a4(rows: int, columns: int, batch: int) -> None:
    """Nothing where the card is too old: it is refused there."""
    device = torch.device("meta")
    if why_not_w4a4(device) is not None:
        return
    with device:
        x, out = (torch.zeros(batch, width, dtype=torch.bfloat16) for width in (columns, rows))
        into = QuantisedRows.empty(batch, columns, device)
        quantise_rows(x, into)
        multiply_rows(into, zeros(rows, columns), out, torch.zeros(rows, dtype=torch.bfloat16))


def _step(config: StackConfig, batch: int, dtype: torch.dtype = torch.bfloat16) -> None:
    """A step of a stack whose layers are all packed, whatever the table of measured kernels says."""
    with torch.device("meta"), patch.object(linear, "step_plan", lambda *_: Plan("step", "")):
        stack = Mamba3Stack(replace(config, layers=1))
        roles = quantisable(stack).items()
        install(stack, {name: zeros(rows, stack.get_parameter(f"{name}.weight").shape[1]) for name, rows in roles})
        cast(stack, dtype)
        FusedStack(stack, batch).run()


_SKILL = StackConfig(2, Mamba3Config(d_model=64, d_state=16))
_WIDE = StackConfig(1, Mamba3Config(1024, d_state=128, head_dim=64), mlp=1000)
CASES: dict[str, Case] = {
    "8192 x 8192, batch 1": partial(_product, rows=8192, columns=8192, batch=1),
    "8192 x 8192, batch 8": partial(_product, rows=8192, columns=8192, batch=8),
    "8192 x 8192, batch 16": partial(_product, rows=8192, columns=8192, batch=16),
    "8192 x 8192, batch 64": partial(_product, rows=8192, columns=8192, batch=64),
    "256 x 512 with bias, batch 1": partial(_product, rows=256, columns=512, batch=1, bias=True),
    "256 x 1024 with bias, batch 64": partial(_product, rows=256, columns=1024, batch=64, bias=True),
    "40 x 75, batch 4": partial(_product, rows=40, columns=75, batch=4),
    "40 x 75, batch 40": partial(_product, rows=40, columns=75, batch=40),
    "8 x 8192, batch 2": partial(_product, rows=8, columns=8192, batch=2),
    "step of a skill, batch 1": partial(_step, _SKILL, 1),
    "step of a skill, batch 4": partial(_step, _SKILL, 4),
    "step of nano, batch 1": partial(_step, stack_size("nano"), 1),
    "step of micro, batch 1": partial(_step, stack_size("micro"), 1),
    "step of micro, batch 16": partial(_step, stack_size("micro"), 16),
    "step of small, batch 1": partial(_step, stack_size("small"), 1),
    "step of small, batch 16": partial(_step, stack_size("small"), 16),
    "step of small, float32, batch 8": partial(_step, stack_size("small"), 8, torch.float32),
    "step with SwiGLU, batch 1": partial(_step, _WIDE, 1),
    "W4A4, 8192 x 8192, batch 256": partial(_w4a4, rows=8192, columns=8192, batch=256),
    "W4A4, 512 x 1024, batch 64": partial(_w4a4, rows=512, columns=1024, batch=64),
}
"""What is compiled, by name: shapes that take each way through the kernels."""


def main(arguments: list[str] | None = None) -> int:
    """Compile, print a table, and answer 1 if a kernel would not run somewhere."""
    parser = argparse.ArgumentParser(description="compile the NVFP4 kernels for cards that are not here")
    parser.add_argument("--card", choices=CARDS, action="append", help="only this one; may be repeated")
    parser.add_argument("--case", choices=CASES, action="append", help="only this case; may be repeated")
    wanted = parser.parse_args(arguments)
    return int(not print_table({name: CASES[name] for name in wanted.case or CASES}, wanted.card or CARDS))


if __name__ == "__main__":
    raise SystemExit(main())
