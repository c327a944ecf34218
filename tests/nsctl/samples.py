"""Records to test with, and the type of the fixture ``install``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nsctl.record_folder import RecordWriter, StoredRun, read_record
from nsctl.records import (
    ConfigRecord,
    EpisodeRecord,
    FigureRecord,
    HardwareRecord,
    MeterRecord,
    OutcomeRecord,
    PhaseSeconds,
    RunRecord,
)

WON = {"success_at_end": True, "success_once": True, "outcome": OutcomeRecord(status="succeeded", reason="")}
Install = Callable[[str, str, dict[str, str]], None]


def make_episode(index: int = 0, **fields: Any) -> EpisodeRecord:
    """An episode of the run ``r``: failed, one second and one joule in each phase, unless told otherwise."""
    phases = ("perceive", "plan", "policy", "simulate", "render", "harness")
    joule = FigureRecord(value=1.0, label="measured", source="rapl")
    sums = {"agent": joule.model_copy(update={"value": 3.0}), "total": joule.model_copy(update={"value": 6.0})}
    given = {
        "run": "r",
        "task": "hanoi-1",
        "index": index,
        "seed": 0,
        "initial_hash": "aa",
        "final_hash": "bb",
        "outcome": OutcomeRecord(status="failed", reason="gave up"),
        "success_once": False,
        "success_at_end": False,
        "steps": 10,
        "plan_length": None,
        "plans": 0,
        "replans": 0,
        "retries": 0,
        "skills": (),
        "disturbances": (),
        "seconds": dict.fromkeys(phases, PhaseSeconds(wall=1.0, cpu=0.5)),
        "joules": dict.fromkeys(phases, joule) | sums,
    }
    return EpisodeRecord(**{**given, **fields})


def make_run(episodes: int = 3, **fields: Any) -> RunRecord:
    """The run ``r`` that :func:`make_episode` belongs to."""
    config = ConfigRecord(
        task="hanoi-1",
        task_version=1,
        protocol="p",
        agent="random",
        engine="mujoco",
        episodes=episodes,
        seed=0,
        disturb=(),
        pose_noise=0.001,
        workers=1,
    )
    given = {
        "id": "r",
        "status": "running",
        "command": ("nsctl",),
        "config": config,
        "agent": {},
        "world": {},
        "privilege": "tracked",
        "versions": {"python": "3.11"},
        "code": "c0de",
        "hardware": HardwareRecord(cpu=None, cores=1, memory_bytes=None, gpu=None),
        "meters": (),
        "carbon": (),
        "git": None,
        "started": "2026-01-01T00:00:00+00:00",
        "ended": None,
        "wall_seconds": None,
        "episodes_sha256": None,
        "replay_sha256": None,
    }
    return RunRecord(**{**given, **fields})


def make_figure(value: float | None, label: str = "modelled", source: str = "modelled") -> FigureRecord:
    """Joules, how they are known and from which meter."""
    return FigureRecord.model_validate({"value": value, "label": label, "source": source})


def make_meter(name: str, scope: str, label: str = "measured", **description: Any) -> MeterRecord:
    """A meter that counts."""
    told = {"name": name, "label": label, "granularity": "phase", "scope": scope, "counts": True, "why_not": ""}
    return MeterRecord.model_validate({**told, "description": description})


def put_record(
    runs: Path, name: str, wins: str, joules: float, source: str = "modelled", label: str = "", **fields: Any
) -> StoredRun:
    """A complete record of agent ``name``: episodes that succeeded (``+``) or failed, each from a start of its own, with so
    many joules of the agent, a third in each of its phases. ``fields`` are those of the run, ``config`` some of its config.
    """
    config = make_run().config.model_copy(update={"agent": name, "episodes": len(wins), **fields.pop("config", {})})
    label = label or ("modelled" if source == "modelled" else "measured")
    with RecordWriter.create(runs, make_run(len(wins), id=name, **{"config": config, **fields})) as writer:
        for index, won in enumerate(wins):
            made = make_episode(index, run=name, initial_hash=str(index), **(WON if won == "+" else {}))
            agent = dict.fromkeys(("perceive", "plan", "policy"), make_figure(joules / 3, label, source))
            told = {**made.joules, **agent, "agent": make_figure(joules, label, source)}
            writer.append(made.model_copy(update={"joules": told}))
        writer.complete()
    return read_record(runs / name)


def comparable(episode: EpisodeRecord) -> dict[str, Any]:
    """What must be the same whenever the same episode is played."""
    return episode.replayable()
