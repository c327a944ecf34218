"""How many times another agent's joules one agent's are, with idle power charged to both or subtracted from both.

*Charged*: each figure holds what the machine drew while its agent was at work, idle power included, and that of a GPU
which the agent never used. *Subtracted*: each holds what was drawn beyond that alone. A record charges a GPU to who uses it
and to nobody else (:mod:`nsctl.idle`), so that its idle power, if it was looked at, is added here on one side or taken
off on the other. A model of CPU seconds has no idle power of the processor in it: there, neither kind has.

An episode may come out below 0 once idle power is off; only the sum over all of them may not, for what a ratio is of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from nsctl import idle
from nsctl.bootstrap import Estimate, ratio_per_success
from nsctl.comparison import Pair, Side, pairs
from nsctl.phases import AGENT_PHASES
from nsctl.record_folder import StoredRun
from nsctl.records import EpisodeRecord, FigureRecord, MeterRecord, weakest
from nsctl.standings import Standing

_Figure = Callable[[EpisodeRecord, StoredRun], FigureRecord]
NO_SUCCESS = "one of the two never succeeded"
NO_JOULES = "not all joules are known"
NO_IDLE = "the meter counts this process alone and knows no idle power"
OTHER_METERS = "the two were metered by different counters, which do not hold the same idle power"
NOTHING_BEYOND = "one of the two drew no more than the idle power"
NO_GPU_IDLE = "the idle power of the machine's one GPU is not known"
MODEL = "the processor's idle power is in no figure, since its joules are a model's"
NO_TRAINING = "not every training's joules are known"
UNTRAINED = "one of the two was not trained"


@dataclass(frozen=True)
class Ratio:
    """Joules of one over another's, with the weaker label; ``note`` says why ``value`` is ``None``, or what it lacks."""

    value: float | None
    low: float | None = None
    high: float | None = None
    label: str = "unavailable"
    note: str = ""


def charged(first: StoredRun, member: Standing) -> Ratio:
    """``member``'s joules per success over those of ``first``, over pairs, with idle power on both sides."""
    ours, theirs = ({m.name for m in _counting(s, "machine", "device")} for s in (first, member.stored))
    if ours != theirs:
        return Ratio(None, note=OTHER_METERS)
    if not ours:
        return Ratio(None, note=NO_IDLE)
    return _ratio(first, member, _with_idle)


def subtracted(first: StoredRun, member: Standing) -> Ratio:
    """The same with idle power on neither side."""
    return _ratio(first, member, _without_idle)


def of_trainings(first: Side, this: Side) -> Ratio:
    """Joules of the trainings as they were counted."""
    told = [side.training.value if side.training else None for side in (first, this)]
    if told[0] is None or told[1] is None:
        return Ratio(None, note=NO_TRAINING)
    if not all(told):
        return Ratio(None, note=UNTRAINED)
    label = weakest(side.training.label for side in (first, this) if side.training)
    return Ratio(told[1] / told[0], label=label)


def _ratio(first: StoredRun, member: Standing, figure: _Figure) -> Ratio:
    if member.against is None:
        return Ratio(None, note=member.why_not)
    matched = pairs(first.episodes, member.stored.episodes)
    ours = [figure(episode, first) for episode, _ in matched]
    theirs = [figure(episode, member.stored) for _, episode in matched]
    if any(_sum(figures) <= 0 for figures in (ours, theirs)):
        return Ratio(None, note=NOTHING_BEYOND)
    found = _over_pairs(ours, theirs, matched)
    label = weakest(each.label for each in (*ours, *theirs))
    note = MODEL if any(_counting(stored, "process") for stored in (first, member.stored)) else ""
    if found.value is not None:
        return Ratio(found.value, found.low, found.high, label, note)
    return Ratio(None, note=_why_not(first, member, matched))


def _over_pairs(ours: Sequence[FigureRecord], theirs: Sequence[FigureRecord], matched: Sequence[Pair]) -> Estimate:
    won = [episode.success_at_end for episode, _ in matched], [episode.success_at_end for _, episode in matched]
    found = ratio_per_success([f.value for f in theirs], won[1], [f.value for f in ours], won[0])
    # Where a draw of one side may sum to less than 0, neither end says anything.
    return Estimate(found.value, 0.0, None) if found.low is not None and found.low < 0 else found


def _sum(figures: Sequence[FigureRecord]) -> float:
    """Joules in all; infinite if some are not known."""
    return sum(inf if figure.value is None else figure.value for figure in figures)


def _why_not(first: StoredRun, member: Standing, matched: Sequence[Pair]) -> str:
    if not all(any(pair[side].success_at_end for pair in matched) for side in (0, 1)):
        return NO_SUCCESS
    lacking = any(_counting(stored, "device") and _device_watts(stored) is None for stored in (first, member.stored))
    return NO_GPU_IDLE if lacking else NO_JOULES


def _with_idle(episode: EpisodeRecord, stored: StoredRun) -> FigureRecord:
    """The agent's joules, and the idle power of a GPU that it did not use."""
    figure = episode.joules["agent"]
    meters = _counting(stored, "device")
    return figure if not meters or _uses(figure, meters) else _moved(figure, episode, stored, 1.0)


def _without_idle(episode: EpisodeRecord, stored: StoredRun) -> FigureRecord:
    """The agent's joules beyond the machine's idle power and beyond that of a GPU that it used."""
    figure = idle.beyond(episode, stored.run)["agent"]
    return _moved(figure, episode, stored, -1.0) if _uses(figure, _counting(stored, "device")) else figure


def _moved(figure: FigureRecord, episode: EpisodeRecord, stored: StoredRun, sign: float) -> FigureRecord:
    """``figure`` with the GPU's idle power for as long as the agent was at work, added or taken off."""
    watts = _device_watts(stored)
    if watts is None or figure.value is None:
        return FigureRecord(value=None, label="unavailable", source="none")
    seconds = sum(episode.seconds[phase].wall for phase in AGENT_PHASES)
    value = figure.value + sign * watts * seconds
    return FigureRecord(value=value, label=weakest([figure.label, "attributed"]), source=figure.source)


def _device_watts(stored: StoredRun) -> float | None:
    """Idle watts of the machine's one GPU; with several, which of them is charged is not recorded."""
    (meter,) = _counting(stored, "device")[:1] or (None,)
    looked = stored.run.idle.devices if stored.run.idle else {}
    devices = meter.description.get("devices") if meter else None
    alone = isinstance(devices, list) and len(devices) == 1
    return looked.get(meter.name) if meter and alone else None


def _counting(stored: StoredRun, *scopes: str) -> list[MeterRecord]:
    return [meter for meter in stored.run.meters if meter.counts and meter.scope in scopes]


def _uses(figure: FigureRecord, meters: Sequence[MeterRecord]) -> bool:
    """Whether joules of one of these devices are in the figure."""
    return not {meter.name for meter in meters}.isdisjoint(figure.source.split("+"))
