"""Intervals, tests and ratios: no rate is printed without its uncertainty.

Distributions are SciPy's, of which the small module ``scipy.special`` will do: ``scipy.stats``, made of the same
functions, takes more than a second to import. It is imported where it is needed, so that a progress bar waits for none.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from statistics import NormalDist

from nsctl.errors import InvalidValue

Interval = tuple[float, float]
PROVISIONAL = 50
"""With fewer episodes than this, a result is called provisional."""


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """The score interval of a success rate, for plots and tables; (0, 1) if nothing was tried.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
    """
    _check(successes, trials, confidence)
    if trials == 0:
        return 0.0, 1.0
    z = -NormalDist().inv_cdf((1 - confidence) / 2)
    rate, shrink = successes / trials, 1 + z * z / trials
    centre = rate + z * z / (2 * trials)
    spread = z * sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    low = 0.0 if successes == 0 else (centre - spread) / shrink
    high = 1.0 if successes == trials else (centre + spread) / shrink
    return low, high


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """The exact interval of a success rate, for claims: it covers at least as often as it says; (0, 1) for no trials.

    C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26, 1934; by quantiles of the beta distribution.
    """
    _check(successes, trials, confidence)
    from scipy.special import betaincinv

    tail, failures = (1 - confidence) / 2, trials - successes
    low = float(betaincinv(successes, failures + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, failures, 1 - tail)) if failures else 1.0
    return low, high


def mcnemar(only_one: int, only_other: int) -> float:
    """Two-sided p of equal success, from the pairs in which one of the two succeeded alone; 1 if there is none.

    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12, 1947; exact, so that it holds for few pairs as well.
    """
    if min(only_one, only_other) < 0:
        raise InvalidValue(f"counts of pairs must be >= 0, got {only_one} and {only_other}")
    from scipy.special import bdtr

    both = only_one + only_other
    return min(1.0, 2.0 * float(bdtr(min(only_one, only_other), both, 0.5))) if both else 1.0


def paired_difference(only_one: int, only_other: int, pairs: int, confidence: float = 0.95) -> tuple[float, Interval]:
    """The difference of two paired success rates, one's less the other's, and its interval; 0 and (-1, 1) without pairs.

    ``only_one`` and ``only_other`` count the pairs in which one of the two succeeded alone. D. G. Bonett and R. M. Price,
    "Adjusted Wald confidence interval for a difference of binomial proportions based on paired data", Journal of
    Educational and Behavioral Statistics 37, 2012: one pair is added to either count, two to all.
    """
    if min(only_one, only_other) < 0 or only_one + only_other > pairs:
        raise InvalidValue(f"of {pairs} pairs, {only_one} and {only_other} cannot be those of one success alone")
    _check(0, 0, confidence)
    if pairs == 0:
        return 0.0, (-1.0, 1.0)
    one, other = (only_one + 1) / (pairs + 2), (only_other + 1) / (pairs + 2)
    z = -NormalDist().inv_cdf((1 - confidence) / 2)
    spread = z * sqrt((one + other - (one - other) ** 2) / (pairs + 2))
    return (only_one - only_other) / pairs, (max(-1.0, one - other - spread), min(1.0, one - other + spread))


def fisher(successes: int, trials: int, other_successes: int, other_trials: int) -> float:
    """Two-sided p of equal success in two samples that are not paired; 1 if one of them is empty.

    R. A. Fisher, "The logic of inductive inference", Journal of the Royal Statistical Society 98, 1935: exact.
    """
    _check(successes, trials)
    _check(other_successes, other_trials)
    from scipy.stats import fisher_exact

    table = [[successes, other_successes], [trials - successes, other_trials - other_successes]]
    return min(1.0, float(fisher_exact(table)[1]))


def joules_per_success(joules: Iterable[float | None], successes: int) -> float | None:
    """All joules, failures' included, over all successes; ``None`` where nothing succeeded or a figure is missing."""
    spent = list(joules)
    if not 0 <= successes <= len(spent):
        raise InvalidValue(f"successes must lie in 0..{len(spent)}, one figure of joules an episode; got {successes}")
    known = [value for value in spent if value is not None]
    return sum(known) / successes if successes and len(known) == len(spent) else None


def break_even(training: float, success: float, other_training: float, other_success: float) -> float | None:
    """Successes after which one agent has used no more joules than another, trainings included; ``None`` if never.

    All four in joules: what its training took and what a success takes, failures included. 0 if it is ahead from the start.
    """
    dearer, saved = training - other_training, other_success - success
    if dearer <= 0:
        return 0.0
    return dearer / saved if saved > 0 else None


def _check(successes: int, trials: int, confidence: float = 0.95) -> None:
    if not 0 <= successes <= trials:
        raise InvalidValue(f"successes must lie in 0..{trials}, got {successes}")
    if not 0 < confidence < 1:
        raise InvalidValue(f"confidence must lie between 0 and 1, got {confidence}")
