"""Kernels compile for cards that are not here; in a process of its own, for the interpreter replaces the compiler."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
CASE = ["--size", "micro", "--case", "decode, batch 16"]
SEQUENCE = ["--case", "sequence", "--case", "sequence, cuts"]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-W", "ignore", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_a_kernel_compiles_for_every_card() -> None:
    done = python("-m", "policies.mamba3.kernels.crosscompile", *CASE)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
    assert {row[2] for row in rows} == {"sm_90", "sm_100", "sm_120"}
    assert {row[0] for row in rows if row[2] == "sm_120"} >= {"_advance"}
    for row in rows:
        assert 16 <= int(row[3]) <= 255
        assert row[6] == "ok"


def test_a_sequence_compiles() -> None:
    """The interpreter takes what the compiler refuses: branches of different types, for one."""
    done = python("-m", "policies.mamba3.kernels.crosscompile", "--card", "sm_90", "--size", "micro", *SEQUENCE)
    assert done.returncode == 0, done.stdout
    assert {"_front", "_carry", "_local", "carry_state", "back_in_chunk"} <= set(
        re.findall(r"^\| (\w+)", done.stdout, re.M)
    )


def test_what_would_not_run_is_said() -> None:
    """A card with little shared memory, a kernel that does not compile, and a launch that is not reached."""
    script = """
import sys
from policies.mamba3.kernels import crosscompile, decode
crosscompile.CARDS["sm_90"] = crosscompile.Card(90, 10)
little = crosscompile.main(sys.argv[1:])
decode.FusedStack.run = lambda self: decode._advance[(1,)](self.x)
broken = crosscompile.main(sys.argv[1:])
decode.FusedStack.run = lambda self: self.nothing
failed = crosscompile.main(sys.argv[1:])
print(little, broken, failed)
"""
    done = python("-c", script, "--card", "sm_90", *CASE)
    assert "bytes of shared memory, sm_90 has 10 |" in done.stdout, done.stderr
    assert "| _advance | micro, decode, batch 16 | sm_90 | 0 | 0 | 0 | TypeError: " in done.stdout
    assert "AttributeError: 'FusedStack' object has no attribute 'nothing' |" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 1 1"


def test_no_kernel_of_the_package_is_left_out() -> None:
    """The cases launch every compiled function that no other one mentions."""
    script = """
import importlib, pkgutil, re
from types import SimpleNamespace
from triton.runtime.jit import JITFunction
import policies.mamba3.kernels as package
from policies.mamba3.kernels import crosscompile

JITFunction.run = lambda kernel, *a, **k: SimpleNamespace(hash=kernel.__name__)
crosscompile._measured = lambda bare, made: bare
modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
functions = {f for m in modules for f in vars(m).values() if isinstance(f, JITFunction)}
mentioned = {word for f in functions for word in re.findall(r"\\w+", f.src) if word != f.__name__}
kernels = {f.__name__ for f in functions} - mentioned
rows = [row for name, case in crosscompile.CASES.items()
        for row in crosscompile.compiled(name, lambda: case(crosscompile.STACKS["micro"]), "sm_90")]
print([row.reason for row in rows if row.reason], sorted(kernels - {row.kernel for row in rows}))
print(len(kernels))
"""
    done = python("-c", script)
    left_out, count = done.stdout.splitlines() or [done.stderr, "0"]
    assert left_out == "[] []"
    assert int(count) >= 8


def test_the_interpreter_is_refused() -> None:
    done = python(
        "-c",
        "import os; os.environ['TRITON_INTERPRET'] = '1'\n"
        "from policies.mamba3.kernels import crosscompile; crosscompile.main([])",
    )
    assert "TRITON_INTERPRET=1 replaces the compiler by the interpreter: unset it" in done.stderr
