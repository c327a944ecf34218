"""A comparison in a sentence or two, with nothing claimed that the figures do not bear out."""

from __future__ import annotations

from nsctl.bootstrap import Estimate
from nsctl.comparison import Comparison
from nsctl.records import weakest
from nsctl.statistics import PROVISIONAL

SURE = 0.05
"""A difference in success is claimed below this p; one in joules where the 95 % interval leaves out 1."""
Names = tuple[str, str]


def verdict(found: Comparison, names: Names = ("A", "B")) -> str:
    """Who succeeds more often and who pays less, as far as that can be said; ``names`` are what the two are called."""
    best = more_successful(found)
    if best is None:
        parts = f"No difference in success is shown: {_counts(found, names)}{_joules_alone(found, names)}."
    else:
        parts = f"{_success(found, names, best)}{_joules_too(found, names, best)}."
    fewest = min(side.episodes for side in found.sides)
    kind = "pair" if found.paired else "episode"
    few = f"{fewest} {kind}{'' if fewest == 1 else 's'}, fewer than {PROVISIONAL}"
    return f"{parts} Provisional: {few}." if found.provisional else parts


def more_successful(found: Comparison) -> int | None:
    """The side (0 or 1) that surely succeeds more often; ``None`` if that cannot be said."""
    one, other = (side.successes / side.episodes for side in found.sides)
    return None if found.p >= SURE or one == other else int(other > one)


def cheaper(found: Comparison) -> int | None:
    """The side that surely pays fewer joules per success; ``None`` if that cannot be said, or must not be."""
    ratio = found.ratio_per_success
    if found.differences.unranked:
        return None
    if ratio.high is not None and ratio.high < 1:
        return 0
    return 1 if ratio.low is not None and ratio.low > 1 else None


def inverse(ratio: Estimate) -> Estimate:
    """The ratio the other way round."""
    value = 1 / ratio.value if ratio.value else None
    if ratio.low is None:
        return Estimate(value, None, None)
    return Estimate(value, 0.0 if ratio.high is None else 1 / ratio.high, 1 / ratio.low if ratio.low else None)


def _success(found: Comparison, names: Names, best: int) -> str:
    counts = f"{_count(found, best)} against {_count(found, 1 - best)}"
    return f"{names[best]} succeeds more often than {names[1 - best]}: {counts} ({_p(found)})"


def _joules_too(found: Comparison, names: Names, best: int) -> str:
    """What the more successful one pays."""
    if why := _why_not(found, names):
        return f"; {why}"
    if cheaper(found) is None:
        return f"; no difference in joules per success is shown ({_ratio(found, best)})"
    word = "and" if cheaper(found) == best else "but"
    return f", {word} uses {_ratio(found, best, 'the joules per success')}"


def _joules_alone(found: Comparison, names: Names) -> str:
    """Who pays less, where success does not tell the two apart."""
    if why := _why_not(found, names):
        return f"; {why}"
    side = cheaper(found)
    if side is None:
        return f"; nor in joules per success: {names[0]} uses {_ratio(found, 0, f'those of {names[1]}')}"
    return f"; {names[side]} uses {_ratio(found, side, f'the joules per success of {names[1 - side]}')}"


def _why_not(found: Comparison, names: Names) -> str:
    if found.differences.unranked:
        return f"joules are not ranked, since the runs differ in {', '.join(found.differences.unranked)}"
    never = [name for name, side in zip(names, found.sides, strict=True) if not side.successes]
    if never:
        return f"joules per success cannot be compared, since {' and '.join(never)} never succeeded"
    return "not all joules are known" if found.ratio_per_success.value is None else ""


def _ratio(found: Comparison, side: int, of: str = "") -> str:
    """The ratio as seen from ``side``: ``0.4 x ... (95 % interval 0.3 to 0.5, modelled)``."""
    ratio = found.ratio_per_success if side == 0 else inverse(found.ratio_per_success)
    high = "with no upper bound" if ratio.high is None else f"to {ratio.high:.2g}"
    interval = "too few for an interval" if ratio.low is None else f"95 % interval {ratio.low:.2g} {high}"
    label = weakest(each.joules["agent"].label for each in found.sides)
    known = f"{interval}, {label}"
    return f"{ratio.value:.2g} x {of} ({known})" if of else f"{ratio.value:.2g} x, {known}"


def _counts(found: Comparison, names: Names) -> str:
    return f"{names[0]} {_count(found, 0)}, {names[1]} {_count(found, 1)} ({_p(found)})"


def _count(found: Comparison, side: int) -> str:
    return f"{found.sides[side].successes} of {found.sides[side].episodes}"


def _p(found: Comparison) -> str:
    return f"{'exact McNemar' if found.paired else 'Fisher’s exact test'}, p = {found.p:.2g}"
