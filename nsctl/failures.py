"""Why episodes failed, in kinds: how each ended, the reason without the names of things, and the step at work."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nsctl import tasks
from nsctl.errors import NsctlError
from nsctl.records import EpisodeRecord

BETWEEN, NO_STEPS = "between steps", ""


@dataclass(frozen=True)
class Failure:
    """A kind of failure and how often it happened."""

    status: str
    """``failed``, ``timed_out`` or ``errored``."""
    reason: str
    """With types in place of names: ``disc lies on the smaller disc``."""
    step: str
    """The operator of the skill that was at work or had just failed; ``between steps`` if the last one had succeeded,
    and empty for an agent that tells of no steps."""
    times: int


def failures(episodes: Iterable[EpisodeRecord], types: Mapping[str, str]) -> tuple[Failure, ...]:
    """The kinds of failure among ``episodes``, most frequent first; ``types`` names the type of each body."""
    lost = [episode for episode in episodes if not episode.success_at_end]
    kinds = Counter((e.outcome.status, _without_names(e.outcome.reason, types), _step(e)) for e in lost)
    return tuple(Failure(*kind, times) for kind, times in sorted(kinds.items(), key=lambda item: (-item[1], item[0])))


def body_types(task: str) -> dict[str, str]:
    """The type of each body of the task of this name; nothing where the task is not installed here."""
    try:
        return {body.name: body.type for body in tasks.find(task).bodies}
    except NsctlError:
        return {}


def _without_names(reason: str, types: Mapping[str, str]) -> str:
    if not types:
        return reason
    names = "|".join(map(re.escape, sorted(types, key=len, reverse=True)))
    return re.sub(rf"\b({names})\b", lambda found: types[found[0]], reason)


def _step(episode: EpisodeRecord) -> str:
    if not episode.skills:
        return NO_STEPS
    last = episode.skills[-1]
    return BETWEEN if last.get("status") == "succeeded" else str(last.get("step", "")).partition("(")[0]
