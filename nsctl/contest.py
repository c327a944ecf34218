"""Several agents play the same episodes; what has been played before is not played again.

A record is taken, and gone on with if it is not complete, where nothing that decides its episodes or their joules differs
from what would be recorded here and now: what :mod:`nsctl.changes` knows of, the GPU and the meters that count. So an agent
whose weights have changed plays anew.

All play in this process: a GPU that one of them has touched is charged to all who play here from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

from nsctl.changes import changes
from nsctl.contestants import TRUTH, Contestant
from nsctl.errors import InvalidValue, NsctlError, RecordError, Unfit
from nsctl.evaluation import Listener, RunInterrupted, RunOptions, check_names, evaluate, new_run, resume
from nsctl.player import Player
from nsctl.record_folder import RUN, StoredRun, read_record
from nsctl.records import SCHEMA_VERSION, EpisodeRecord, RunRecord
from nsctl.run_config import RunConfig
from nsctl.run_log import Listeners

Progress = Callable[[], AbstractContextManager[Listener | None]]


@dataclass(frozen=True)
class Entry:
    """A contestant, its run, and what the record of that would begin with here and now."""

    contestant: Contestant
    config: RunConfig
    now: RunRecord


@dataclass(frozen=True)
class Entries:
    """Who can play, in the order in which they were named, and why the others cannot."""

    able: tuple[Entry, ...]
    unable: Mapping[str, str]


class OutOfTime(NsctlError):
    """The time that was given is over; every episode that had ended is kept."""


class Deadline:
    """Stops a run between two episodes once so many minutes have passed since this was made; never without any."""

    live = False

    def __init__(self, minutes: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._end, self._missing = clock, None if minutes is None else clock() + 60 * minutes, 0

    @property
    def passed(self) -> bool:
        return self._end is not None and self._clock() >= self._end

    def begin(self, config: RunConfig, done: Sequence[EpisodeRecord]) -> None:
        self._missing = config.episodes - len(done)

    def step(self, episode: int, steps: int, subgoal: str) -> None:
        """Is never called."""

    def ended(self, episode: EpisodeRecord) -> None:
        self._missing -= 1
        if self._missing and self.passed:
            raise KeyboardInterrupt


def enter(who: Iterable[Contestant], terms: RunConfig, command: tuple[str, ...] = ()) -> Entries:
    """Make each agent once and see who can play on these terms: one without weights cannot. Refuses the same run twice."""
    able: dict[RunConfig, Entry] = {}
    unable = {}
    for contestant in who:
        config = contestant.config(terms)
        if config in able:
            both = f"{able[config].contestant.name} and {contestant.name}"
            raise InvalidValue(f"{both} are one and the same run on these terms: leave one of them out")
        try:
            able[config] = _entry(contestant, config, command)
        except NsctlError as error:
            unable[contestant.name] = str(error)
    return Entries(tuple(able.values()), unable)


def play(
    entries: Iterable[Entry], runs: Path, deadline: Deadline | None = None, progress: Progress = nullcontext
) -> list[StoredRun]:
    """The complete record of each, played under ``runs`` as far as it is not there; raises :class:`OutOfTime`."""
    limit = deadline or Deadline()
    return [_complete(entry, runs, limit, progress) for entry in entries]


def record_of(entry: Entry, runs: Path) -> StoredRun | None:
    """The record of this very run under ``runs``: a complete one, or that with the most episodes; ``None`` without any."""
    found = []
    for path in sorted(runs.glob(f"*-{entry.config.task}-*/{RUN}")):
        try:
            stored = read_record(path.parent)
        except RecordError:  # damaged, or of the future: not ours to go on with
            continue
        same = not changes(stored.run, entry.now) and _metered_by(stored.run) == _metered_by(entry.now)
        if stored.schema == SCHEMA_VERSION and same:
            found.append(stored)
    return max(found, key=lambda stored: (stored.run.status == "complete", len(stored.episodes)), default=None)


def _entry(contestant: Contestant, config: RunConfig, command: tuple[str, ...]) -> Entry:
    check_names(config)
    with closing(Player(config)) as player:
        now = new_run(config, player, RunOptions(command))
    if contestant.truth and now.privilege != "sim_truth":
        raise Unfit(
            f"{contestant.agent} is shown no poses (class {now.privilege}) that could be true: leave {TRUTH} out"
        )
    return Entry(contestant, config, now)


def _metered_by(run: RunRecord) -> tuple[str | None, set[str]]:
    """The GPU, and the meters that count."""
    return run.hardware.gpu, {meter.name for meter in run.meters if meter.counts}


def _complete(entry: Entry, runs: Path, deadline: Deadline, progress: Progress) -> StoredRun:
    found = record_of(entry, runs)
    if found is not None and found.run.status == "complete":
        return found
    if deadline.passed:
        raise OutOfTime(f"time is up before {entry.contestant.name} could play {entry.config.task}")
    with progress() as shown:
        options = RunOptions(entry.now.command, carbon=False, listener=Listeners(shown, deadline))
        try:
            done = evaluate(entry.config, runs, options) if found is None else resume(found.folder, options)
        except RunInterrupted as stop:
            if not deadline.passed:
                raise
            kept = f"{stop.done} of {stop.wanted} episodes of {entry.config.task}"
            raise OutOfTime(f"time is up: {entry.contestant.name} has played {kept}") from stop
    return read_record(done.folder)
