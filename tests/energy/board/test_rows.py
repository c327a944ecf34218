"""What a row tells of its record."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted_records import row

from energy.board.rows import by_setting, read_tier
from nsctl.verification import VERIFICATION


def test_figures_of_a_row(tmp_path: Path) -> None:
    made = row(tmp_path, "20260101T000000Z-hanoi-3-nesy-abc123", 10, 20, 3.0, skills=("pick-scripted",))
    assert (made.rate, made.key, made.name) == (0.5, "abc123", "nesy + pick-scripted")
    assert made.cost.value == pytest.approx(6.0)
    assert made.cost.low is not None
    assert made.cost.low < 6.0 < (made.cost.high or 0)
    assert made.exact[0] < made.summary.interval[0] < 0.5 < made.summary.interval[1] < made.exact[1]
    assert (made.robot, made.training.value, made.hollow) == (4.0, 1000.0, True)


def test_what_nobody_knows_is_none(tmp_path: Path) -> None:
    old = row(tmp_path, "old", 0, 3, 1.0, agent={})
    assert old.cost.value is None
    assert (old.training.value, old.training.label) == (None, "unavailable")
    assert row(tmp_path, "odd", 0, 3, 1.0, agent={"training": {"joules": "many"}}).training.value is None


def test_measured_rows_are_not_hollow(tmp_path: Path) -> None:
    assert not row(tmp_path, "m", 3, 3, 1.0, label="measured").hollow


def test_a_record_without_or_with_damaged_attestations_is_self_reported(tmp_path: Path) -> None:
    folder = row(tmp_path, "a", 3, 3, 1.0).stored.folder
    assert read_tier(folder) == "self-reported"
    (folder / VERIFICATION).write_text('{"tier": "re-run"}')
    assert read_tier(folder) == "self-reported"


def test_rows_of_a_setting_stand_together(tmp_path: Path) -> None:
    rows = [row(tmp_path, f"r{i}", 3, 3, 1.0, task=task) for i, task in enumerate("bab")]
    assert [[r.run.id for r in group] for group in by_setting(rows).values()] == [["r1"], ["r0", "r2"]]
