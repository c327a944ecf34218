"""Both kernels compile for cards that are not here; in a process of its own, for the interpreter replaces the compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
CASES = ["--case", "8192 x 8192, batch 1", "--case", "40 x 75, batch 40", "--case", "8 x 8192, batch 2"]


def test_every_kernel_compiles_for_every_card_without_spilling() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-W", "ignore", "-m", "policies.nvfp4.kernels.crosscompile", *CASES]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
    kernels = {"gemv_program", "tiles_program", "add_up"}
    assert {(row[0], row[2]) for row in rows} == {(k, c) for k in kernels for c in ("sm_90", "sm_100", "sm_120")}
    for row in rows:
        assert row[4] == "0"
        assert row[6] == "ok"


def test_the_interpreter_is_refused() -> None:
    script = (
        "import os; os.environ['TRITON_INTERPRET'] = '1'\n"
        "from policies.nvfp4.kernels import crosscompile; crosscompile.main([])"
    )
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert "TRITON_INTERPRET=1 replaces the compiler by the interpreter: unset it" in done.stderr
