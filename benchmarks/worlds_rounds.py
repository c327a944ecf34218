"""One world of `worlds.py` in a process of its own: it plays rounds as it is told and tells how long its steps took.

Any interpreter with numpy can run this file, so that a world whose packages disagree with ours takes part as well. A round
is asked for by a line of JSON on standard input and answered by one; the world alone is timed, neither what commands the arm
nor what looks at the clock. What the world itself prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np

FULL_STEP = 0.05
"""Metres that an action of 1 moves the commanded point in one control step: the same in every world here."""
SAMPLES = 10
"""Resets or pictures between two looks at how long a round has lasted."""


class Arena(Protocol):
    """A world with an arm and two blocks, as the rounds need it."""

    about: Mapping[str, Any]
    """What it is: at least ``world``, ``scene``, ``hz`` (control steps in a second of the robot's time) and ``versions``."""
    over: bool
    """Whether it wants a reset."""

    def reset(self) -> None: ...

    def step(self, move: Any, closed: bool) -> None:
        """One control step: ``move`` the commanded point by metres [3] and close or open the gripper."""

    def tcp(self) -> Any:
        """Where the tool centre point is seen [3], m."""

    def block(self) -> Any:
        """Where the middle of the block is seen that can be grasped [3], m."""


Motion = Callable[[Arena], Iterator[tuple[Any, bool]]]
"""Gives moves and gripper commands without end."""


def sweep(arena: Arena) -> Iterator[tuple[Any, bool]]:
    """The open hand swings to and fro above the blocks and touches nothing."""
    step = 0
    while True:
        yield np.array([0.0, 0.3 * FULL_STEP * np.sin(step / 20), 0.0]), False
        step += 1


def grasp(arena: Arena) -> Iterator[tuple[Any, bool]]:
    """The hand takes the block, lifts it, puts it back and lets go, again and again."""
    while True:
        start = np.array(arena.block())
        for offset, closed, steps in (
            (0.10, False, 30),
            (0.0, False, 25),
            (0.0, True, 10),
            (0.10, True, 20),
            (0.0, True, 20),
            (0.0, False, 8),
        ):
            goal = start + [0.0, 0.0, offset]
            for _ in range(steps):
                yield np.clip(0.6 * (goal - arena.tcp()), -0.6 * FULL_STEP, 0.6 * FULL_STEP), closed


MOTIONS: Mapping[str, Motion] = {"sweep": sweep, "grasp": grasp}


class Stopwatch:
    """Adds up wall and processor seconds, all threads of this process counted."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __call__(self, work: Callable[..., Any], *args: Any) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        work(*args)
        self.cpu += time.process_time() - cpu
        self.wall += time.perf_counter() - wall


def moving(arena: Arena, motion: str, seconds: float) -> dict[str, float]:
    """Control steps for at least so many processor seconds; ``lifted`` is the share that held the block in the air."""
    watch, steps, lifted = Stopwatch(), 0, 0
    arena.over = True
    while watch.cpu < seconds:
        if arena.over:
            arena.reset()
            height, moves = arena.block()[2], MOTIONS[motion](arena)
        watch(arena.step, *next(moves))
        steps += 1
        lifted += bool(arena.block()[2] > height + 0.02)
    return {"count": steps, "wall": watch.wall, "cpu": watch.cpu, "lifted": lifted / steps}


def repeating(work: Callable[[], Any], seconds: float) -> dict[str, float]:
    """The same piece of work for at least so many processor seconds."""
    watch, count = Stopwatch(), 0
    while watch.cpu < seconds:
        for _ in range(SAMPLES):
            watch(work)
        count += SAMPLES
    return {"count": count, "wall": watch.wall, "cpu": watch.cpu}


def one_round(arena: Any, what: str, seconds: float) -> dict[str, float]:
    """A round of a motion, of ``reset``, or of anything else that the arena can repeat."""
    if what in MOTIONS:
        return moving(arena, what, seconds)
    return repeating(getattr(arena, what), seconds)


def serve(make: Callable[[], Any]) -> None:
    """Make the arena, say what it is, and play the rounds that are asked for until there are none."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    arena = make()
    print(json.dumps(dict(arena.about)), file=answers)
    for line in sys.stdin:
        print(json.dumps(one_round(arena, **json.loads(line))), file=answers)
