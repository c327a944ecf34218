"""Whether a record can be true as it stands: sums, clocks, watts, copies. Nothing is played.

Each check answers with a sentence. They catch slips and lazy forgeries; what an episode really came to, only playing it
again can tell.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from nsctl import tasks
from nsctl.errors import NsctlError
from nsctl.phases import PHASES
from nsctl.plausible_joules import Finding, claims, figures, watts
from nsctl.record_folder import StoredRun
from nsctl.records import EpisodeRecord, RunRecord
from nsctl.verification import CheckRecord

LEAST_STEP_SECONDS: Final = 10e-6
"""Wall seconds of a control step: a fiftieth of what MuJoCo takes for ours, a few times that of the clock alone."""
CLOCK_SLACK: Final = 0.05
"""Part by which two clocks of one machine may disagree, and the same in seconds."""


def check(stored: StoredRun) -> tuple[CheckRecord, ...]:
    """Every check of a record that could be read, in the order of :data:`CHECKS`."""
    return tuple(_told(name, right, list(finding(stored))) for name, (finding, right) in CHECKS.items())


def _told(name: str, right: str, wrong: Sequence[str]) -> CheckRecord:
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return CheckRecord(name=name, ok=not wrong, sentence=f"{wrong[0]}{more}" if wrong else right)


def _complete(stored: StoredRun) -> Finding:
    """All the seeds that were asked for, so that nobody picks the better ones."""
    have = {episode.index for episode in stored.episodes}
    missing = [str(index) for index in range(stored.run.config.episodes) if index not in have]
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        yield f"{len(missing)} of {stored.run.config.episodes} episodes are missing: {shown}"
    if stored.run.status != "complete":
        yield f"the run is {stored.run.status}, not complete"


def _sealed(stored: StoredRun) -> Finding:
    """:func:`read_record` has compared ``episodes_sha256`` where there is one."""
    run = stored.run
    if run.episodes_sha256 is None and run.status == "complete":
        yield "there is no episodes_sha256: any line may have been changed"
    if run.replay_sha256 is not None and run.replay_sha256 != _replay_sha256(stored.episodes):
        yield f"replay_sha256 is {run.replay_sha256[:12]}..., that of the episodes is another"


def _replay_sha256(episodes: Sequence[EpisodeRecord]) -> str:
    """:func:`nsctl.records.replay_sha256` over the fields that an episode had when it was written down."""
    lines = []
    for episode in episodes:
        fields = {name: value for name, value in episode.replayable().items() if name in episode.model_fields_set}
        lines.append(json.dumps(fields, sort_keys=True) + "\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _outcomes(stored: StoredRun) -> Finding:
    """Flags, hashes, counts and disturbances of an episode that fit together."""
    kinds, horizon = {d.kind for d in stored.run.config.disturb}, _horizon(stored.run)
    for e in stored.episodes:
        where = f"episode {e.index}"
        if e.success_at_end != (e.outcome.status == "succeeded"):
            yield f"{where} {e.outcome.status}, yet success_at_end is {str(e.success_at_end).lower()}"
        if e.success_at_end and not e.success_once:
            yield f"{where} succeeded at the end, yet never once"
        if e.outcome.status != "errored" and None in (e.initial_hash, e.final_hash):
            yield f"{where} {e.outcome.status}, yet a state hash is missing"
        if horizon is not None and e.steps > horizon:
            yield f"{where} has {e.steps} control steps, the task ends after {horizon}"
        for event in e.disturbances if stored.schema > 1 else ():  # in 1, what a hand did was called a kind
            if event.get("kind") not in kinds:
                yield f"{where} was disturbed by {event.get('kind')!r}, which nobody asked for"


def _horizon(run: RunRecord) -> int | None:
    """The task's horizon, if this very task is known here."""
    try:
        task = tasks.find(run.config.task)
    except NsctlError:
        return None
    return task.horizon if tasks.protocol_hash(task) == run.config.protocol else None


def _copies(stored: StoredRun) -> Finding:
    """Two episodes that are one: states that nobody reaches twice, clocks that nobody reads twice."""
    ends: dict[str, EpisodeRecord] = {}
    clocks: dict[tuple[tuple[str, float], ...], EpisodeRecord] = {}
    for e in stored.episodes:
        if e.final_hash is not None:
            other = ends.setdefault(e.final_hash, e)
            if other is not e and other.initial_hash != e.initial_hash:
                yield f"episodes {other.index} and {e.index} end in the same state, though they began in different ones"
        read = tuple(sorted((name, s.wall) for name, s in e.seconds.items()))
        if (other := clocks.setdefault(read, e)) is not e and any(wall for _, wall in read):
            yield f"episodes {other.index} and {e.index} took the same time to the last digit in every phase"


def _clocks(stored: StoredRun) -> Finding:
    """Seconds that physics, the processor and the calendar allow."""
    run, cores = stored.run, stored.run.hardware.cores
    for e in stored.episodes:
        wall = _wall(e)
        cpu = sum(s.cpu for s in e.seconds.values())  # not the children's, who may have worked for long before
        if set(e.seconds) != set(PHASES):
            yield f"episode {e.index} has the phases {', '.join(sorted(e.seconds))}: {', '.join(PHASES)} was expected"
        if min((s.wall for s in e.seconds.values()), default=0.0) < 0 or cpu < 0:
            yield f"episode {e.index} has negative seconds"
        if wall < e.steps * LEAST_STEP_SECONDS:
            yield f"episode {e.index} took {wall:.3g} s for {e.steps} control steps: no simulator is as quick"
        if cores is not None and cpu > cores * wall * (1 + CLOCK_SLACK) + CLOCK_SLACK:
            yield f"episode {e.index} has {cpu:.3g} CPU seconds in {wall:.3g} s on {cores} cores"
    yield from _calendar(run, sum(map(_wall, stored.episodes)))


def _calendar(run: RunRecord, played: float) -> Finding:
    if run.ended is None or run.merged:  # partial runs may have been played side by side
        return
    lasted = (datetime.fromisoformat(run.ended) - datetime.fromisoformat(run.started)).total_seconds()
    if lasted < 0:
        yield f"the run ended ({run.ended}) before it started ({run.started})"
    elif played > run.config.workers * lasted * (1 + CLOCK_SLACK) + 1.0:
        yield f"the episodes took {played:.4g} s, the run lasted {lasted:.4g} s with {run.config.workers} workers"


def _wall(episode: EpisodeRecord) -> float:
    return sum(seconds.wall for seconds in episode.seconds.values())


CHECKS: dict[str, tuple[Callable[[StoredRun], Finding], str]] = {
    "complete": (_complete, "every episode that was asked for is there"),
    "sealed": (_sealed, "the hashes are those of the episodes"),
    "outcomes": (_outcomes, "flags, hashes, steps and disturbances fit together"),
    "copies": (_copies, "no two episodes are one"),
    "clocks": (_clocks, "seconds are within what steps, cores and calendar allow"),
    "joules": (figures, "phases add up, and every figure has a meter and a label that fit"),
    "watts": (watts, "joules per second are within what the meters can give"),
    "claims": (claims, "grade and privilege class are what meters and channels allow"),
}
"""By name: what looks for trouble, and the sentence where there is none."""
