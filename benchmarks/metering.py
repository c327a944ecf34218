"""What metering costs: episodes with the clock and its counters beside the same episodes with a clock that does nothing.

    python benchmarks/metering.py [--task hanoi-3] [--agent nesy] [--pairs 40] [--carbon] [--json]

Each episode is played twice in one process, with meters and without, in an order that turns from pair to pair. Told are
the ratio of the seconds (geometric mean over the pairs, 95 % bootstrap interval over pairs), of wall time and of CPU time;
what one boundary of a phase costs; and how many there are, from which the overhead follows once more. With ``--carbon``:
what codecarbon takes to start, and what its thread takes while this process sleeps.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import Any

import numpy as np

from nsctl import registry, tasks
from nsctl.contracts import SuiteOptions
from nsctl.episode import play
from nsctl.metering import counters, survey
from nsctl.phases import EpisodeClock, NoClock

RESAMPLES = 10_000
CARBON_SECONDS = 31.0
"""Two samples of codecarbon's, which takes one every 15 seconds."""


class CountingClock(EpisodeClock):
    """A clock that knows how many boundaries it saw: two for each phase that was opened inside another one."""

    boundaries = 0

    def mark(self, account: Any) -> None:
        self.boundaries += 1
        super().mark(account)


class Stage:
    """An agent in a world, and one episode of it by whichever clock."""

    def __init__(self, task: str, agent: str, seed: int) -> None:
        self.seed = seed
        self.agent = registry.load("agents", agent)()
        self.world = tasks.suite_of(task).world(tasks.find(task), SuiteOptions())

    def episode(self, number: int, make: Callable[[], EpisodeClock]) -> tuple[float, float]:
        """Wall and CPU seconds of this episode, the making of the clock included."""
        cpu, wall = time.process_time(), time.perf_counter()
        play(self.world, self.agent, make(), self.seed, number)
        return time.perf_counter() - wall, time.process_time() - cpu


def metered() -> EpisodeClock:
    """The clock that ``nsctl run`` uses."""
    return EpisodeClock(counters())


def pairs(stage: Stage, count: int) -> np.ndarray:
    """Seconds [count, 2, 2]: of each episode, with meters and without; wall and CPU."""
    for make in (metered, NoClock):
        stage.episode(0, make)
    found = np.empty((count, 2, 2))
    for number in range(count):
        for arm in (0, 1) if number % 2 else (1, 0):
            found[number, arm] = stage.episode(number, (metered, NoClock)[arm])
    return found


def ratio(seconds: np.ndarray) -> dict[str, Any]:
    """Geometric mean of the ratios of [n, 2] seconds, and its 95 % bootstrap interval."""
    logs = np.log(seconds[:, 0] / seconds[:, 1])
    draws = np.random.default_rng(0).choice(logs, (RESAMPLES, len(logs))).mean(axis=1)
    low, high = np.exp(np.quantile(draws, [0.025, 0.975]))
    return {"ratio": float(np.exp(logs.mean())), "interval": [float(low), float(high)]}


def boundary_microseconds(rounds: int = 20_000) -> float:
    """One boundary of a phase, mean over ten batches' median."""
    clock, batches = metered(), []
    for _ in range(10):
        begun = time.perf_counter()
        for _ in range(rounds // 10):
            with clock.phase("policy"):
                pass
        batches.append((time.perf_counter() - begun) / (rounds // 10) / 2)
    return 1e6 * median(batches)


def carbon() -> dict[str, float]:
    """Seconds until codecarbon has started, and the part of a processor that it takes afterwards."""
    meter = next(entry.meter for entry in survey() if entry.part.name == "codecarbon")
    assert meter is not None
    begun = time.perf_counter()
    meter.start()
    started, cpu, wall = time.perf_counter() - begun, time.process_time(), time.perf_counter()
    time.sleep(CARBON_SECONDS)
    share = (time.process_time() - cpu) / (time.perf_counter() - wall)
    meter.stop()
    return {"start_seconds": started, "share_of_a_processor": share}


def measure(task: str, agent: str, count: int, seed: int) -> dict[str, Any]:
    """All figures of one task and agent."""
    stage = Stage(task, agent, seed)
    found = pairs(stage, count)
    counted: list[CountingClock] = []

    def make() -> CountingClock:
        counted.append(CountingClock(counters()))
        return counted[-1]

    stage.episode(0, make)
    stage.world.close()
    cost, plain = boundary_microseconds(), found[:, 1, 0]
    return {
        "task": task,
        "agent": agent,
        "pairs": count,
        "meters": [meter.name for meter in counters()],
        "seconds_without": fmean(plain),
        "wall": ratio(found[:, :, 0]),
        "cpu": ratio(found[:, :, 1]),
        "boundary_microseconds": cost,
        "boundaries": counted[0].boundaries,
        "by_boundaries": counted[0].boundaries * cost * 1e-6 / median(plain),
    }


def show(told: dict[str, Any]) -> None:
    """The figures as lines."""
    print(f"{told['task']} with {told['agent']}, {told['pairs']} pairs, meters: {', '.join(told['meters'])}")
    for name in ("wall", "cpu"):
        low, high = told[name]["interval"]
        print(f"{name:>5} time with meters / without: {told[name]['ratio']:.4f} ({low:.4f} to {high:.4f})")
    print(f"a boundary: {told['boundary_microseconds']:.1f} us; {told['boundaries']} of them in episode 0")
    print(f"boundaries x cost / wall of an episode: {told['by_boundaries']:.2%} of {told['seconds_without']:.2f} s")
    if "carbon" in told:
        start, share = told["carbon"]["start_seconds"], told["carbon"]["share_of_a_processor"]
        print(f"codecarbon: {start:.1f} s to start, then {share:.2%} of a processor")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--task", default="hanoi-3")
    parser.add_argument("--agent", default="nesy")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--carbon", action="store_true", help="also what codecarbon takes; 31 s more")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    told = measure(asked.task, asked.agent, asked.pairs, asked.seed)
    if asked.carbon:
        told["carbon"] = carbon()
    if asked.json:
        print(json.dumps(told))
    else:
        show(told)


if __name__ == "__main__":
    main()
