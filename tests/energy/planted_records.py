"""Records that are made up, to know what the board must make of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from energy.board.rows import Row, read_tier
from nsctl.phases import AGENT_PHASES, PHASES
from nsctl.record_folder import RecordWriter, read_record
from nsctl.records import (
    ConfigRecord,
    DisturbanceRecord,
    EpisodeRecord,
    FigureRecord,
    HardwareRecord,
    OutcomeRecord,
    PhaseSeconds,
    RobotWork,
    RunRecord,
)

SKILLS = (
    {"step": "pick(a, b)", "status": "succeeded", "reason": "", "steps": 30},
    {"step": "place(a, c)", "status": "failed", "reason": "it slipped", "steps": 12},
    {"step": "place(a, c)", "status": "succeeded", "reason": "", "steps": 28},
)


def figure(value: float | None, label: str = "modelled", source: str = "modelled") -> FigureRecord:
    return FigureRecord.model_validate({"value": value, "label": label, "source": source})


def episode(run: str, task: str, index: int, won: bool, joules: float, label: str = "modelled") -> EpisodeRecord:
    """Each agent phase has a third of ``joules``, each of the world's one joule."""
    shares = {phase: figure(joules / 3 if phase in AGENT_PHASES else 1.0, label) for phase in PHASES}
    return EpisodeRecord(
        run=run,
        task=task,
        index=index,
        seed=0,
        initial_hash="aa",
        final_hash="bb",
        outcome=OutcomeRecord(status="succeeded" if won else "failed", reason="" if won else "gave up"),
        success_once=won,
        success_at_end=won,
        steps=80,
        plan_length=2,
        plans=2,
        replans=1,
        retries=1,
        skills=SKILLS,
        disturbances=({"step": 40, "kind": "push", "strength": 1.0, "body": "a"},),
        robot=RobotWork(absolute=5.0, positive=4.0, net=3.0, torque_squared=2.0),
        seconds=dict.fromkeys(PHASES, PhaseSeconds(wall=0.5, cpu=0.4)),
        joules=shares | {"agent": figure(joules, label), "total": figure(joules + 3.0, label)},
    )


def run_record(name: str, episodes: int, **fields: Any) -> RunRecord:
    """A run that is under way; ``fields`` are those of the run or of its ``config`` (its agent is ``who``)."""
    config = {
        "task": "hanoi-3",
        "task_version": 2,
        "protocol": "p",
        "who": "nesy",
        "engine": "mujoco",
        "episodes": episodes,
        "seed": 0,
        "disturb": (DisturbanceRecord(kind="push", strength=1.0),),
        "pose_noise": 0.001,
        "workers": 1,
        "skills": (),
    }
    given = {
        "id": name,
        "status": "running",
        "command": ("nsctl", "run"),
        "agent": {"training": {"joules": 1000.0, "label": "modelled"}},
        "world": {"mujoco": "4.0.0"},
        "privilege": "tracked",
        "versions": {"python": "3.11", "mujoco": "4.0.0"},
        "code": "c0de",
        "hardware": HardwareRecord(cpu="A processor", cores=2, memory_bytes=None, gpu=None),
        "meters": (),
        "grade": "D",
        "carbon": (),
        "git": None,
        "started": "2026-01-01T00:00:00+00:00",
        "ended": None,
        "wall_seconds": None,
        "episodes_sha256": None,
        "replay_sha256": None,
    }
    asked = {key: fields.pop(key) for key in list(fields) if key in config}
    config = {**config, **asked}
    config["agent"] = config.pop("who")
    return RunRecord(config=ConfigRecord(**config), **{**given, **fields})


def plant(
    runs: Path, name: str, won: Sequence[bool], joules: Sequence[float], label: str = "modelled", **fields: Any
) -> Path:
    """A complete record of these episodes; gives its folder."""
    run = run_record(name, len(won), **fields)
    with RecordWriter.create(runs, run) as writer:
        for index, (success, spent) in enumerate(zip(won, joules, strict=True)):
            writer.append(episode(name, run.config.task, index, success, spent, label))
        writer.complete(ended="2026-01-01T00:01:00+00:00", wall_seconds=60.0)
    return writer.folder


def even(mean: float, count: int) -> list[float]:
    """So many figures around ``mean``, none of them far off."""
    return [mean * (0.98 if index % 2 else 1.02) for index in range(count)]


def row(runs: Path, name: str, wins: int, of: int, mean: float, **fields: Any) -> Row:
    """A row with so many successes, and joules around ``mean`` an episode."""
    folder = plant(runs, name, [index < wins for index in range(of)], even(mean, of), **fields)
    return Row(read_record(folder), read_tier(folder))
