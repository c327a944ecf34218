"""A name becomes the task that it names, and every other name is answered with what would be right."""

from __future__ import annotations

from typing import Any

import pytest

from envs.suite import TableSuite, Variant
from nsctl.errors import InvalidValue, UnknownName


class Pile(TableSuite):
    """A family whose tasks are what they were made from."""

    variants: Any = (
        Variant("pile-N", lambda n: f"{n} things", range(2, 12), "things"),
        Variant("pile-N-high", lambda n: f"{n} high", range(3, 5), "things"),
        Variant("pile", lambda: "alone"),
    )


def test_every_name_that_is_listed_is_a_task() -> None:
    suite = Pile()
    assert suite.tasks == (*(f"pile-{n}" for n in range(2, 12)), "pile-3-high", "pile-4-high", "pile")
    made: list[object] = [suite.task(name) for name in suite.tasks]
    assert made == [*(f"{n} things" for n in range(2, 12)), "3 high", "4 high", "alone"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pile-1", "pile-N takes 2 to 11 things, got 1"),
        ("pile-12", "pile-N takes 2 to 11 things, got 12"),
        ("pile-5-high", "pile-N-high takes 3 to 4 things, got 5"),
    ],
)
def test_a_number_out_of_range_is_told_the_range(name: str, message: str) -> None:
    with pytest.raises(InvalidValue, match=f"^{message}$"):
        Pile().task(name)


@pytest.mark.parametrize(
    "name", ["pile-", "pile-03", "pile--3", "pile-3-", "pile-N", "Pile", "pile-3-low", "pile-\u0663"]
)
def test_another_name_is_answered_with_the_nearest(name: str) -> None:
    with pytest.raises(UnknownName, match=rf"no task is called '{name}'\..* There is: pile, "):
        Pile().task(name)
