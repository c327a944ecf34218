"""What two runs must share to be compared, and what must be the same for their joules to be ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nsctl.errors import Unfit
from nsctl.record_folder import StoredRun
from nsctl.records import EpisodeRecord, RunRecord, weakest


@dataclass(frozen=True)
class Differences:
    """What differs between two runs besides their agents."""

    warnings: tuple[str, ...]
    """In sentences."""
    unranked: tuple[str, ...]
    """Names of those for which joules cannot be ranked; empty where they can."""


def require_comparable(one: RunRecord, other: RunRecord, *, paired: bool) -> None:
    """Refuse runs of different tasks; for pairs, of different versions of it, protocols or engines as well."""
    for name in ("task", "task_version", "protocol", "engine") if paired else ("task",):
        a, b = getattr(one.config, name), getattr(other.config, name)
        if a != b:
            way = "" if name == "task" else "; --unpaired compares them as independent samples"
            raise Unfit(f"{one.id} and {other.id} differ in their {name.replace('_', ' ')}: {a!r} and {b!r}{way}")


def differences(one: StoredRun, other: StoredRun) -> Differences:
    """What differs between two records that are to be compared."""
    costly, telling = _costly(one, other), _telling(one.run, other.run)
    unranked = tuple(name for name, (a, b) in costly.items() if a != b)
    said = [f"{name} differs: {_said(a)} and {_said(b)}" for name, (a, b) in {**costly, **telling}.items() if a != b]
    partial = [stored for stored in (one, other) if stored.run.status != "complete"]
    said += [f"{s.folder} is not complete: {len(s.episodes)} of {s.run.config.episodes} episodes" for s in partial]
    return Differences(tuple(said), unranked)


def joules_label(episodes: Sequence[EpisodeRecord]) -> str:
    """The weakest label of the agent's joules."""
    return weakest(episode.joules["agent"].label for episode in episodes)


def _costly(one: StoredRun, other: StoredRun) -> dict[str, tuple[Any, Any]]:
    """What joules depend on, or what says how far they can be trusted."""
    a, b = one.run, other.run
    return {
        "privilege class": (a.privilege, b.privilege),
        "protocol": (a.config.protocol[:12], b.config.protocol[:12]),
        "engine": (a.config.engine, b.config.engine),
        "simulator version": (_simulator(a), _simulator(b)),
        "meter grade": (a.grade, b.grade),
        "label of joules": (joules_label(one.episodes), joules_label(other.episodes)),
        "source of joules": (_source(one), _source(other)),
        "processor": (a.hardware.cpu, b.hardware.cpu),
        "GPU": (a.hardware.gpu, b.hardware.gpu),
        "number of workers": (a.config.workers, b.config.workers),
    }


def _telling(a: RunRecord, b: RunRecord) -> dict[str, tuple[Any, Any]]:
    return {
        "disturbance": (_disturbances(a), _disturbances(b)),
        "error of the tracker in metres": (a.config.pose_noise, b.config.pose_noise),
        "code of nsctl": (a.code, b.code),
    }


def _source(stored: StoredRun) -> str:
    return ", ".join(sorted({episode.joules["agent"].source for episode in stored.episodes}))


def _simulator(run: RunRecord) -> Any:
    return run.world.get(run.config.engine, run.versions.get(run.config.engine))


def _disturbances(run: RunRecord) -> str:
    return ", ".join(f"{d.kind} {d.strength:g}" for d in run.config.disturb) or "none"


def _said(value: Any) -> str:
    return "unknown" if value is None else str(value)
