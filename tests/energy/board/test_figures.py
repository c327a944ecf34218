"""How figures look."""

from __future__ import annotations

import pytest

from energy.board.figures import interval, number, percent, percents, plural
from nsctl.bootstrap import Estimate


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (float("inf"), "–"), (0.0, "0"), (1.234567, "1.23"), (12345.6, "12,346"), (0.00001234, "1.2e-05")],
)
def test_numbers_have_three_digits_that_matter(value: float | None, words: str) -> None:
    assert number(value) == words


@pytest.mark.parametrize(
    ("share", "words"), [(0, "0 %"), (1, "100 %"), (0.999, "over 99 %"), (0.001, "under 1 %"), (0.504, "50 %")]
)
def test_all_and_nothing_are_said_of_nothing_less(share: float, words: str) -> None:
    assert percent(share) == words


def test_intervals_may_be_open_or_missing() -> None:
    assert interval(Estimate(2.0, 1.0, 3.0)) == "1 to 3"
    assert interval(Estimate(2.0, 1.0, None)) == "over 1"
    assert interval(Estimate(2.0, None, None)) == "no interval"
    assert percents((0.12345, 1.0)) == "12.3 % to 100.0 %"


def test_plural() -> None:
    assert [plural(n, "run") for n in (0, 1, 1200)] == ["0 runs", "1 run", "1,200 runs"]
