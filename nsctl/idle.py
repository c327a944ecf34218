"""What a machine draws when a run does nothing, and what an episode cost beyond that.

A counter of the whole machine goes on counting while nobody works. Before the first and after the last episode this
process sleeps for a while and looks at such counters: that is the idle power. *Gross* joules are what the counter says;
*net* joules are gross less the idle power, the mean of the two looks, for as long as the phase took.

Net is a convention, not a measurement: a machine that works draws its idle power no longer in the same way. So a net
figure that had something subtracted is ``attributed`` at best. A phase may have drawn less than the idle power says; its
net is then 0, while the sums ``agent`` and ``total`` are taken before anything is cut off at 0, so that noise in short
phases does not add up.

A counter that knows this process alone has no idle power in it: there net is gross. Nor has that of a device which is
charged only while this process uses it (a GPU): the idle power of a GPU that an agent needs is part of what it costs. What
such a device draws with nothing to do is looked at all the same, so that it can be charged to both of two agents, or to
neither (:mod:`nsctl.ratios`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from nsctl.contracts import Label, Meter
from nsctl.cpu_times import PROC_STAT, cpu_times
from nsctl.phases import AGENT_PHASES, PHASES
from nsctl.records import EpisodeRecord, FigureRecord, IdleRecord, RunRecord, weakest

PERIODS = 20
"""Update periods of the slowest counter that a look should last."""
SECONDS, MAX_SECONDS = 2.0, 5.0
"""How long a look takes at least and at most."""
DRIFT = 0.1
"""A change of the idle power between the two looks, as a part of the larger one, from which on it is told."""
BUSY = 0.1
"""Processors' worth of other processes' work from which on a look is contended; daemons take less."""

Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Look:
    """Idle watts by counter, and how they were come by."""

    watts: Mapping[str, float]
    seconds: float
    contended: bool
    devices: Mapping[str, float] = field(default_factory=dict)
    """Watts of devices that are charged to who uses them alone, whether this process does or not."""


def look(meters: Iterable[Meter], sleep: Sleep = time.sleep, stat: Path = PROC_STAT) -> Look | None:
    """Sleep and see what counters of the machine and of devices count meanwhile; ``None`` at once if there is none."""
    found = [meter for meter in meters if meter.granularity != "run"]
    reads = {meter.name: meter.read for meter in found if meter.scope == "machine"}
    devices = {meter.name: meter.whole for meter in found if meter.scope == "device" and hasattr(meter, "whole")}
    if not reads and not devices:
        return None
    slowest = max(meter.update_seconds for meter in found if meter.name in {**reads, **devices})
    asked = min(MAX_SECONDS, max(SECONDS, PERIODS * slowest))
    for read in reads.values():
        read()  # one that was left alone for long says once that it has lost count
    used, begun, before = cpu_times(stat), time.perf_counter(), _readings({**reads, **devices})
    sleep(asked)
    after, seconds, then = _readings({**reads, **devices}), time.perf_counter() - begun, cpu_times(stat)
    watts = {
        name: (late - early) / seconds
        for (name, early), late in zip(before.items(), after.values(), strict=True)
        if early is not None and late is not None and late > early  # one that stood still moves too rarely to tell
    }
    contended = used is not None and then is not None and then.others - used.others > BUSY * seconds
    apart = {name: value for name, value in watts.items() if name in devices}
    shared = {name: value for name, value in watts.items() if name in reads}
    return Look(shared, seconds, contended, apart) if watts else None


def _readings(reads: Mapping[str, Callable[[], float | None]]) -> dict[str, float | None]:
    return {name: read() for name, read in reads.items()}


def recorded(before: Look | None, after: Look | None) -> IdleRecord | None:
    """The record of the two looks, of which one may be missing; ``None`` without any."""
    first, last = before or after, after or before
    if first is None or last is None:
        return None
    early, late = dict(before.watts) if before else {}, dict(after.watts) if after else {}
    return IdleRecord(
        before=early,
        after=late,
        seconds=max(first.seconds, last.seconds),
        drift=any(_apart(early[name], late[name]) for name in early.keys() & late.keys()),
        contended=first.contended or last.contended,
        devices=dict(first.devices),
    )


def look_of(idle: IdleRecord | None) -> Look | None:
    """The look before the first episode, as a record has it."""
    known = idle is not None and (idle.before or idle.devices)
    return Look(idle.before, idle.seconds, idle.contended, idle.devices) if idle and known else None


def watts(run: RunRecord) -> dict[str, float]:
    """Idle watts by counter: the mean of the looks."""
    looks = (run.idle.before, run.idle.after) if run.idle else ()
    names = {name for found in looks for name in found}
    return {name: fmean(found[name] for found in looks if name in found) for name in sorted(names)}


def net(episode: EpisodeRecord, run: RunRecord) -> dict[str, FigureRecord]:
    """Joules of each phase of ``episode`` beyond the idle power, and the sums ``agent`` and ``total``.

    ``None`` where a counter of the whole machine is in the figure and its idle power is not known.
    """
    return {name: _cut(figure) for name, figure in beyond(episode, run).items()}


def mean_net(episodes: Sequence[EpisodeRecord], run: RunRecord) -> dict[str, FigureRecord]:
    """Net joules an episode, mean over ``episodes``, cut off at 0 only then; labelled as the weakest of them."""
    uncut = [beyond(episode, run) for episode in episodes]
    totals = {name: FigureRecord.total(each[name] for each in uncut) for name in (*PHASES, "agent", "total")}
    return {
        name: total if total.value is None else _cut(total.model_copy(update={"value": total.value / len(uncut)}))
        for name, total in totals.items()
    }


def beyond(episode: EpisodeRecord, run: RunRecord) -> dict[str, FigureRecord]:
    """:func:`net` before anything is cut off at 0, for sums over episodes: noise in short ones must not add up."""
    idle, own = watts(run), {meter.name for meter in run.meters if _has_no_idle(meter.scope, meter.label)}
    phases = {name: _less(episode.joules[name], episode.seconds[name].wall, idle, own) for name in PHASES}
    agent = FigureRecord.total(phases[name] for name in AGENT_PHASES)
    return phases | {"agent": agent, "total": FigureRecord.total(phases.values())}


def _less(gross: FigureRecord, wall: float, idle: Mapping[str, float], own: set[str]) -> FigureRecord:
    if gross.value is None:
        return gross
    sources = gross.source.split("+")
    shared = [name for name in sources if name not in own]
    if not shared:
        return gross
    if any(name not in idle for name in shared):
        return FigureRecord(value=None, label="unavailable", source="none")
    value = gross.value - wall * sum(idle[name] for name in shared)
    return FigureRecord(value=value, label=weakest([gross.label, "attributed"]), source=gross.source)


def _has_no_idle(scope: str | None, label: Label | None) -> bool:
    """Whether a meter's counter has no idle power in it; records from before scopes tell by the label alone."""
    return scope in ("process", "device") if scope else label == "modelled"


def _cut(figure: FigureRecord) -> FigureRecord:
    return figure if figure.value is None else figure.model_copy(update={"value": max(0.0, figure.value)})


def _apart(one: float, other: float) -> bool:
    return abs(one - other) > DRIFT * max(one, other)
