"""How figures look."""

from __future__ import annotations

import pytest

from nsctl.cli.tables import interval, number, percent, plain_table


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "—"),
        (0.0, "0 J"),
        (6.0, "6 J"),
        (0.012345, "0.0123 J"),
        (12.345, "12.3 J"),
        (1234.5, "1234 J"),
        (5.5, "5.5 J"),
    ],
)
def test_three_digits_that_matter(value: float | None, shown: str) -> None:
    assert number(value, "J") == shown


def test_counts_and_intervals_in_percent() -> None:
    assert percent(7, 8) == "7/8 = 88%"
    assert percent(0, 0) == "0/0"
    assert (percent(9, 9), percent(0, 9)) == ("9/9 = 100%", "0/9 = 0%")
    assert (percent(2999, 3000), percent(1, 3000)) == ("2999/3000 = 99.97%", "1/3000 = 0.03%")
    assert interval((0.021, 0.5)) == "2% to 50%"


def test_columns_of_numbers_stand_on_the_right() -> None:
    table = plain_table("what", "J#", "##")
    assert [(str(c.header), c.justify) for c in table.columns] == [("what", "left"), ("J", "right"), ("#", "right")]
