"""Every task on every engine: how often an agent solves it.

    python benchmarks/suite.py [--agent scripted] [--episodes 100] [--engines mujoco pybullet] [--tasks stack-4 ...]
                               [--workers 2] [--seed 7000] [--runs runs/suite] [--json]

Prints a row for each task and engine: episodes solved with the 95 % interval, control steps, plans beyond the first,
executions of a skill that had to be repeated, and the commonest reason of those that failed. Each run is kept under
``--runs``; one that is complete there is not played again, so an interrupted measurement goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from nsctl import registry, tasks
from nsctl.cli.tables import interval, number, percent, plain_table
from nsctl.evaluation import Evaluation, RunOptions, evaluate, resume
from nsctl.run_config import RunConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agent", default="scripted")
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--engines", nargs="+", default=sorted(registry.parts("engines")))
    parser.add_argument("--tasks", nargs="+", default=list(tasks.names()))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7000)
    parser.add_argument("--runs", type=Path, default=Path("runs/suite"))
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    rows = []
    for task in wanted.tasks:
        for engine in wanted.engines:
            config = RunConfig(task, wanted.agent, engine, wanted.episodes, wanted.seed, workers=wanted.workers)
            rows.append(row(config, run(config, wanted.runs / wanted.agent / task / engine)))
            solved = f"{rows[-1]['solved']}/{rows[-1]['episodes']}"
            print(f"{task} on {engine}: {solved}. {rows[-1]['reason']}", file=sys.stderr, flush=True)
    if wanted.json:
        print(json.dumps(rows))
    else:
        show(rows)


def run(config: RunConfig, folder: Path) -> Evaluation:
    """The run of ``config`` in ``folder``, gone on with if it was begun there."""
    begun = sorted(folder.glob("*/run.json"))
    options = RunOptions(carbon=False)
    done = resume(begun[-1].parent, options) if begun else evaluate(config, folder, options)
    if (done.run.config.episodes, done.run.config.seed) != (config.episodes, config.seed):
        sys.exit(f"{done.folder} is of other episodes or another seed: name a new folder with --runs")
    return done


def row(config: RunConfig, done: Evaluation) -> dict[str, object]:
    s = done.summary
    return {
        "task": config.task,
        "engine": config.engine,
        "episodes": s.episodes,
        "solved": s.success_at_end,
        "interval": s.interval,
        "steps": s.steps,
        "replans": s.replans,
        "retries": s.retries,
        "reason": next(iter(s.reasons), ""),
    }


def show(rows: list[dict[str, object]]) -> None:
    table = plain_table("task", "engine", "solved", "interval", "steps#", "replans#", "repeated#", "commonest failure")
    for r in rows:
        solved, bounds = percent(r["solved"], r["episodes"]), interval(r["interval"])  # type: ignore[arg-type]
        figures = (number(r["steps"]), str(r["replans"]), str(r["retries"]))  # type: ignore[arg-type]
        table.add_row(str(r["task"]), str(r["engine"]), solved, bounds, *figures, str(r["reason"])[:60])
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
