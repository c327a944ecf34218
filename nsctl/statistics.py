"""Intervals and ratios: no rate is printed without its uncertainty."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from statistics import NormalDist

from nsctl.errors import InvalidValue


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a success rate (Wilson, 1927); (0, 1) if nothing was tried."""
    if not 0 <= successes <= trials:
        raise InvalidValue(f"successes must lie in 0..{trials}, got {successes}")
    if not 0 < confidence < 1:
        raise InvalidValue(f"confidence must lie between 0 and 1, got {confidence}")
    if trials == 0:
        return 0.0, 1.0
    z = -NormalDist().inv_cdf((1 - confidence) / 2)
    rate, shrink = successes / trials, 1 + z * z / trials
    centre = rate + z * z / (2 * trials)
    spread = z * sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    low = 0.0 if successes == 0 else (centre - spread) / shrink
    high = 1.0 if successes == trials else (centre + spread) / shrink
    return low, high


def joules_per_success(joules: Iterable[float | None], successes: int) -> float | None:
    """All joules, failures' included, over all successes; ``None`` where nothing succeeded or a figure is missing."""
    spent = list(joules)
    if not 0 <= successes <= len(spent):
        raise InvalidValue(f"successes must lie in 0..{len(spent)}, one figure of joules an episode; got {successes}")
    known = [value for value in spent if value is not None]
    return sum(known) / successes if successes and len(known) == len(spent) else None
