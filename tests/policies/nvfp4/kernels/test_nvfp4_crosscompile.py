"""All kernels compile for cards that are not here; in a process of its own, for the interpreter replaces the compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
PRODUCTS = ["8192 x 8192, batch 1", "40 x 75, batch 40", "8 x 8192, batch 2"]
STEPS = ["step of a skill, batch 1", "step of a skill, batch 4"]
CASES = [word for case in (*PRODUCTS, *STEPS) for word in ("--case", case)]


def test_every_kernel_compiles_for_every_card_without_spilling() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-W", "ignore", "-m", "policies.nvfp4.kernels.crosscompile", *CASES]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
    kernels = {"gemv_program", "tiles_program", "add_up", "step_rows", "step_tiles", "_advance"}
    assert {(row[0], row[2]) for row in rows} == {(k, c) for k in kernels for c in ("sm_90", "sm_100", "sm_120")}
    for row in rows:
        assert row[4] == "0"
        assert row[6] == "ok"


def test_no_kernel_of_the_package_is_left_out() -> None:
    """The cases launch every compiled function that no other one mentions; W4A4 where the card has matrix units for it."""
    script = """
import importlib, pkgutil, re
from types import SimpleNamespace
from triton.runtime.jit import JITFunction
import policies.nvfp4.kernels as package
from policies.mamba3.kernels import crosscompile as shared
from policies.nvfp4.kernels import crosscompile

JITFunction.run = lambda kernel, *a, **k: SimpleNamespace(hash=kernel.__name__)
shared._measured = lambda bare, made: bare
modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
functions = {f for m in modules for f in vars(m).values() if isinstance(f, JITFunction) and "nvfp4" in f.fn.__module__}
mentioned = {word for f in functions for word in re.findall(r"\\w+", f.src) if word != f.__name__}
kernels = {f.__name__ for f in functions} - mentioned
rows = [row for name, case in crosscompile.CASES.items() for row in shared.compiled(name, case, "sm_100")]
print([row.reason for row in rows if row.reason], sorted(kernels - {row.kernel for row in rows}))
print(len(kernels))
"""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout.splitlines() == ["[] []", "7"], done.stderr


def test_the_interpreter_is_refused() -> None:
    script = (
        "import os; os.environ['TRITON_INTERPRET'] = '1'\n"
        "from policies.nvfp4.kernels import crosscompile; crosscompile.main([])"
    )
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert "TRITON_INTERPRET=1 replaces the compiler by the interpreter: unset it" in done.stderr
