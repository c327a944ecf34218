"""Every skill by itself: how often it does its work, and how quick it is.

    python benchmarks/skills.py [--episodes 3000] [--skills pick place ...] [--engines mujoco pybullet] [--pose-noise 0.002]
                                [--weights NAME=DIR ...] [--no-teacher] [--workers 2] [--seed 9000] [--json]

Rows: the scripted teacher, the shipped weights, and those that ``--weights`` names: DIR is one network's folder, or has a
folder for each skill. Episodes are steps of the skill's operator in its tasks, from random arm poses and with tracker noise;
all rows play the same ones. A success is one that the skill claims and that the truth confirms half a second later, with
nothing else moved; the interval is that of Clopper and Pearson (1934), at 95 %. ``cut`` counts episodes that the task's own
end cut short, or that could not be set: they count nowhere else. Milliseconds are of one policy step, from scene to action.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from nsctl.cli.tables import number, percent, plain_table
from nsctl.errors import InvalidValue
from nsctl.statistics import clopper_pearson
from policies.skills.collect import Job, Verdict, check
from policies.skills.crafts import CRAFTS, SAME_WORK
from policies.skills.neural import WEIGHTS, NeuralSkill
from policies.skills.stage import Conditions

BATCH = 64
CALLS = 400
"""Policy steps that are timed."""
A_RUN = 30
"""Steps that one execution of these is asked for."""


@dataclass(frozen=True)
class Row:
    """What one player did as one skill on one engine."""

    skill: str
    engine: str
    player: str
    won: int
    tried: int
    cut: int
    interval: tuple[float, float]
    steps: float
    failures: dict[str, int]
    ms: tuple[float, float, float] | None
    """Of one policy step: the median, the 99th percentile, and the median of a batch of 64; the teacher has none."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=3000)
    parser.add_argument("--skills", nargs="+", default=list(CRAFTS), choices=list(CRAFTS))
    parser.add_argument("--engines", nargs="+", default=["mujoco", "pybullet"])
    parser.add_argument("--pose-noise", type=float, default=0.002)
    parser.add_argument("--weights", nargs="+", default=[], metavar="NAME=DIR")
    parser.add_argument("--no-teacher", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=9000)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    rows = []
    with ProcessPoolExecutor(wanted.workers, get_context("spawn")) as pool:
        for skill in wanted.skills:
            for engine in wanted.engines:
                conditions = Conditions(wanted.pose_noise, (), engine)
                for player, folder in players(wanted, skill):
                    jobs = [
                        Job(skill, "check", wanted.seed, e, folder, None, (), conditions)
                        for e in range(wanted.episodes)
                    ]
                    rows.append(row(jobs[0], player, list(pool.map(check, jobs, chunksize=4))))
                    done = f"{skill} on {engine}, {player}: {rows[-1].won}/{rows[-1].tried}"
                    print(f"{done} {rows[-1].failures or ''}", file=sys.stderr, flush=True)
    if wanted.json:
        print(json.dumps([asdict(r) for r in rows]))
    else:
        show(rows)


def players(wanted: argparse.Namespace, skill: str) -> Iterator[tuple[str, Path | None]]:
    """Who plays the skill: a name, and the folder of its weights; none for the teacher."""
    work = SAME_WORK.get(skill, skill)
    if not wanted.no_teacher:
        yield "teacher", None
    named = [("shipped", WEIGHTS), *(pair_of(text) for text in wanted.weights)]
    for name, folder in named:
        found = folder if (folder / "config.json").exists() else folder / work
        if (found / "model.safetensors").exists():
            yield name, found


def pair_of(text: str) -> tuple[str, Path]:
    """The name and the folder of ``NAME=DIR``."""
    name, equals, folder = text.partition("=")
    if not (name and equals and Path(folder).is_dir()):
        raise InvalidValue(f"--weights takes NAME=DIR with a folder that exists, got {text!r}")
    return name, Path(folder)


def row(job: Job, player: str, verdicts: list[Verdict]) -> Row:
    """The figures of these verdicts, all of jobs like ``job``."""
    tried = [v for v in verdicts if v.success is not None]
    won = sum(v.success is True for v in tried)
    failures: dict[str, int] = {}
    for verdict in tried:
        if not verdict.success:
            failures[f"{verdict.task}: {verdict.reason}"] = failures.get(f"{verdict.task}: {verdict.reason}", 0) + 1
    return Row(
        job.operator,
        job.conditions.engine if job.conditions else "",
        player,
        won,
        len(tried),
        len(verdicts) - len(tried),
        clopper_pearson(won, len(tried)),
        float(np.median([v.steps for v in tried] or [math.nan])),
        dict(sorted(failures.items(), key=lambda pair: -pair[1])),
        timed(NeuralSkill(job.operator, job.weights), job) if job.weights else None,
    )


def timed(skill: NeuralSkill, job: Job) -> tuple[float, float, float]:
    """Milliseconds of one policy step: median, 99th percentile, and median for a batch of 64."""
    stage = job.stage()
    one, many = (list(_calls(skill, stage, size)) for size in (1, BATCH))
    return float(np.median(one)), float(np.percentile(one, 99)), float(np.median(many))


def _calls(skill: NeuralSkill, stage: Any, size: int) -> Iterator[float]:
    for call in range(CALLS if size == 1 else CALLS // 8):
        if call % A_RUN == 0:
            executions = [skill.begin(stage.step, stage.scene) for _ in range(size)]
        start = time.perf_counter()
        skill.act_batch(executions, [stage.scene] * size)
        yield 1000 * (time.perf_counter() - start)


def show(rows: list[Row]) -> None:
    table = plain_table(
        "skill", "engine", "player", "succeeded", "95 %", "cut#", "steps#", "ms#", "p99#", "64#", "failure"
    )
    for r in rows:
        ms = [number(value) for value in r.ms] if r.ms else ["", "", ""]
        bounds = f"{r.interval[0]:.4f} to {r.interval[1]:.4f}"
        done = percent(r.won, r.tried)
        table.add_row(
            r.skill, r.engine, r.player, done, bounds, str(r.cut), number(r.steps), *ms, next(iter(r.failures), "")
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
