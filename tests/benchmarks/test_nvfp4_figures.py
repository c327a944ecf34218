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
    assert parts == {"machine", "product", "step", "graph", "layer", "table", "left out"}
    assert all(row["error"] < 5e-3 for row in rows if row["part"] == "product")  # the interpreter cuts bfloat16 off
    steps = {row["packed"]: row for row in rows if row["part"] == "step"}
    assert set(steps) == {"none", "into the blocks", "out of the blocks", "all"}
    assert {row["precision"] for row in rows if row["part"] == "graph"} == {"bfloat16", "nvfp4"}
    assert {row["memory"] for row in rows if row["part"] == "layer"} == {"cold", "hot"}
    assert all(row["low"] <= row["ratio"] <= row["high"] for row in rows if row["part"] == "layer")
    assert all(row["apart"] == 0 for row in steps.values())
    for title in (
        "Products",
        "Steps, by what is packed",
        "Steps by the table, and graphs",
        "Layers by the table",
        "Goals",
    ):
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
        *row(choice, 300, 4, "gemv", 0.5, 0.5),
        next(row(choice, 700, 1, "gemv", 0.5, 0.5)),  # hot caches were not measured
    ]
    found = choice.entries(choice.of_products(rows), 9, lambda worst: f"{worst:.2f}")
    told = [(e.kernel, e.smallest, e.largest, e.least, e.most, e.source) for e in found]
    assert told == [
        ("tiles", 200, 300, 1, 1, "0.95"),
        ("gemv", 400, 400, 1, 1, "0.60"),
        ("gemv", 600, 600, 1, 1, "0.50"),
        ("gemv", 300, 300, 2, 4, "0.50"),
    ]
    assert {e.major for e in found} == {9}


def test_a_tiling_that_is_only_tried_is_not_entered(choice: Any) -> None:
    usual = list(row(choice, 100, 1, "gemv", 1.2, 1.2))
    other = [choice.Row("100", 100, 1, 1, r.memory, "gemv", "2 8 1 1", 1.0, 0.5, 0.0) for r in usual]
    assert choice.entries(choice.of_products([*usual, *other]), 9, str) == []


def test_a_step_s_maps_are_entered_one_by_one(choice: Any) -> None:
    rows = [
        *step(choice, "a", 1, plain=10.0, into=9.0, out=10.5, both=9.4),
        *step(choice, "b", 1, plain=10.0, into=8.0, out=10.5, both=8.4),  # of the same size, and quicker
        *step(choice, "a", 4, plain=10.0, into=10.2, out=9.0, both=9.1),
    ]
    found = choice.entries(choice.of_steps(rows), 9, lambda worst: f"{worst:.2f}")
    told = [(e.kernel, e.smallest, e.largest, e.least, e.most, e.source) for e in found]
    assert told == [("step", 1000, 1000, 1, 1, "0.90"), ("step", 500, 500, 2, 4, "0.90")]


@pytest.mark.parametrize(
    "times",
    [
        {"plain": 10.0, "into": 9.0, "out": 10.0, "both": 10.0},  # alone it was quicker, with the other map not
        {"plain": 10.0, "into": 9.9, "out": 11.0, "both": 9.9},  # the reverse
        {"plain": 9.0, "into": 9.0, "out": 10.0, "both": 9.0},  # the bfloat16 policy was slow, its own kernels were not
    ],
)
def test_one_quick_time_enters_no_step(choice: Any, times: dict[str, float]) -> None:
    rows = list(step(choice, "a", 1, **times))
    assert choice.entries(choice.of_steps(rows), 9, str) == []
    assert choice.of_steps(rows[:3]) == {}  # a run that was cut short


def step(choice: Any, network: str, batch: int, plain: float, into: float, out: float, both: float) -> Iterator[Any]:
    """A step's four variants, with maps of 1000 and 500 numbers; bfloat16 takes 10 microseconds."""
    variants = {"none": (0, plain), "into the blocks": (1000, into), "out of the blocks": (500, out), "all": (0, both)}
    for name, (numbers, ours) in variants.items():
        yield choice.StepRow(network, batch, name, numbers, 10.0, ours, 0.0)


def test_a_table_is_made_again_from_what_was_noted(choice: Any, tmp_path: Path) -> None:
    rows = [*row(choice, 200, 1, "gemv", 0.5, 0.9)]
    steps = [*step(choice, "a", 1, plain=10.0, into=9.0, out=10.5, both=9.4)]
    lines = [{"part": "machine", "card": "a card", "torch": "2"}]
    lines += [{"part": "product", **each.told()} for each in rows] + [{"part": "step", **each.told()} for each in steps]
    (tmp_path / "lines").write_text("\n".join(map(json.dumps, lines)))
    assert choice.main([str(tmp_path / "lines"), "9", str(tmp_path / "table")]) == 0
    assert choice.main([str(tmp_path / "lines"), "nine", str(tmp_path / "table")]) == 2
    found = json.loads((tmp_path / "table").read_text())
    assert [(e["kernel"], e["smallest"], e["source"][-23:]) for e in found] == [
        ("gemv", 200, "at most 0.90 of its time"[-23:]),
        ("step", 1000, "at most 0.90 of its time"[-23:]),
    ]


def test_where_another_card_was_slower_there_is_no_entry(choice: Any) -> None:
    """The products of one card, and layers of another one that took the same kernels by a table."""
    from nvfp4_layers import LayerRow

    def layer(batch: int, kernel: str, memory: str, ratio: float) -> LayerRow:
        return LayerRow("8 x 32", batch, memory, kernel, 1.0, ratio, ratio, ratio, ratio, 0.0)

    rows = [each for batch in (1, 2, 4) for each in row(choice, 256, batch, "gemv", 0.5, 0.6)]
    elsewhere = [
        layer(1, "gemv", "cold", 0.4),  # it stays as slow as it was
        layer(2, "gemv", "cold", 0.7),
        layer(2, "gemv", "hot", 1.2),
        layer(4, "dense", "hot", 1.2),  # the library's, which says nothing of ours
        layer(64, "tiles", "hot", 1.2),  # not measured on the first card
    ]
    found = choice.entries(choice.checked(choice.of_products(rows), elsewhere), 9, lambda worst: f"{worst:.2f}")
    assert [(e.kernel, e.least, e.most, e.source) for e in found] == [("gemv", 1, 1, "0.60"), ("gemv", 3, 4, "0.60")]
    machines = [{"card": card, "torch": "2"} for card in ("a", "b", "b")]
    assert choice.measured_by(*machines) == "benchmarks/nvfp4.py on a and b, torch 2"


def test_what_compiles_for_too_long_is_not_entered(choice: Any) -> None:
    rows = [*row(choice, 100, 8, "gemv", 0.5, 0.5), *row(choice, 100, 8, "tiles", 0.6, 0.6)]
    assert [e.kernel for e in choice.entries(choice.of_products(rows), 9, str)] == ["tiles"]
    assert choice.of_products(rows[:2]) == {}


def test_the_packaged_table_is_one_that_this_choice_makes(choice: Any) -> None:
    """It follows from the noted lines; each entry names a ratio that is small enough, and no two speak of one product."""
    from policies.nvfp4.kernels.choose import measured

    noted = BENCHMARKS.parent / "docs" / "results" / "nvfp4"
    assert choice.remade(noted / "h100.jsonl", 9, [noted / "h200-layers.jsonl"]) == list(measured())
    for entry in measured():
        assert float(entry.source.split(": at most ")[1].split()[0]) <= choice.LIMIT
    products = [entry for entry in measured() if entry.kernel != "step"]
    for i, a in enumerate(products):
        for b in products[:i]:
            apart = a.largest < b.smallest or b.largest < a.smallest or a.most < b.least or b.most < a.least
            assert apart or a.major != b.major


def test_the_interval_of_a_median_holds_it_as_often_as_it_says(choice: Any) -> None:
    import random

    from nvfp4_bench import median_interval

    draw = random.Random(0)
    for count in (6, 15, 21):
        held = 0
        for _ in range(2000):
            low, high = median_interval([draw.expovariate(1) for _ in range(count)])
            held += low <= 0.6931 <= high
        assert 0.94 < held / 2000 < 0.995
    assert median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0)
    assert median_interval(list(map(float, range(15)))) == (3.0, 11.0)


def test_turns_alternate(choice: Any) -> None:
    import torch
    from nvfp4_bench import Bench

    seen: list[str] = []
    works = {"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}
    found = Bench(torch.device("cpu"), 1).in_turn(works, 3)
    assert "".join(seen[-6:]) == "abbaab"
    assert [len(times) for times in found.values()] == [3, 3]


def test_layers_that_launch_the_same_code_are_compiled_once(choice: Any) -> None:
    from nvfp4_layers import compiled_as

    def name(*case: Any) -> str:
        return compiled_as(*case)

    assert name((32, 64), 3, "tiles") == name((48, 64), 12, "tiles")  # cut alike; up to 16 rows are taken as 16
    assert name((32, 64), 16, "tiles") not in (name((32, 64), 12, "tiles"), name((32, 64), 32, "tiles"))
    assert name((32, 64), 3, "tiles") != name((32, 1088), 3, "tiles")
    assert name((32, 64), 1, "gemv") not in (name((32, 64), 2, "gemv"), name((32, 64), 1, "tiles"))


def test_the_worst_layer_is_named(choice: Any) -> None:
    from nvfp4_layers import LayerRow, judged

    good = LayerRow("a", 1, "cold", "gemv", 2.0, 1.0, 0.5, 0.4, 0.6, 1e-3)
    bad = LayerRow("b", 64, "hot", "dense", 1.0, 1.1, 1.1, 1.0, 1.2, 1e-3)
    wide = LayerRow("b", 128, "hot", "dense", 1.0, 1.0, 1.0, 1.0, 1.0, 3e-3)
    told = "\n".join(judged([good, bad, wide]))
    assert "batch 1 to 64: at most 1.100 of F.linear's time, goal 1.05: missed at 1 of 2" in told
    assert "missed: b, batch 64, hot, by dense: 1.100 (1.000 to 1.200)" in told
    assert "the interval holds 1.05 at 1 of 2" in told
    assert "more than 64 rows: at most 1.000 of F.linear's time, goal 1.05: reached" in told
    assert "off from float64 by at most 3.0e-03, goal at most 0.002: missed" in told
    assert judged([]) == []


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
