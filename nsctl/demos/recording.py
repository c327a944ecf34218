"""Records demonstrations: plays episodes until as many have succeeded as were asked for.

Episodes are played in the order of their numbers, and those that fail are made up for by the next numbers. So a
recording has the first N successes of a sequence that task and seed decide: whoever plays them, in however many
processes and sittings, it comes to the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nsctl import provenance, registry, tasks
from nsctl.contracts import Executor, Play
from nsctl.demos.folder import DATA, DemoFolder
from nsctl.demos.libraries import need
from nsctl.demos.minari_metadata import dataset_id, write_metadata
from nsctl.demos.recorder import DemoConfig, Recorder
from nsctl.errors import NsctlError
from nsctl.scene import CONTROL_HZ

SPARE = 2
"""Episodes that may be played beyond twice as many as were asked for, before a recording gives up."""


@dataclass(frozen=True)
class Recording:
    """A recording that is complete."""

    folder: Path
    dataset_id: str
    demonstrations: int
    attempts: int
    """Episodes that were played for it; the difference failed and was not kept."""
    steps: int
    bytes: int
    reasons: dict[str, int]
    """Why episodes failed, and how often."""


def default_folder(config: DemoConfig) -> Path:
    """``demos/<task>-v<version>``: a name that is a dataset id of Minari."""
    return Path("demos") / _task_id(config)


def record(
    config: DemoConfig, folder: Path | None = None, told: Callable[[int, int], None] = lambda done, of: None
) -> Recording:
    """Record ``config.episodes`` demonstrations into ``folder``, or go on with what is there of them.

    ``told`` hears how many of how many there are, at first and after each episode.
    """
    need("h5py")
    folder = folder or default_folder(config)
    recorder = _recorder(config, folder)
    try:
        with DemoFolder(folder, _settings(config, recorder)) as store:
            _refuse_fewer(store, config.episodes)
            told(min(config.episodes, len(store.successes())), config.episodes)
            while missing := _missing(store, config):
                executor, make = _executor(config, recorder, folder)
                for attempt in executor.map(make, missing):
                    store.append(attempt)
                    told(min(config.episodes, len(store.successes())), config.episodes)
            return _finish(store, config)
    finally:
        recorder.close()


def _recorder(config: DemoConfig, folder: Path) -> Recorder:
    """Made first, so that an unknown name is told before anything is written."""
    registry.find("agents", config.agent.partition(":")[0])
    registry.find("engines", config.engine)
    tasks.find(config.task)
    return Recorder(config, folder / "parts")


def _executor(config: DemoConfig, recorder: Recorder, folder: Path) -> tuple[Executor, Any]:
    if config.workers == 1:
        return registry.load("executors", "serial")(), lambda: recorder
    return registry.load("executors", "process")(config.workers), partial(_worker, config, folder)


def _worker(config: DemoConfig, folder: Path) -> Play:
    return Recorder(config, folder / "parts")


def _settings(config: DemoConfig, recorder: Recorder) -> dict[str, Any]:
    """What decides every episode; how many there are and who plays them does not."""
    task = tasks.find(config.task)
    return {
        **_chosen(config),
        "task_version": task.version,
        "protocol": tasks.protocol_hash(task),
        "control_hz": CONTROL_HZ,
        "versions": provenance.versions(),
        "code": provenance.code(),
        **{f"{name} in its own words": words for name, words in recorder.describe().items()},
    }


def _chosen(config: DemoConfig) -> dict[str, Any]:
    """The choices that decide an episode, in plain values."""
    chosen = {name: value for name, value in vars(config).items() if name not in ("episodes", "workers")}
    return {**chosen, "disturb": [str(disturbance) for disturbance in config.disturb], "cameras": list(config.cameras)}


def _missing(store: DemoFolder, config: DemoConfig) -> list[int]:
    """Numbers to be played next, so that as many succeed as are wanted if all of them do; empty when that is so."""
    wanted = config.episodes
    end, failed = wanted, -1
    while failed != (failed := sum(not a.success for n, a in store.attempts.items() if n < end)):
        end = wanted + failed
    missing = [number for number in range(end) if number not in store.attempts]
    if missing and end > (limit := 2 * wanted + SPARE):
        won = len(store.successes())
        fewer = f", or ask for {won} demonstrations with --episodes, which are kept" if won else ""
        raise NsctlError(
            f"only {won} of {len(store.attempts)} episodes succeeded, and {wanted} demonstrations would need more than "
            f"{limit}: see why with `nsctl run {config.task} --agent {config.agent}`{fewer}"
        )
    return missing


def _refuse_fewer(store: DemoFolder, wanted: int) -> None:
    have = len(store.stored())
    if wanted < have:
        raise NsctlError(
            f"{store.folder} has {have} demonstrations already: ask for at least as many, or name a new folder with --out"
        )


def _finish(store: DemoFolder, config: DemoConfig) -> Recording:
    numbers = store.successes()[: config.episodes]
    played = [attempt for number, attempt in store.attempts.items() if number <= numbers[-1]]
    data, name = store.folder / DATA, dataset_id(store.folder, _task_id(config))
    store.finish(numbers)
    write_metadata(data, name, _about(config, len(played)))
    store.tidy()
    return Recording(
        store.folder,
        name,
        len(numbers),
        len(played),
        steps=sum(attempt.steps for attempt in played if attempt.success),
        bytes=sum(path.stat().st_size for path in data.iterdir()),
        reasons=dict(Counter(attempt.reason for attempt in played if not attempt.success)),
    )


def _about(config: DemoConfig, played: int) -> dict[str, Any]:
    task = tasks.find(config.task)
    return {
        **_chosen(config),
        "task_version": task.version,
        "control_hz": CONTROL_HZ,
        "bodies": [body.name for body in task.bodies],
        "attempts": played,
    }


def _task_id(config: DemoConfig) -> str:
    return f"{config.task}-v{tasks.find(config.task).version}"
