"""Whether the arm from primitives grasps as reliably as one whose meshes collide.

    python benchmarks/grasps.py [--episodes 200] [--task move] [--json]

Plays the same episodes with the scripted agent on MuJoCo with three arms: ours (cylinders, boxes and pads), one whose links
collide with the meshes of pybullet_data, and one whose fingers do so too, without pads. Per arm: episodes solved with the
95 % interval, executions of a skill that had to be repeated, control steps, and how far from the middle of its support a
placed disc came to lie.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable

import mujoco
import numpy as np

from envs.mujoco import model
from envs.mujoco.panda import panda_spec
from envs.panda import PADS, REACHING, meshes
from nsctl import registry, tasks
from nsctl.cli.tables import interval, percent, plain_table
from nsctl.contracts import SuiteOptions
from nsctl.episode import play
from nsctl.formulas import plain_literals
from nsctl.phases import EpisodeClock
from nsctl.statistics import wilson


def with_meshes(links: tuple[str, ...]) -> Callable[[str], mujoco.MjSpec]:
    """The arm of which these links collide with their meshes, and with nothing else."""

    def spec_of(looks: str) -> mujoco.MjSpec:
        spec = panda_spec(looks)  # type: ignore[arg-type]
        for link in links:
            path, body = meshes()[link], spec.body(link)
            for geom in body.geoms:
                geom.contype = 0
            if not any(mesh.name == f"solid {path.stem}" for mesh in spec.meshes):
                spec.add_mesh(name=f"solid {path.stem}", file=str(path))
            geom = body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=f"solid {path.stem}", mass=0, group=3)
            geom.contype, geom.conaffinity = 2, 0
            geom.quat = [0, 0, 0, 1] if link == PADS[1] else [1, 0, 0, 0]
            if link in PADS:  # what the pads have
                geom.priority, geom.condim, geom.friction = 1, 4, [1.5, 0.05, 0.0001]
                geom.solref[:2], geom.solimp = [0.004, 1], [0.95, 0.99, 0.001, 0.5, 2]
        return spec

    return spec_of


ARMS = {
    "primitives": panda_spec,
    "meshes, pads": with_meshes(tuple(link for link in REACHING if link not in PADS)),
    "meshes alone": with_meshes(REACHING),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="move")
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    rows = {name: measure(arm, wanted.task, wanted.episodes) for name, arm in ARMS.items()}
    if wanted.json:
        print(json.dumps(rows))
        return
    table = plain_table("arm", "solved", "interval", "repeated#", "steps#", "off, mm#", "worst#")
    for name, row in rows.items():
        bounds = interval(wilson(row["solved"], row["episodes"]))
        off = (f"{row['off_mm']:.2f}", f"{row['worst_off_mm']:.1f}")
        table.add_row(
            name, percent(row["solved"], row["episodes"]), bounds, str(row["repeated"]), str(row["steps"]), *off
        )
    from rich.console import Console

    Console(width=120).print(table)


def measure(arm: Callable[[str], mujoco.MjSpec], task: str, episodes: int) -> dict[str, float]:
    model.panda_spec = arm  # type: ignore[assignment]
    world = tasks.suite_of(task).world(tasks.find(task), SuiteOptions())
    agent = registry.load("agents", "scripted")()
    solved, repeated, steps, off = 0, 0, [], []
    for number in range(episodes):
        episode = play(world, agent, EpisodeClock(), 4000, number)
        solved += episode.outcome.status == "succeeded"
        repeated += episode.report.retries
        steps.append(episode.steps)
        if episode.outcome.status == "succeeded":
            truth = world.truth()
            for literal in plain_literals(world.task.goal):
                upper, lower = (truth[name].position[:2] for name in literal.atom.arguments)
                off.append(1000 * float(np.hypot(*(upper - lower))))
    world.close()
    return {
        "episodes": episodes,
        "solved": solved,
        "repeated": repeated,
        "steps": int(statistics.median(steps)),
        "off_mm": statistics.median(off or [math.nan]),
        "worst_off_mm": max(off, default=math.nan),
    }


if __name__ == "__main__":
    main()
