"""How fast the world turns: control steps a second on one core, without an agent.

    python benchmarks/world_speed.py [--task hanoi-3] [--steps 1000] [--repeats 5]

Prints the median over repeats of control steps a second (wall and CPU), of the world alone under a slow sweep of the arm,
and the milliseconds of a reset. One control step is 50 ms of robot time.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time

import numpy as np

from nsctl import registry, tasks
from nsctl.contracts import SuiteOptions, World


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="hanoi-3")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    wanted = parser.parse_args()
    world: World = tasks.suite_of(wanted.task).world(tasks.find(wanted.task), SuiteOptions())
    wall, cpu = zip(*(sweep(world, wanted.steps) for _ in range(wanted.repeats)), strict=True)
    resets = [timed_reset(world, episode) for episode in range(20)]
    print(f"task     {wanted.task}, engine {world.describe()['name']} {world.describe()['mujoco']}")
    print(
        f"steps/s  {statistics.median(wall):.0f} (wall), {statistics.median(cpu):.0f} (CPU), median of {wanted.repeats}"
    )
    print(f"reset    {1000 * statistics.median(resets):.1f} ms, settling included, median of 20")
    print(f"parts    engines: {', '.join(registry.parts('engines'))}")


def sweep(world: World, steps: int) -> tuple[float, float]:
    """Control steps a wall second and a CPU second."""
    done, wall, cpu = 0, 0.0, 0.0
    while done < steps:
        world.reset(0, done)
        begun = time.perf_counter(), time.process_time()
        while not world.over and done < steps:
            swing = 0.3 * math.sin(done / 20)
            world.step(np.array([0, swing, 0, 0, 0, 0, -1], dtype=np.float32))
            done += 1
        wall, cpu = wall + time.perf_counter() - begun[0], cpu + time.process_time() - begun[1]
    return steps / wall, steps / cpu


def timed_reset(world: World, episode: int) -> float:
    begun = time.perf_counter()
    world.reset(1, episode)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
