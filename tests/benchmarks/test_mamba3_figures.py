"""The backbone's benchmark runs on a CPU, judges by the right side of each goal and sees what differs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from policies.mamba3.block import Mamba3
from policies.mamba3.config import Mamba3Config

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark's modules, found as the script finds them."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import mamba3_official
    import mamba3_timing

    return mamba3_timing, mamba3_official


def test_it_runs_where_there_is_no_gpu() -> None:
    no_gpu = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, BENCHMARKS / "mamba3.py", "--quick", "--json", "--only", "cpu"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, env=no_gpu).stdout)
    assert not told["left_out"]
    rows = {row["what"]: row for row in told["rows"]}
    step = rows["step, micro, batch 1, one CPU thread, numpy"]
    assert step["goal"] == 250
    assert step["ours"] > 0
    (power,) = [row["ours"] for what, row in rows.items() if what.endswith("power of L in the cost")]
    assert power < 1.5
    assert len([what for what in rows if what.startswith("a call of step, micro, cpu, after")]) == 2


def test_a_goal_is_met_from_the_right_side(modules: Any) -> None:
    row = modules[0].Row
    assert row("step", "µs", 15.0, 15.0).met == "yes"
    assert row("step", "µs", 30.0, 15.0).met == "no, 2.00x"
    assert row("step", "µs", None, 15.0).met == row("step", "µs", 15.0).met == ""
    assert row("step", "µs", 20.0, official=50.0, earlier=40.0).ratio == 0.5
    assert row("step", "µs", 20.0).ratio is None


def test_the_power_of_the_length(modules: Any) -> None:
    lengths = [1024, 2048, 4096]
    assert modules[0].slope(lengths, [3e-6 * length for length in lengths]) == pytest.approx(1)
    assert modules[0].slope(lengths, [1e-9 * length**2 for length in lengths]) == pytest.approx(2)


def test_what_does_not_run_is_said(modules: Any) -> None:
    bench = modules[0].Bench(rounds=1)

    def broken() -> Any:
        raise ValueError("no such kernel\nand more")

    assert bench.attempt("core", broken) == {}
    assert bench.left_out == {"core": "ValueError: no such kernel"}


def test_chosen_columns_are_the_projections_to_the_last_bit(modules: Any) -> None:
    block = Mamba3(Mamba3Config(64, d_state=16, head_dim=16)).bfloat16()
    u = modules[1].single_columns(block, 4, 100)
    assert u.shape == (4, 100, 64)
    rounded, exact = block.in_proj(u).double(), block.in_proj.double()(u.double())
    assert torch.equal(rounded, exact)
    assert len({tuple(row) for row in exact.flatten(0, 1).tolist()}) > 55  # nearly every column is among them


def test_gradients_are_named_and_repeat(modules: Any) -> None:
    torch.manual_seed(0)
    block, u = Mamba3(Mamba3Config(16, d_state=8, head_dim=8)), torch.randn(2, 5, 16)
    first, again = (modules[1].all_gradients(block, u) for _ in range(2))
    assert set(first) == {"output", "gradient of the input"} | {f"gradient of {n}" for n, _ in block.named_parameters()}
    assert all(torch.equal(first[name], again[name]) for name in first)
