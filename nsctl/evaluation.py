"""Plays the episodes of a run, keeps each as it ends, and goes on where a run was cut short."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from nsctl import idle, provenance, registry, tasks
from nsctl.changes import changes
from nsctl.contracts import Executor, Meter, Play
from nsctl.disturbance import Disturbance
from nsctl.errors import NsctlError, RecordError
from nsctl.files import make_folder
from nsctl.metering import counters, grade, survey
from nsctl.player import Player
from nsctl.record_folder import RecordWriter, new_id, read_record
from nsctl.records import ConfigRecord, EpisodeRecord, FigureRecord, MeterRecord, RunRecord, privilege
from nsctl.run_config import RunConfig
from nsctl.summary import Summary, summarise


class Listener(Protocol):
    """Is told how a run gets on. ``live`` asks for ``step`` as well, which runs in one process alone can give."""

    live: bool

    def begin(self, config: RunConfig, done: Sequence[EpisodeRecord]) -> None: ...

    def step(self, episode: int, steps: int, subgoal: str) -> None: ...

    def ended(self, episode: EpisodeRecord) -> None: ...


@dataclass(frozen=True)
class RunOptions:
    """How a run is looked after; nothing here changes what happens in an episode."""

    command: tuple[str, ...] = ()
    carbon: bool = True
    """Whether codecarbon meters the whole run (its start takes a second or two)."""
    video: Path | None = None
    """Where to put a video of every episode."""
    listener: Listener | None = None
    region: str | None = None
    """The country, in three letters, whose grid codecarbon counts with; its own choice if there is none."""


@dataclass(frozen=True)
class Evaluation:
    """A run that is over: its record and what it came to."""

    folder: Path
    run: RunRecord
    summary: Summary
    net: Mapping[str, FigureRecord] = field(default_factory=dict)
    """Mean joules an episode beyond the machine's idle power (:mod:`nsctl.idle`), by phase, and ``agent`` and ``total``."""
    unmetered: int = 0
    """Episodes without joules: a single one leaves the run without."""


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C during a run; every episode that had ended is in ``folder``."""

    def __init__(self, folder: Path, done: int, wanted: int) -> None:
        super().__init__(f"interrupted: {_kept(folder, done, wanted)}")
        self.folder, self.done, self.wanted = folder, done, wanted


def evaluate(config: RunConfig, runs: Path = Path("runs"), options: RunOptions = RunOptions()) -> Evaluation:
    """Play all episodes of a new run and keep its record under ``runs``."""
    check_names(config)
    _choose_region(options)
    if options.video is not None:
        make_folder(options.video, "film")
    player = Player(config, options.video)
    with RecordWriter.create(runs, new_run(config, player, options)) as writer:
        return _play_missing(writer, config, player, options)


def resume(folder: Path, options: RunOptions = RunOptions()) -> Evaluation:
    """Play what is missing from a record. Refuses if anything that decides an episode or its joules has changed since.

    That is what was asked for, agent and world in their own words, versions, our own code, and the processor.
    """
    with RecordWriter.open(folder) as writer:
        config = config_of(writer.run)
        if len(writer.episodes) == config.episodes and writer.run.status == "complete":
            return _evaluation(folder, writer.run, _in_order(writer))
        check_names(config)
        _choose_region(options)
        if options.video is not None:
            make_folder(options.video, "film")
        player = Player(config, options.video)
        _refuse_changes(folder, writer.run, new_run(config, player, options))
        return _play_missing(writer, config, player, options)


def config_of(run: RunRecord) -> RunConfig:
    """What was asked for, so that it can be asked for again."""
    asked = run.config.model_dump(exclude={"task_version", "protocol", "disturb"})
    return RunConfig(**asked, disturb=tuple(Disturbance(d.kind, d.strength) for d in run.config.disturb))


def load(folder: Path) -> Evaluation:
    """A record as it is, without playing anything."""
    stored = read_record(folder)
    return _evaluation(folder, stored.run, stored.episodes)


def _play_missing(writer: RecordWriter, config: RunConfig, player: Player, options: RunOptions) -> Evaluation:
    player.run = writer.run.id
    executor, make = _executor(config, player, options)
    missing = [index for index in range(config.episodes) if index not in writer.episodes]
    if options.listener is not None:
        options.listener.begin(config, _in_order(writer))
    with _session(writer, config, options) as ending:
        for episode in executor.map(make, missing):
            writer.append(episode)
            if options.listener is not None:
                options.listener.ended(episode)
        player.close()
        ending.complete = True
    return _evaluation(writer.folder, writer.run, _in_order(writer))


def _evaluation(folder: Path, run: RunRecord, episodes: Sequence[EpisodeRecord]) -> Evaluation:
    unmetered = sum(episode.joules["agent"].value is None for episode in episodes)
    return Evaluation(folder, run, summarise(episodes), idle.mean_net(episodes, run), unmetered)


@dataclass
class _Ending:
    complete: bool = False
    before: idle.Look | None = None
    after: idle.Look | None = None
    """The idle machine before the first episode and after the last."""
    carbon: list[Mapping[str, Any]] = field(default_factory=list)


@contextmanager
def _session(writer: RecordWriter, config: RunConfig, options: RunOptions) -> Iterator[_Ending]:
    """One sitting of a run: whatever ends it, the record says so and says what it cost."""
    used = counters(shared=config.workers > 1)
    ending, before, begun = _Ending(), writer.run.wall_seconds or 0.0, time.perf_counter()
    writer.update(status="running", ended=None)
    try:
        ending.before = idle.look_of(writer.run.idle) or idle.look(used)
        begun = time.perf_counter()
        with _carbon(ending, config, options):
            yield ending
        done = time.perf_counter()
        ending.after = idle.look(used)
        begun += time.perf_counter() - done
    except KeyboardInterrupt as error:
        raise RunInterrupted(writer.folder, writer.kept, config.episodes) from error
    except NsctlError as error:
        raise NsctlError(f"{error}; {_kept(writer.folder, writer.kept, config.episodes)}") from error
    finally:
        fields: dict[str, Any] = {
            "ended": _now(),
            "wall_seconds": before + time.perf_counter() - begun,
            "carbon": (*writer.run.carbon, *ending.carbon),
            "meters": _meters(config),
            "idle": idle.recorded(ending.before, ending.after),
            "grade": grade(config.workers > 1, writer.run.grade),
        }
        if ending.complete:
            writer.complete(**fields)
        else:
            writer.update(status="interrupted", **fields)


@contextmanager
def _carbon(ending: _Ending, config: RunConfig, options: RunOptions) -> Iterator[None]:
    """codecarbon around what happens inside. It is a guest here: why it does not work is noted and spoils nothing."""
    meter, why = _carbon_meter(config.workers) if options.carbon else (None, "")
    if why:
        ending.carbon.append({"unavailable": why})
    try:
        yield
    finally:
        if meter is not None:
            ending.carbon.append(meter.stop())


def _choose_region(options: RunOptions) -> None:
    """Refuse a region that codecarbon does not know, before anything is played."""
    found = next((entry.meter for entry in survey() if entry.part.name == "codecarbon"), None)
    if options.region is not None and found is not None:
        found.stand_in(options.region)


def _carbon_meter(workers: int) -> tuple[Meter | None, str]:
    """codecarbon, started; or why not."""
    if workers > 1:
        return None, f"codecarbon meters the process that it runs in, and {workers} others do the work"
    found = {entry.part.name: entry for entry in survey()}.get("codecarbon")
    if found is None or found.meter is None or not found.ok:
        return None, found.why if found else "no meter is called codecarbon"
    found.meter.start()
    now = next(entry for entry in survey() if entry.part == found.part)
    return (found.meter, "") if now.ok else (None, now.why)


def _executor(config: RunConfig, player: Player, options: RunOptions) -> tuple[Executor, Any]:
    """Who plays, and how each worker comes by its player."""
    if config.workers == 1:
        if options.listener is not None and options.listener.live:
            player.watch = options.listener.step
        return registry.load("executors", "serial")(), lambda: player
    player.close()
    return registry.load("executors", "process")(config.workers), partial(_worker, config, options.video, player.run)


def _worker(config: RunConfig, video: Path | None, run: str) -> Play:
    player = Player(config, video)
    player.run = run
    return player


def new_run(config: RunConfig, player: Player, options: RunOptions = RunOptions()) -> RunRecord:
    """What the record of such a run begins with, here and now."""
    task = tasks.find(config.task)
    fields = {**vars(config), "task_version": task.version, "protocol": tasks.protocol_hash(task)}
    return RunRecord(
        id=new_id(config.task, config.agent),
        status="running",
        command=options.command,
        config=ConfigRecord(**fields),
        agent=player.agent_description(),
        world=player.world_description(),
        privilege=privilege(player.channels),
        versions=provenance.versions(),
        code=provenance.code(),
        hardware=provenance.hardware(),
        meters=_meters(config),
        carbon=(),
        git=provenance.git(),
        started=_now(),
        ended=None,
        wall_seconds=None,
        episodes_sha256=None,
        replay_sha256=None,
    )


def _refuse_changes(folder: Path, before: RunRecord, now: RunRecord) -> None:
    """Refuse what would make one record of two kinds of episodes."""
    if found := changes(before, now):
        name, (was, here) = next(iter(found.items()))
        raise RecordError(f"{folder} cannot be gone on with: {name} was {was!r} and is {here!r} now; start a new run")


def _meters(config: RunConfig) -> tuple[MeterRecord, ...]:
    used = counters(shared=config.workers > 1)
    return tuple(
        MeterRecord(
            name=entry.part.name,
            label=entry.meter.label if entry.meter else None,
            granularity=entry.meter.granularity if entry.meter else None,
            scope=entry.meter.scope if entry.meter else None,
            counts=entry.meter in used,
            why_not=entry.why,
            description=dict(entry.meter.describe()) if entry.meter and entry.ok else {},
        )
        for entry in survey()
    )


def check_names(config: RunConfig) -> None:
    """Refuse what nobody registered, before anything heavy is imported."""
    registry.find("agents", config.agent.partition(":")[0])
    registry.find("engines", config.engine)
    tasks.find(config.task)
    for skill in config.skills:
        registry.find("skills", skill.partition(":")[0])


def _in_order(writer: RecordWriter) -> list[EpisodeRecord]:
    return [writer.episodes[index] for index in sorted(writer.episodes)]


def _kept(folder: Path, done: int, wanted: int) -> str:
    return f"{done} of {wanted} episodes are kept; go on with `nsctl run --resume {folder}`"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
