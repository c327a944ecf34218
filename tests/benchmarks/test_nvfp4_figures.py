"""The NVFP4 benchmark: it runs through on a CPU, enters only what was quicker, and counts joules by their counter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytest.importorskip("triton")


@pytest.fixture
def choice(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark's modules, found as the script finds them."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import nvfp4_choice

    return nvfp4_choice


def test_it_takes_every_way_on_a_cpu(tmp_path: Path) -> None:
    no_gpu = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    lines, table = tmp_path / "lines.jsonl", tmp_path / "table.json"
    table.write_text(
        '[{"kernel": "gemv", "major": 9, "smallest": 1, "largest": 2, "least": 1, "most": 1, "source": "kept"}]'
    )
    script = [sys.executable, "-W", "ignore", str(BENCHMARKS / "nvfp4.py")]
    command = [*script, "--dry-run", "--lines", str(lines), "--fill", str(table)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=no_gpu)
    assert done.returncode == 1, done.stderr  # energy has no counter here
    assert "left out: energy: " in done.stdout
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    parts = {row["part"] for row in rows}
    assert parts == {"machine", "product", "step", "graph", "table", "left out"}
    assert all(row["error"] < 5e-3 for row in rows if row["part"] == "product")  # the interpreter cuts bfloat16 off
    steps = {row["packed"]: row for row in rows if row["part"] == "step"}
    assert set(steps) == {"none", "into the blocks", "out of the blocks", "all"}
    assert {row["precision"] for row in rows if row["part"] == "graph"} == {"bfloat16", "nvfp4"}
    assert all(row["apart"] == 0 for row in steps.values())
    for title in ("Products", "Steps, by what is packed", "Steps by the table, and graphs", "Goals"):
        assert f"\n## {title}\n" in done.stdout
    assert json.loads(table.read_text())[0]["source"] == "kept"  # it is of another card


def test_without_a_gpu_it_says_so() -> None:
    no_gpu = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-W", "ignore", str(BENCHMARKS / "nvfp4.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=no_gpu)
    assert (done.returncode, done.stdout[:31]) == (1, "There is no CUDA device here, a")


def row(choice: Any, numbers: int, batch: int, kernel: str, cold: float, hot: float) -> Iterator[Any]:
    """Both memories of one product of ``numbers`` x 1, bfloat16 taking a microsecond."""
    for memory, ours in (("cold", cold), ("hot", hot)):
        yield choice.Row(f"{numbers}", numbers, 1, batch, memory, kernel, "8 32 1 1", 1.0, ours, 0.0)


def test_what_is_quicker_both_cold_and_hot_is_entered(choice: Any) -> None:
    rows = [
        *row(choice, 100, 1, "gemv", 0.9, 1.1),  # hot caches cost it the place
        *row(choice, 200, 1, "gemv", 0.5, 0.9),
        *row(choice, 200, 1, "tiles", 0.8, 0.8),  # the better worst case
        *row(choice, 300, 1, "tiles", 0.7, 0.95),
        *row(choice, 400, 1, "gemv", 0.5, 0.6),
        *row(choice, 500, 1, "gemv", 0.98, 0.5),  # within what two runs differ by
        *row(choice, 600, 1, "gemv", 0.5, 0.5),
        *row(choice, 300, 8, "gemv", 0.5, 0.5),
    ]
    found = choice.entries(choice.of_products(rows), 9, lambda worst: f"{worst:.2f}")
    told = [(e.kernel, e.smallest, e.largest, e.least, e.most, e.source) for e in found]
    assert told == [
        ("tiles", 200, 300, 1, 1, "0.95"),
        ("gemv", 400, 400, 1, 1, "0.60"),
        ("gemv", 600, 600, 1, 1, "0.50"),
        ("gemv", 300, 300, 2, 8, "0.50"),
    ]
    assert {e.major for e in found} == {9}


def test_a_tiling_that_is_only_tried_is_not_entered(choice: Any) -> None:
    usual = list(row(choice, 100, 1, "gemv", 1.2, 1.2))
    other = [choice.Row("100", 100, 1, 1, r.memory, "gemv", "2 8 1 1", 1.0, 0.5, 0.0) for r in usual]
    assert choice.entries(choice.of_products([*usual, *other]), 9, str) == []


def test_a_step_s_maps_are_entered_one_by_one(choice: Any) -> None:
    rows = [
        choice.StepRow("a", 1, "none", 0, 10.0, 5.0, 0.0),  # a whole step is no map
        choice.StepRow("a", 1, "into the blocks", 1000, 10.0, 9.0, 0.0),
        choice.StepRow("a", 1, "out of the blocks", 500, 10.0, 10.5, 0.0),
        choice.StepRow("a", 4, "out of the blocks", 500, 10.0, 9.5, 0.0),
        choice.StepRow("b", 1, "into the blocks", 1000, 10.0, 8.0, 0.0),  # of the same size, and quicker
    ]
    found = choice.entries(choice.of_steps(rows), 9, lambda worst: f"{worst:.2f}")
    told = [(e.kernel, e.smallest, e.largest, e.least, e.most, e.source) for e in found]
    assert told == [("step", 1000, 1000, 1, 1, "0.90"), ("step", 500, 500, 2, 4, "0.95")]


def test_a_window_of_energy_begins_and_ends_where_the_counter_moves(
    choice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card of 200 W whose counter moves every 100 ms, asked at odd times: the mean power comes out exactly."""
    import nvfp4_energy

    now = [0.033]

    class Clock:
        @staticmethod
        def perf_counter() -> float:
            return now[0]

        @staticmethod
        def sleep(seconds: float) -> None:
            now[0] += seconds

    def counter() -> float:
        now[0] += 0.0001
        return 20.0 * int(now[0] / 0.1)

    monkeypatch.setattr(nvfp4_energy, "time", Clock)
    seconds, joules, count = nvfp4_energy.window(counter, lambda: Clock.sleep(0.001), 10.0)
    assert joules / seconds == pytest.approx(200, rel=2e-3)
    assert 10.0 <= seconds < 10.3
    assert count == pytest.approx(seconds / 0.001, rel=0.05)
    one = nvfp4_energy.EnergyRow("a", "nvfp4", 10.0, 1000, 2000.0, 120.0)
    assert one.gross == 2.0
    assert one.net == pytest.approx(0.8)


def test_what_was_measured_with_one_batch_says_nothing_of_smaller_ones(choice: Any) -> None:
    found = choice.entries(choice.of_products(row(choice, 100, 64, "tiles", 0.5, 0.5)), 9, str)
    assert [(e.least, e.most) for e in found] == [(64, 64)]


def test_goals_are_judged_from_the_right_side(choice: Any) -> None:
    import nvfp4

    assert nvfp4.goal_line("a", 0.7, 0.7) == "- a: 0.700, goal at most 0.7: reached"
    assert nvfp4.goal_line("a", 0.71, 0.7).endswith("missed")
