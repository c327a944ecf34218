"""How figures look on the page. What nobody knows is a dash, never 0."""

from __future__ import annotations

from math import isfinite

from nsctl.bootstrap import Estimate

MISSING = "–"


def number(value: float | None) -> str:
    """Three digits that matter: 0.0123, 1.64, 123, 12,300."""
    if value is None or not isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.1e}"


def percent(share: float) -> str:
    """A share in whole percents; 100 % and 0 % are said of nothing less."""
    return "over 99 %" if 0.995 <= share < 1 else "under 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def interval(bounds: Estimate) -> str:
    """The two ends; without an upper one it is open."""
    if bounds.low is None:
        return "no interval"
    return f"over {number(bounds.low)}" if bounds.high is None else f"{number(bounds.low)} to {number(bounds.high)}"


def percents(bounds: tuple[float, float]) -> str:
    """The two ends of a rate's interval, to a tenth of a percent."""
    return f"{100 * bounds[0]:.1f} % to {100 * bounds[1]:.1f} %"


def plural(count: int, noun: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
