"""Intervals by resampling: their laws, SciPy's as a second opinion, and how often they cover the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

from nsctl import bootstrap
from nsctl.bootstrap import (
    FEWEST,
    UNKNOWN,
    Estimate,
    per_success,
    ratio_of_joules,
    ratio_per_success,
    ratio_unpaired,
    resampled_sums,
)
from nsctl.errors import InvalidValue


def draw(n: int, seed: int = 0) -> tuple[list[float], list[bool], list[float], list[bool]]:
    """Joules and successes of two agents over the same ``n`` starts; the second pays about twice as much."""
    rng = np.random.default_rng(seed)
    hard = rng.lognormal(0.0, 0.5, n)
    ours, theirs = hard * rng.lognormal(0.0, 0.2, n), 2.0 * hard * rng.lognormal(0.0, 0.2, n)
    return ours.tolist(), (rng.random(n) < 0.9).tolist(), theirs.tolist(), (rng.random(n) < 0.8).tolist()


def ends(estimate: Estimate) -> tuple[float, float, float]:
    assert estimate.value is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.value, estimate.high


def test_joules_per_success_are_all_joules_over_all_successes() -> None:
    assert per_success([1.0, 2.0, 3.0], [True, False, True]).value == 3.0
    ours, won, theirs, other_won = draw(40)
    assert ratio_per_success(ours, won, theirs, other_won).value == pytest.approx(
        (sum(ours) / sum(won)) / (sum(theirs) / sum(other_won))
    )


def test_the_ratio_of_joules_is_the_mean_of_logarithms() -> None:
    assert ratio_of_joules([1.0, 4.0], [2.0, 2.0]).value == pytest.approx(1.0)
    assert ratio_of_joules([1.0, 1.0], [2.0, 8.0]).value == pytest.approx(0.25)


def test_the_same_records_give_the_same_interval() -> None:
    assert ratio_per_success(*draw(30)) == ratio_per_success(*draw(30))
    assert ratio_per_success(*draw(30)) != ratio_per_success(*draw(30, seed=1))


def test_a_ratio_that_never_varies_has_no_width() -> None:
    ours, won, *_ = draw(30)
    thrice = [3 * joules for joules in ours]
    assert ends(ratio_of_joules(thrice, ours)) == pytest.approx((3.0, 3.0, 3.0))
    assert ends(ratio_per_success(thrice, won, ours, won)) == pytest.approx((3.0, 3.0, 3.0))


def test_pairs_that_vary_together_are_drawn_together() -> None:
    """Drawn apart, what starts have in common would count as noise."""
    ours, won, theirs, other_won = draw(60)
    together, apart = ratio_per_success(ours, won, theirs, other_won), ratio_unpaired(ours, won, theirs, other_won)
    (low, value, high), (wide_low, same, wide_high) = ends(together), ends(apart)
    assert value == pytest.approx(same)
    assert wide_low < low < high < wide_high


def test_units_do_not_matter() -> None:
    ours, won, *_ = draw(30)
    joules = ends(per_success(ours, won))
    assert ends(per_success([1000 * value for value in ours], won)) == pytest.approx([1000 * each for each in joules])


def test_the_other_way_round_is_the_inverse() -> None:
    ours, won, theirs, other_won = draw(30)
    low, value, high = ends(ratio_per_success(ours, won, theirs, other_won))
    assert ends(ratio_per_success(theirs, other_won, ours, won)) == pytest.approx((1 / high, 1 / value, 1 / low))


def test_a_task_keeps_its_number_of_episodes() -> None:
    """One task costs a hundred times the other: how many of each there are must not vary."""
    joules, tasks = [1.0, 1.1] * 10 + [100.0, 101.0] * 10, ["easy"] * 20 + ["hard"] * 20
    won = [True] * 40
    low, _, high = ends(per_success(joules, won, tasks))
    loose_low, _, loose_high = ends(per_success(joules, won))
    assert high - low < (loose_high - loose_low) / 20
    sums = resampled_sums(np.ones((40, 1)), np.repeat([0, 1], 20), draws=50)
    assert (sums == 40).all()


def test_blocks_change_nothing_but_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    columns, strata = np.arange(12.0).reshape(6, 2), np.array([0, 0, 0, 1, 1, 1])
    whole = resampled_sums(columns, strata, draws=100)
    monkeypatch.setattr(bootstrap, "BLOCK", 7)
    assert resampled_sums(columns, strata, draws=100).mean() == pytest.approx(whole.mean(), rel=0.2)
    assert resampled_sums(columns, strata, draws=100).shape == (100, 2)


def test_scipy_finds_the_same_interval() -> None:
    ours, won, *_ = draw(80)
    low, _, high = ends(per_success(ours, won))
    theirs = scipy_bootstrap(
        (np.array(ours), np.array(won, float)),
        lambda joules, success, axis: joules.sum(axis) / success.sum(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), rel=0.01)


def test_it_covers_the_truth_about_as_often_as_it_says() -> None:
    """The true ratio of joules is a half; percentile intervals are a little too narrow at 50 pairs."""
    hits = sum(low <= 0.5 <= high for low, _, high in (ends(ratio_of_joules(*draw(50, s)[::2])) for s in range(150)))
    assert 0.88 <= hits / 150 <= 0.99


@pytest.mark.parametrize(
    "estimate",
    [
        per_success([], []),
        per_success([1.0, None], [True, True]),
        per_success([1.0, 2.0], [False, False]),
        ratio_per_success([1.0], [True], [1.0], [False]),
        ratio_per_success([1.0], [False], [1.0], [True]),
        ratio_per_success([1.0], [True], [0.0], [True]),
        ratio_unpaired([1.0], [True], [1.0, 2.0], [False, False]),
        ratio_of_joules([1.0, 2.0], [1.0, 0.0]),
        ratio_of_joules([1.0, 2.0], [1.0, None]),
    ],
)
def test_what_is_not_known_is_none_and_never_zero(estimate: Estimate) -> None:
    assert estimate == UNKNOWN


def test_too_few_episodes_give_a_figure_but_no_interval() -> None:
    few, enough = [1.0] * (FEWEST - 1), [1.0] * FEWEST
    assert per_success(few, [True] * len(few)) == Estimate(1.0, None, None)
    assert per_success(enough, [True] * len(enough)) == Estimate(1.0, 1.0, 1.0)
    assert per_success(enough, [True] * FEWEST, ["a"] * (FEWEST - 1) + ["b"]) == Estimate(1.0, None, None)


def test_a_lone_success_leaves_no_upper_bound() -> None:
    """Every third draw has no success at all, and then joules per success are endless."""
    estimate = per_success([1.0] * 10, [True] + [False] * 9)
    assert estimate.value == 10.0
    assert estimate.low is not None
    assert estimate.low < 10.0
    assert estimate.high is None


def test_draws_that_say_nothing_widen_both_ends() -> None:
    """In a third of the draws neither succeeds, and the ratio may be anything."""
    lone = [True] + [False] * 9
    assert ratio_per_success([1.0] * 10, lone, [1.0] * 10, lone) == Estimate(1.0, 0.0, None)


def test_samples_that_are_not_paired_keep_their_sizes() -> None:
    """One episode against forty: nobody knows how much it varies."""
    assert ratio_unpaired([1.0], [True], [1.0] * 40, [True] * 40) == Estimate(1.0, None, None)


@pytest.mark.parametrize("arguments", [([1.0], [True, False]), ([1.0, 2.0], [True, False], ["a"])])
def test_columns_of_unequal_length_are_refused(arguments: Any) -> None:
    with pytest.raises(InvalidValue, match=r"must be of one length|must name each of 2 rows"):
        per_success(*arguments)
