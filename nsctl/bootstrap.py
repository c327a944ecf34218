"""Intervals of joules by resampling whole episodes, task by task.

Joules are skewed, so that no formula fits them all: episodes are drawn anew, with replacement, from those there are, and
the middle 95 % of what the figure would then have been are its interval (B. Efron and R. J. Tibshirani, "An
Introduction to the Bootstrap", 1993, chapters 13 and 16; the percentile method). What belongs to one initial state
is drawn together (pairs), and each task keeps its number of episodes (strata; A. C. Davison and D. V. Hinkley,
"Bootstrap Methods and their Application", 1997, section 3.2). The seed is fixed: the same records give the same
interval. All figures here are functions of sums, so that the sums of each draw are all that is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsctl.errors import InvalidValue

Floats = NDArray[np.float64]
DRAWS = 9_999
"""So that the ends of a 95 % interval fall on draws."""
SEED = 20_130
FEWEST = 6
"""With fewer episodes or pairs there is no interval: not even a sign test could then reach 5 %."""
BLOCK = 2_000_000
"""Episodes that are drawn at once: 16 MB of numbers for each column."""


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval."""

    value: float | None
    """``None`` where it is not known."""
    low: float | None
    """``None`` where there are too few episodes for an interval."""
    high: float | None
    """``None`` where ``low`` is, or where there is no upper bound."""


UNKNOWN = Estimate(None, None, None)


def per_success(
    joules: Sequence[float | None], won: Sequence[bool], strata: Sequence[Hashable] | None = None
) -> Estimate:
    """Joules per success, sum E / sum S over episodes, each with its joules and whether it succeeded."""
    table = _table(joules, won)
    return UNKNOWN if table is None else _estimate(table, _strata(strata, len(table)), _per_success)


def ratio_per_success(
    joules: Sequence[float | None],
    won: Sequence[bool],
    other_joules: Sequence[float | None],
    other_won: Sequence[bool],
    strata: Sequence[Hashable] | None = None,
) -> Estimate:
    """The ratio of two agents' joules per success over the same initial states, in the same order (pairs)."""
    table = _table(joules, won, other_joules, other_won)
    if table is None or not table.sum(axis=0).all():
        return UNKNOWN
    return _estimate(table, _strata(strata, len(table)), _ratio_per_success)


def ratio_of_joules(
    joules: Sequence[float | None], other_joules: Sequence[float | None], strata: Sequence[Hashable] | None = None
) -> Estimate:
    """The geometric mean of the pairs' ratios of joules: the mean log-ratio, as a factor."""
    table = _table(joules, other_joules)
    if table is None or (table <= 0).any():
        return UNKNOWN
    logs = np.column_stack([np.log(table[:, 0] / table[:, 1]), np.ones(len(table))])
    return _estimate(logs, _strata(strata, len(table)), lambda sums: np.exp(sums[..., 0] / sums[..., 1]))


def ratio_unpaired(
    joules: Sequence[float | None],
    won: Sequence[bool],
    other_joules: Sequence[float | None],
    other_won: Sequence[bool],
) -> Estimate:
    """The ratio of two agents' joules per success over initial states that differ: each is drawn by itself."""
    one, other = _table(joules, won), _table(other_joules, other_won)
    if one is None or other is None or not (one.sum(axis=0).all() and other.sum(axis=0).all()):
        return UNKNOWN
    rows = np.zeros((len(one) + len(other), 4))
    rows[: len(one), :2], rows[len(one) :, 2:] = one, other
    sides = np.repeat([0, 1], [len(one), len(other)])
    return _estimate(rows, sides, _ratio_per_success)


def resampled_sums(columns: Floats, strata: NDArray[Any], draws: int = DRAWS, seed: int = SEED) -> Floats:
    """Sums [draws, C] of the columns of [n, C], over rows that are drawn anew within each stratum of ``strata`` [n]."""
    rng = np.random.default_rng(seed)
    sums = np.zeros((draws, columns.shape[1]))
    for stratum in np.unique(strata):
        rows = columns[strata == stratum]
        step = max(1, BLOCK // len(rows))
        for start in range(0, draws, step):
            chosen = rng.integers(len(rows), size=(min(step, draws - start), len(rows)))
            for column in range(columns.shape[1]):
                sums[start : start + step, column] += rows[chosen, column].sum(axis=1)
    return sums


def _estimate(columns: Floats, strata: NDArray[Any], figure: Callable[[Floats], Floats]) -> Estimate:
    """The figure, and its percentile interval. A draw in which it is 0 / 0 may be anything: it widens both ends."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(figure(columns.sum(axis=0)))
        if not isfinite(value):
            return UNKNOWN
        if len(columns) < FEWEST or np.unique(strata, return_counts=True)[1].min() < 2:
            return Estimate(value, None, None)
        drawn = figure(resampled_sums(columns, strata))
    undefined = np.isnan(drawn)
    low = np.quantile(np.where(undefined, 0.0, drawn), 0.025, method="lower")
    high = np.quantile(np.where(undefined, np.inf, drawn), 0.975, method="higher")
    return Estimate(value, float(low), float(high) if isfinite(high) else None)


def _per_success(sums: Floats) -> Floats:
    """Of sums [..., 2]: joules, successes."""
    return np.asarray(sums[..., 0] / sums[..., 1])


def _ratio_per_success(sums: Floats) -> Floats:
    """Of sums [..., 4]: joules and successes of one, joules and successes of the other."""
    return np.asarray(_per_success(sums[..., :2]) / _per_success(sums[..., 2:]))


def _table(*columns: Sequence[float | None]) -> Floats | None:
    """Columns [n, C] side by side; ``None`` where there is nothing or a figure is missing."""
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise InvalidValue(f"what is resampled must be of one length, got {', '.join(map(str, sorted(lengths)))}")
    if lengths == {0} or any(value is None for column in columns for value in column):
        return None
    return np.array(columns, dtype=np.float64).T


def _strata(names: Sequence[Hashable] | None, rows: int) -> NDArray[Any]:
    """A number [n] for each stratum, in the order in which they come; one stratum if none is named."""
    if names is None:
        return np.zeros(rows, dtype=int)
    if len(names) != rows:
        raise InvalidValue(f"strata must name each of {rows} rows, got {len(names)}")
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names])
