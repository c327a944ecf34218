"""Compiles both kernels for cards that are not here: ``python -m policies.nvfp4.kernels.crosscompile``."""

from __future__ import annotations

import argparse
from functools import partial
from itertools import product

import torch

from nsctl.errors import NsctlError
from policies.mamba3.config import StackConfig
from policies.mamba3.kernels import available
from policies.mamba3.kernels.crosscompile import CARDS, HEAD, Case, compiled, line
from policies.mamba3.sizes import stack_size
from policies.nvfp4.kernels.product import gemv, tiles
from policies.nvfp4.tensor import zeros


def _product(_: StackConfig, rows: int, columns: int, batch: int, bias: bool = False) -> None:
    with torch.device("meta"):
        x, out = (torch.zeros(batch, width, dtype=torch.bfloat16) for width in (columns, rows))
        run = gemv if batch <= 8 else tiles
        run(x, zeros(rows, columns), out, torch.zeros(rows, dtype=torch.bfloat16) if bias else None)


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
}
"""What is compiled, by name: shapes that take each way through the kernels."""


def main(arguments: list[str] | None = None) -> int:
    """Compile, print a table, and answer 1 if a kernel would not run somewhere."""
    parser = argparse.ArgumentParser(description="compile the NVFP4 kernels for cards that are not here")
    parser.add_argument("--card", choices=CARDS, action="append", help="only this one; may be repeated")
    parser.add_argument("--case", choices=CASES, action="append", help="only this case; may be repeated")
    wanted = parser.parse_args(arguments)
    if available.interpreted():
        raise NsctlError("TRITON_INTERPRET=1 replaces the compiler by the interpreter: unset it")
    print(HEAD, flush=True)
    failed = False
    for card, name in product(wanted.card or CARDS, wanted.case or CASES):
        for row in compiled(name, CASES[name], stack_size("nano"), card):
            print(line(row), flush=True)
            failed |= bool(row.reason)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
