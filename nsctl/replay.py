"""Joules of one decision of a policy that is too quick to be measured in place.

A counter moves every millisecond at best, and a small policy answers in a tenth of that. So its decisions are asked
again, one after the other and nothing else between them, until a window is long enough for any counter. Records hold no
inputs; an episode is the same whenever it is played, so it is played once more and every input is kept in memory
(:mod:`nsctl.decisions`). The hashes of its first and last state tell whether it was the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf
from pathlib import Path
from statistics import fmean
from typing import Literal, get_args

from nsctl import idle, provenance, registry, tasks
from nsctl.contracts import Meter
from nsctl.custom_skills import lend
from nsctl.decisions import Bout, recording, splits
from nsctl.episode import play
from nsctl.errors import InvalidValue, UnknownName
from nsctl.evaluation import config_of
from nsctl.metering import counters, grade
from nsctl.phases import MEASURED_PERIODS, NoClock
from nsctl.player import shown_to
from nsctl.record_folder import StoredRun, read_record
from nsctl.records import FigureRecord, weakest
from nsctl.run_config import RunConfig

Phase = Literal["policy", "agent"]
PHASES: tuple[Phase, ...] = get_args(Phase)
"""What can be asked by itself: the skills of an agent that shows them, or any agent as a whole."""
Told = Callable[[str, int, int], None]
"""Is told what is being done, how far it is and how far it goes."""


@dataclass(frozen=True)
class ReplayOptions:
    """How often and how long; seconds of wall time."""

    phase: Phase = "policy"
    seconds: float = 10.0
    """A trial lasts at least so long, and on until all inputs have been asked equally often."""
    cool_down: float = 5.0
    """Rest before each trial, so that the first is not made on a colder machine than the last."""
    trials: int = 3
    episodes: int = 3
    """Episodes of the record, from the first on, whose inputs are asked."""

    def __post_init__(self) -> None:
        if self.phase not in PHASES:
            raise UnknownName("phase that can be replayed", self.phase, PHASES)
        for name, least in (("trials", 1), ("episodes", 1), ("cool_down", 0.0)):
            if not least <= getattr(self, name) < inf:
                raise InvalidValue(f"{name} must be >= {least}, got {getattr(self, name)}")
        if not 0 < self.seconds < inf:
            raise InvalidValue(f"seconds must be > 0, got {self.seconds}")


@dataclass(frozen=True)
class Inputs:
    """What was asked in some episodes of a run, and whether these went as the record says."""

    bouts: Sequence[Bout]
    split: bool
    """Whether the policy was asked apart from the agent's perception and planning."""
    episodes: tuple[int, ...]
    differ: tuple[int, ...]
    """Those of them whose first or last state is not the recorded one."""

    @property
    def decisions(self) -> int:
        return sum(len(bout.inputs) for bout in self.bouts)


@dataclass(frozen=True)
class Trial:
    """One window in which nothing was done but to decide; ``net`` is gross less the idle power of the look before."""

    decisions: int
    seconds: float
    gross: FigureRecord
    net: FigureRecord


@dataclass(frozen=True)
class Replay:
    """All trials, and what the record says of the same decisions in their place."""

    stored: StoredRun
    options: ReplayOptions
    inputs: Inputs
    repeated: int
    """Decisions that were answered as in the episode, to the last bit; the others depend on more than their inputs."""
    trials: tuple[Trial, ...]
    in_place: FigureRecord
    """Joules of a decision in the record's own figures of these episodes."""
    idle: idle.Look | None
    grade: str | None

    @property
    def phase(self) -> Phase:
        """What was asked: the policy, or, where it cannot be asked by itself, the agent."""
        return "policy" if self.inputs.split else "agent"

    @property
    def same_machine(self) -> bool:
        """Whether the record was made on such a processor."""
        return self.stored.run.hardware.cpu == provenance.hardware().cpu

    @property
    def seconds_per_decision(self) -> float:
        """Wall seconds, mean over the trials."""
        return fmean(trial.seconds / trial.decisions for trial in self.trials)

    def per_decision(self, trial: Trial) -> float | None:
        """Gross joules of one decision."""
        return None if trial.gross.value is None else trial.gross.value / trial.decisions

    @property
    def gross(self) -> FigureRecord:
        """Joules of one decision, mean over the trials."""
        return _mean([(trial.gross, trial.decisions) for trial in self.trials])

    @property
    def net(self) -> FigureRecord:
        """The same beyond the machine's idle power."""
        return _mean([(trial.net, trial.decisions) for trial in self.trials])


def replay(folder: Path, options: ReplayOptions, told: Told = lambda what, done, whole: None) -> Replay:
    """Ask the policy of the run in ``folder`` again what it was asked in some of its episodes."""
    stored = read_record(folder)
    inputs = record_inputs(stored, options, told)
    told("asking once, to warm up", 0, 1)
    repeated = sum(bout.repeats() for bout in inputs.bouts)
    meters = counters()
    rest = idle.look(meters)
    trials = tuple(_trial(meters, inputs.bouts, options, rest, told, number) for number in range(options.trials))
    return Replay(stored, options, inputs, repeated, trials, _in_place(stored, inputs), rest, grade())


def record_inputs(stored: StoredRun, options: ReplayOptions, told: Told) -> Inputs:
    """Play episodes of the record again, without meters, and keep what was decided in them."""
    wanted = list(islice((e for e in stored.episodes if e.outcome.status != "errored"), options.episodes))
    config = config_of(stored.run)
    agent = registry.load("agents", config.agent)()
    lend(agent, config.skills)
    bouts: list[Bout] = []
    split = options.phase == "policy" and splits(agent)
    watched = recording(agent, bouts, split=split)
    world = tasks.suite_of(config.task).world(tasks.find(config.task), shown_to(agent, config.options()))
    differ = []
    try:
        for number, episode in enumerate(wanted):
            told("playing the episodes again", number, len(wanted))
            again = play(world, watched, NoClock(), config.seed, episode.index)
            if (again.initial_hash, world.state_hash()) != (episode.initial_hash, episode.final_hash):
                differ.append(episode.index)
    finally:
        world.close()
    _require_decisions(bouts, config, stored)
    return Inputs(bouts, split, tuple(episode.index for episode in wanted), tuple(differ))


def spend(meters: Sequence[Meter], work: Callable[[], int]) -> tuple[int, float, tuple[FigureRecord, ...]]:
    """Do ``work``: what it gives, its wall seconds, and the joules of each counter that moved meanwhile.

    A counter whose label is ``measured`` keeps it over at least 20 of its update periods.
    """
    for meter in meters:
        _, _ = meter.read(), meter.label  # of the time before: a counter answers since it was asked last
    before, begun = [meter.read() for meter in meters], time.perf_counter()
    given = work()
    seconds, after = time.perf_counter() - begun, [meter.read() for meter in meters]
    parts = (
        _charged(meter, early, late, seconds)
        for meter, early, late in zip(meters, before, after, strict=True)
        if late != early or meter.granularity == "phase"
    )
    return given, seconds, tuple(parts)


def _charged(meter: Meter, early: float | None, late: float | None, seconds: float) -> FigureRecord:
    if early is None or late is None or late < early:
        return FigureRecord(value=None, label="unavailable", source=meter.name)
    label = meter.label
    if label == "measured" and seconds < MEASURED_PERIODS * meter.update_seconds:
        label = "attributed"
    return FigureRecord(value=late - early, label=label, source=meter.name)


def _trial(
    meters: Sequence[Meter],
    bouts: Sequence[Bout],
    options: ReplayOptions,
    rest: idle.Look | None,
    told: Told,
    number: int,
) -> Trial:
    told("at rest", number, options.trials)
    time.sleep(options.cool_down)
    told("asking", number, options.trials)

    def ask() -> int:
        end, decisions = time.perf_counter() + options.seconds, 0
        while not decisions or time.perf_counter() < end:
            decisions += sum(bout.play() for bout in bouts)
        return decisions

    decisions, seconds, parts = spend(meters, ask)
    scopes = {meter.name: meter.scope for meter in meters}
    beyond = [_beyond(part, scopes[part.source] == "machine", rest, seconds) for part in parts]
    return Trial(decisions, seconds, FigureRecord.total(parts), FigureRecord.total(beyond))


def _beyond(part: FigureRecord, machine: bool, rest: idle.Look | None, seconds: float) -> FigureRecord:
    """What a counter counted beyond its idle power."""
    if part.value is None or not machine:
        return part
    if rest is None or part.source not in rest.watts:
        return FigureRecord(value=None, label="unavailable", source=part.source)
    value = max(0.0, part.value - rest.watts[part.source] * seconds)
    return FigureRecord(value=value, label=weakest([part.label, "attributed"]), source=part.source)


def _in_place(stored: StoredRun, inputs: Inputs) -> FigureRecord:
    phase = "policy" if inputs.split else "agent"
    total = FigureRecord.total(e.joules[phase] for e in stored.episodes if e.index in inputs.episodes)
    return total if total.value is None else total.model_copy(update={"value": total.value / inputs.decisions})


def _mean(figures: Sequence[tuple[FigureRecord, int]]) -> FigureRecord:
    total = FigureRecord.total(figure for figure, _ in figures)
    if total.value is None:
        return total
    return total.model_copy(update={"value": fmean((figure.value or 0.0) / count for figure, count in figures)})


def _require_decisions(bouts: Sequence[Bout], config: RunConfig, stored: StoredRun) -> None:
    """Refuse a run in which nothing was decided."""
    if not any(bout.inputs for bout in bouts):
        raise InvalidValue(
            f"{stored.folder} has no decisions to replay: in {len(stored.episodes)} episodes of {config.task} the agent "
            f"{config.agent!r} was asked for no action; choose a run whose episodes went further"
        )
