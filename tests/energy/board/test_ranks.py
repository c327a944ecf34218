"""Ranks: inside a setting alone, by both figures, and only where the intervals bear it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from planted_records import row

from energy.board.ranks import beats, ranked
from nsctl.records import HardwareRecord


def ranks(rows: list[Any]) -> dict[str, tuple[int | None, bool]]:
    return {row.run.id: (row.rank, row.tied) for row in ranked(rows)}


def test_more_successes_for_fewer_joules_win(tmp_path: Path) -> None:
    good, bad = row(tmp_path, "good", 60, 60, 1.0), row(tmp_path, "bad", 30, 60, 2.0)
    assert ranks([bad, good]) == {"good": (1, False), "bad": (2, False)}


def test_rows_whose_intervals_overlap_share_a_rank(tmp_path: Path) -> None:
    one, other = row(tmp_path, "a", 10, 12, 1.0), row(tmp_path, "b", 11, 12, 0.99)
    assert ranks([one, other]) == {"a": (1, True), "b": (1, True)}


def test_a_rank_is_a_claim_and_stands_on_the_exact_interval(tmp_path: Path) -> None:
    """Wilson's intervals of 60 and 52 of 60 lie apart, Clopper and Pearson's do not."""
    one, other = row(tmp_path, "a", 60, 60, 1.0), row(tmp_path, "b", 52, 60, 0.9)
    assert one.summary.interval[0] > other.summary.interval[1]
    assert ranks([one, other]) == {"a": (1, True), "b": (1, True)}


def test_rows_that_trade_share_a_rank(tmp_path: Path) -> None:
    dear, cheap = row(tmp_path, "dear", 100, 100, 9.0), row(tmp_path, "cheap", 60, 100, 1.0)
    assert not beats(dear, cheap)
    assert not beats(cheap, dear)
    assert ranks([dear, cheap]) == {"dear": (1, True), "cheap": (1, True)}


def test_without_a_success_there_is_no_winning(tmp_path: Path) -> None:
    none, some = row(tmp_path, "none", 0, 60, 0.01), row(tmp_path, "some", 20, 60, 50.0)
    assert ranks([none, some]) == {"some": (1, False), "none": (2, False)}


def test_a_row_alone_has_no_rank(tmp_path: Path) -> None:
    assert ranks([row(tmp_path, "a", 5, 5, 1.0)]) == {"a": (None, False)}


@pytest.mark.parametrize(
    "other",
    [
        {"privilege": "sim_truth"},
        {"task_version": 3},
        {"protocol": "q"},
        {"world": {"mujoco": "4.1.0"}},
        {"engine": "pybullet"},
        {"grade": "C"},
        {"grade": None},
        {"label": "attributed"},
        {"disturb": ()},
        {"pose_noise": 0.0},
        {"workers": 2},
        {"hardware": HardwareRecord(cpu="Another", cores=2, memory_bytes=None, gpu=None)},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_rows_of_different_settings_are_never_ranked(tmp_path: Path, other: dict[str, Any]) -> None:
    good, bad = row(tmp_path, "good", 60, 60, 1.0), row(tmp_path, "bad", 10, 60, 9.0, **other)
    assert set(ranks([good, bad]).values()) == {(None, False)}


def test_the_order_is_the_same_however_the_rows_come(tmp_path: Path) -> None:
    rows = [row(tmp_path, f"r{i}", 10 * i, 60, 1.0 + i) for i in range(6)]
    assert [r.run.id for r in ranked(rows)] == [r.run.id for r in ranked(rows[::-1])]
