"""Our worlds for `worlds.py`: a task on an engine, its policy camera, and the batch of worlds on threads."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from worlds_rounds import FULL_STEP, serve

from nsctl import registry, tasks
from nsctl.contracts import SuiteOptions, World
from nsctl.scene import CONTROL_HZ
from nsctl.task import Task


class OurArena:
    """A registered task on a registered engine, with the sensors and the judge of every episode."""

    def __init__(self, task: str, engine: str) -> None:
        self._world: World = tasks.suite_of(task).world(tasks.find(task), SuiteOptions(engine=engine))
        self._episode = 0
        self.reset()
        said = self._world.describe()
        self._block = next(body.name for body in self._world.task.bodies if body.movable)
        versions = {key: said[key] for key in said if key == engine}
        self.about = {"world": f"nsctl, {engine}", "scene": task, "hz": CONTROL_HZ, "versions": versions}

    @property
    def over(self) -> bool:
        return self._over or self._world.over

    @over.setter
    def over(self, over: bool) -> None:
        self._over = over

    def reset(self) -> None:
        self._seen = self._world.reset(0, self._episode)
        self._episode += 1
        self._over = False

    def step(self, move: Any, closed: bool) -> None:
        self._seen = self._world.step(np.array([*(move / FULL_STEP), 0, 0, 0, 1 if closed else -1], dtype=np.float32))

    def tcp(self) -> Any:
        return self._seen.proprio.tcp.position

    def block(self) -> Any:
        return (self._seen.objects or {})[self._block].position


class CameraArena:
    """A policy camera's pictures of a task's scene, without the world around."""

    def __init__(self, task: str, engine: str) -> None:
        found: Task = tasks.find(task)
        self._engine = registry.load("engines", engine)(found.bodies, ("front",))
        self._engine.reset(found.sample(np.random.default_rng(0)).poses)
        size = "x".join(map(str, self._engine.render("front").shape[:2]))
        self.about = {"world": f"nsctl, {engine}", "scene": task, "hz": CONTROL_HZ, "versions": {}, "size": size}

    def picture(self) -> None:
        self._engine.render("front")


class BatchArena:
    """Many worlds at once on threads: MuJoCo's. A round counts calls of :meth:`steps`; each makes ``a_call`` steps."""

    def __init__(self, task: str, threads: int, count: int) -> None:
        from envs.mujoco.batch import BatchEnv

        self._envs: Any = BatchEnv(task, num_envs=count, threads=threads)
        self._envs.reset(seed=0)
        self._step, self._count = 0, count
        self.about = {
            "world": "nsctl, batch",
            "scene": task,
            "hz": CONTROL_HZ,
            "versions": {},
            "threads": threads,
            "a_call": count,
        }

    def steps(self) -> None:
        actions = np.zeros((self._count, 7), dtype=np.float32)
        actions[:, 1], actions[:, 6] = 0.3 * np.sin(self._step / 20), -1
        self._envs.step(actions)
        self._step += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("world", "camera", "batch"))
    parser.add_argument("task")
    parser.add_argument("how", help="the engine; for a batch, the number of threads")
    parser.add_argument("--count", type=int, default=256, help="worlds side by side in a batch")
    wanted = parser.parse_args()
    make: dict[str, Callable[[str, str], Any]]
    make = {
        "world": OurArena,
        "camera": CameraArena,
        "batch": lambda task, how: BatchArena(task, int(how), wanted.count),
    }
    serve(lambda: make[wanted.kind](wanted.task, wanted.how))


if __name__ == "__main__":
    main()
