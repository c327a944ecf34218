"""Pareto ranks inside one setting: more successes for fewer joules, and no distinction that the intervals do not bear.

A row *beats* another if it is no worse in either figure and its interval lies clear of the other's in at least one. Rows
that nobody beats have rank 1; without them, those that nobody beats have rank 2, and so on. So two rows whose intervals
overlap, or that trade successes for joules, share a rank unless a third one beats the one and not the other. A rank is a
claim: its intervals are Clopper and Pearson's and the bootstrap's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from energy.board.rows import Row, by_setting


@dataclass(frozen=True)
class _Figure:
    """A figure of which more is better, and its interval."""

    value: float
    low: float
    high: float

    def clear_of(self, other: _Figure) -> bool:
        return self.low > other.high


def ranked(rows: Sequence[Row]) -> list[Row]:
    """The rows, setting by setting, the best rank first; inside a rank the more successful first, then the cheaper."""
    ordered: list[Row] = []
    for rivals in by_setting(rows).values():
        alone = len(rivals) == 1
        ranks = dict.fromkeys(map(_identity, rivals)) if alone else _ranks(rivals)
        taken = list(ranks.values())
        placed = [
            replace(row, rank=ranks[_identity(row)], tied=not alone and taken.count(ranks[_identity(row)]) > 1)
            for row in rivals
        ]
        ordered += sorted(placed, key=lambda row: (row.rank or 0, -row.rate, _cost(row), row.run.id))
    return ordered


def beats(one: Row, other: Row) -> bool:
    """Whether ``one`` is no worse in either figure and clearly better in at least one."""
    pairs = list(zip(_figures(one), _figures(other), strict=True))
    return all(a.value >= b.value for a, b in pairs) and any(a.clear_of(b) for a, b in pairs)


def _ranks(rivals: Sequence[Row]) -> dict[str, int | None]:
    ranks: dict[str, int | None] = {}
    left, rank = list(rivals), 0
    while left:
        rank += 1
        # Rows in a circle, which takes equal figures outside of their own intervals, are as good as one another.
        front = [row for row in left if not any(beats(other, row) for other in left)] or left
        ranks |= dict.fromkeys(map(_identity, front), rank)
        left = [row for row in left if _identity(row) not in ranks]
    return ranks


def _identity(row: Row) -> str:
    return row.run.id


def _cost(row: Row) -> float:
    return inf if row.cost.value is None else row.cost.value


def _figures(row: Row) -> tuple[_Figure, _Figure]:
    """Success, and joules per success with the sign turned; without joules per success the latter is the worst."""
    success = _Figure(row.rate, *row.exact)
    if row.cost.value is None:
        return success, _Figure(-inf, -inf, -inf)
    low = 0.0 if row.cost.low is None else row.cost.low
    return success, _Figure(-row.cost.value, -(inf if row.cost.high is None else row.cost.high), -low)
