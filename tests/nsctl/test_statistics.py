"""Intervals and tests against known values, their laws, and SciPy's slower ways to the same."""

from __future__ import annotations

import math
import subprocess
import sys
from math import isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from nsctl.errors import InvalidValue
from nsctl.statistics import (
    break_even,
    clopper_pearson,
    fisher,
    joules_per_success,
    mcnemar,
    paired_difference,
    wilson,
)


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    """Successes and trials, at least one trial."""
    trials = draw(st.integers(1, 10_000))
    return draw(st.integers(0, trials)), trials


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(95, 100, 0.888, 0.978), (50, 50, 0.929, 1.0), (34, 100, 0.255, 0.437), (0, 10, 0.0, 0.278)],
)
def test_wilson_gives_the_published_values(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-4)


def test_nothing_tried_is_nothing_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("successes", "trials"), [(-1, 10), (11, 10), (1, 0), (0, -1)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(InvalidValue, match=rf"^successes must lie in 0\.\.{trials}, got {successes}$"):
        wilson(successes, trials)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, 95.0, float("nan")])
def test_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(InvalidValue, match=f"^confidence must lie between 0 and 1, got {confidence}$"):
        wilson(5, 10, confidence)


@given(counts())
def test_the_rate_lies_in_its_interval_and_the_interval_in_0_to_1(case: tuple[int, int]) -> None:
    successes, trials = case
    low, high = wilson(successes, trials)
    assert 0.0 <= low <= successes / trials <= high <= 1.0
    assert low < high


@given(counts())
def test_failures_mirror_successes(case: tuple[int, int]) -> None:
    successes, trials = case
    low, high = wilson(successes, trials)
    mirrored = wilson(trials - successes, trials)
    assert isclose(low, 1 - mirrored[1], abs_tol=1e-12)
    assert isclose(high, 1 - mirrored[0], abs_tol=1e-12)


@given(counts(), st.integers(2, 50))
def test_more_episodes_at_the_same_rate_narrow_the_interval(case: tuple[int, int], times: int) -> None:
    (low, high), (narrow, tight) = wilson(*case), wilson(case[0] * times, case[1] * times)
    assert tight - narrow < high - low


@given(counts(), st.floats(0.01, 0.98), st.floats(0.001, 1.0 - 2**-53))
def test_more_confidence_widens_the_interval(case: tuple[int, int], one: float, other: float) -> None:
    (less_low, less_high), (more_low, more_high) = (wilson(*case, c) for c in sorted((one, other)))
    assert more_low <= less_low + 1e-12
    assert less_high <= more_high + 1e-12


def test_failures_are_paid_for_by_the_successes() -> None:
    assert joules_per_success([10.0, 20.0, 30.0], 2) == 30.0


@pytest.mark.parametrize(("joules", "successes"), [([10.0, 20.0], 0), ([10.0, None], 1), ([None, None], 2), ([], 0)])
def test_what_is_not_known_is_none_and_never_zero(joules: list[float | None], successes: int) -> None:
    assert joules_per_success(joules, successes) is None


@pytest.mark.parametrize(("joules", "successes"), [([], 1), ([5.0], 2), ([5.0], -1)])
def test_more_successes_than_episodes_are_refused(joules: list[float], successes: int) -> None:
    with pytest.raises(InvalidValue, match=rf"successes must lie in 0\.\.{len(joules)}.*got {successes}$"):
        joules_per_success(joules, successes)


def test_an_iterator_is_read_once() -> None:
    assert joules_per_success(iter([4.0, 6.0]), 1) == 10.0


@given(counts(), st.floats(0.5, 0.999))
def test_intervals_are_those_of_scipy(case: tuple[int, int], confidence: float) -> None:
    test = binomtest(*case)
    exact, score = (test.proportion_ci(confidence, method) for method in ("exact", "wilson"))
    assert clopper_pearson(*case, confidence) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert wilson(*case, confidence) == pytest.approx((score.low, score.high), abs=1e-9)


@given(counts())
def test_the_exact_interval_holds_the_other(case: tuple[int, int]) -> None:
    """But for a hair where all or none succeeded."""
    exact, score = clopper_pearson(*case), wilson(*case)
    assert exact[0] <= score[0] + 0.02
    assert score[1] <= exact[1] + 0.02
    assert exact[0] <= case[0] / case[1] <= exact[1]


@pytest.mark.parametrize(("won", "tried"), [(0, 10), (10, 10), (3000, 3000)])
def test_the_exact_interval_has_a_closed_form_at_the_ends(won: int, tried: int) -> None:
    edge = 0.025 ** (1 / tried)
    assert clopper_pearson(won, tried) == pytest.approx((edge, 1.0) if won else (0.0, 1 - edge), abs=1e-9)


@pytest.mark.parametrize(("won", "tried"), [(1, 10), (7, 9), (296, 300)])
def test_the_ends_of_the_exact_interval_are_as_rare_as_they_should_be(won: int, tried: int) -> None:
    """Summed the plain way: at the low end so many or more, at the high end so few or fewer, each in 2.5 % of trials."""

    def chance(k: int, p: float) -> float:
        return math.comb(tried, k) * p**k * (1 - p) ** (tried - k)

    low, high = clopper_pearson(won, tried)
    assert sum(chance(k, low) for k in range(won, tried + 1)) == pytest.approx(0.025, rel=1e-6)
    assert sum(chance(k, high) for k in range(won + 1)) == pytest.approx(0.025, rel=1e-6)


def test_the_exact_interval_of_nothing_is_everything() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    with pytest.raises(InvalidValue, match=r"^successes must lie in 0\.\.3, got 4$"):
        clopper_pearson(4, 3)


@given(st.integers(0, 500), st.integers(0, 500))
def test_mcnemar_is_the_binomial_test_of_a_fair_coin(one: int, other: int) -> None:
    expected = binomtest(one, one + other).pvalue if one + other else 1.0
    assert mcnemar(one, other) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(one, other) == mcnemar(other, one)


def test_five_against_none_are_not_enough_and_six_are() -> None:
    assert mcnemar(5, 0) == pytest.approx(2 / 2**5)
    assert mcnemar(6, 0) == pytest.approx(2 / 2**6)
    with pytest.raises(InvalidValue, match="must be >= 0, got -1 and 3"):
        mcnemar(-1, 3)


def test_fisher_s_tea() -> None:
    """Three of four cups right on either side: 34 of the 70 ways are as telling or more."""
    assert fisher(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert fisher(4, 4, 0, 4) == pytest.approx(2 / 70)
    assert fisher(0, 0, 3, 4) == fisher(4, 4, 4, 4) == 1.0


@given(counts(), counts())
def test_fisher_knows_no_first_and_no_success(one: tuple[int, int], other: tuple[int, int]) -> None:
    one, other = ((k % (n % 60 + 1), n % 60 + 1) for k, n in (one, other))
    p = fisher(*one, *other)
    assert p == pytest.approx(fisher(*other, *one))
    assert p == pytest.approx(fisher(one[1] - one[0], one[1], other[1] - other[0], other[1]))


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ((1000.0, 1.0, 0.0, 3.0), 500.0),
        ((0.0, 3.0, 1000.0, 1.0), 0.0),
        ((1000.0, 3.0, 0.0, 3.0), None),
        ((5.0, 1.0, 5.0, 1.0), 0.0),
    ],
)
def test_a_training_is_paid_off_by_what_each_episode_saves(
    figures: tuple[float, float, float, float], expected: float | None
) -> None:
    assert break_even(*figures) == expected


@given(st.tuples(*[st.floats(0.001, 1e6)] * 4))
def test_at_the_break_even_both_have_spent_the_same(figures: tuple[float, float, float, float]) -> None:
    training, episode, other_training, other_episode = figures
    n = break_even(*figures)
    if n is None:
        assert training > other_training
        assert episode >= other_episode
    elif n > 0:
        assert training + n * episode == pytest.approx(other_training + n * other_episode)


def test_scipy_is_imported_where_it_is_needed() -> None:
    code = "import sys, nsctl.statistics as s; s.wilson(1, 2); assert not {'scipy', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_a_paired_difference_lies_in_its_interval_and_mirrors(one: int, other: int, both: int) -> None:
    pairs = one + other + both
    value, (low, high) = paired_difference(one, other, pairs)
    assert -1 <= low <= value <= high <= 1
    swapped, (least, most) = paired_difference(other, one, pairs)
    assert (swapped, least, most) == pytest.approx((-value, -high, -low))


@pytest.mark.parametrize(
    ("one", "other", "pairs", "expected"),
    [
        # By hand, z = 1.959964: of (2 - 8) / 23 and (10 / 23 - (6 / 23)^2) / 23, of 0 and 0.02 / 100.
        (1, 7, 21, (-6 / 21, -0.508361, -0.013378)),
        (0, 0, 98, (0.0, -0.027718, 0.027718)),
    ],
)
def test_a_paired_difference_by_hand(one: int, other: int, pairs: int, expected: tuple[float, float, float]) -> None:
    value, (low, high) = paired_difference(one, other, pairs)
    assert (value, low, high) == pytest.approx(expected, abs=2e-6)


def test_a_paired_difference_is_known_better_from_more_pairs() -> None:
    widths = [high - low for _, (low, high) in (paired_difference(n // 5, n // 10, n) for n in (10, 100, 1000))]
    assert widths[0] > 2.5 * widths[1] > 2.5**2 * widths[2]


@pytest.mark.parametrize("rates", [(0.3, 0.1), (0.05, 0.05), (0.9, 0.02), (0.0, 0.1)])
def test_the_interval_of_a_paired_difference_covers_the_truth(rates: tuple[float, float]) -> None:
    """20,000 draws of 60 pairs: 95 %, give or take what Bonett and Price report of the method."""
    one, other = rates
    draws = np.random.default_rng(0).multinomial(60, (one, other, 1 - one - other), size=20_000)
    inside = [
        low <= one - other <= high for _, (low, high) in (paired_difference(a, b, 60) for a, b, _ in draws.tolist())
    ]
    assert 0.93 <= sum(inside) / len(inside) <= 0.995


def test_impossible_pairs_are_refused() -> None:
    assert paired_difference(0, 0, 0) == (0.0, (-1.0, 1.0))
    for one, other, pairs in ((-1, 0, 5), (3, 3, 5)):
        with pytest.raises(
            InvalidValue, match=f"of {pairs} pairs, {one} and {other} cannot be those of one success alone"
        ):
            paired_difference(one, other, pairs)
