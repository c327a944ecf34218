"""The exact interval of ``benchmarks/skills.py``."""

from __future__ import annotations

import math
import runpy
from pathlib import Path

import pytest

clopper_pearson = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "skills.py"))["clopper_pearson"]


@pytest.mark.parametrize(("won", "tried"), [(0, 10), (10, 10), (3000, 3000)])
def test_at_the_ends_it_has_a_closed_form(won: int, tried: int) -> None:
    edge = 0.025 ** (1 / tried)
    low, high = clopper_pearson(won, tried)
    assert (low, high) == pytest.approx((edge, 1.0) if won else (0.0, 1 - edge), abs=1e-12)


@pytest.mark.parametrize(("won", "tried"), [(1, 10), (7, 9), (296, 300)])
def test_its_ends_are_as_rare_as_they_should_be(won: int, tried: int) -> None:
    """Summed the plain way: at the low end so many or more, at the high end so few or fewer, each in 2.5 % of trials."""

    def chance(k: int, p: float) -> float:
        return math.comb(tried, k) * p**k * (1 - p) ** (tried - k)

    low, high = clopper_pearson(won, tried)
    assert sum(chance(k, low) for k in range(won, tried + 1)) == pytest.approx(0.025, rel=1e-6)
    assert sum(chance(k, high) for k in range(won + 1)) == pytest.approx(0.025, rel=1e-6)
