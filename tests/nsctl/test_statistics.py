"""Intervals against known values and their laws."""

from __future__ import annotations

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsctl.errors import InvalidValue
from nsctl.statistics import joules_per_success, wilson


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
