"""What a run came to: the figures that a person or a script asks for first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from nsctl.phases import PHASES
from nsctl.records import EpisodeRecord, FigureRecord
from nsctl.statistics import Interval, joules_per_success, wilson


@dataclass(frozen=True)
class Summary:
    """Counts over all episodes; means and medians an episode. What nobody knows is ``None``."""

    episodes: int
    success_once: int
    success_at_end: int
    interval_once: Interval
    interval: Interval
    """Wilson 95 % interval of the rate of ``success_at_end``, the headline."""
    plan_length: float | None
    """Median length of the first plan."""
    steps: float | None
    """Median of the control steps."""
    seconds: float | None
    """Mean wall seconds."""
    replans: int
    retries: int
    disturbed: int
    """Episodes in which the world was disturbed."""
    disturbed_replanned: int
    """Those of them in which the agent planned anew or tried a step again; the others may not have been in its way."""
    disturbed_replanned_success: int
    """Those of the latter that succeeded all the same."""
    disturbed_as_planned: int
    """Those of the disturbed that succeeded without either."""
    interval_recovered: Interval
    """Wilson 95 % interval of the rate of success among the latter."""
    joules: Mapping[str, FigureRecord]
    """Mean joules an episode by phase, and ``agent`` and ``total``, each with its weakest label."""
    joules_per_success: float | None
    """The agent's joules of all episodes, failures included, over the successes."""
    errors: int
    reasons: Mapping[str, int]
    """How often each reason for not succeeding was given, most frequent first."""


def summarise(episodes: Sequence[EpisodeRecord]) -> Summary:
    """The summary of some episodes of one run."""
    once = sum(e.success_once for e in episodes)
    end = sum(e.success_at_end for e in episodes)
    disturbed = [e for e in episodes if e.disturbances]
    reacted = [e for e in disturbed if e.replans or e.retries]
    recovered = sum(e.success_at_end for e in reacted)
    lengths = [e.plan_length for e in episodes if e.plan_length is not None]
    reasons = Counter(e.outcome.reason for e in episodes if e.outcome.status != "succeeded")
    return Summary(
        episodes=len(episodes),
        success_once=once,
        success_at_end=end,
        interval_once=wilson(once, len(episodes)),
        interval=wilson(end, len(episodes)),
        plan_length=median(lengths) if lengths else None,
        steps=median(e.steps for e in episodes) if episodes else None,
        seconds=fmean(sum(s.wall for s in e.seconds.values()) for e in episodes) if episodes else None,
        replans=sum(e.replans for e in episodes),
        retries=sum(e.retries for e in episodes),
        disturbed=len(disturbed),
        disturbed_replanned=len(reacted),
        disturbed_replanned_success=recovered,
        disturbed_as_planned=sum(e.success_at_end for e in disturbed) - recovered,
        interval_recovered=wilson(recovered, len(reacted)),
        joules={name: FigureRecord.mean(e.joules[name] for e in episodes) for name in (*PHASES, "agent", "total")},
        joules_per_success=joules_per_success((e.joules["agent"].value for e in episodes), end),
        errors=sum(e.outcome.status == "errored" for e in episodes),
        reasons=dict(reasons.most_common()),
    )
