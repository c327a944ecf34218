"""Checks of engines and executors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import mul
from typing import Any

import numpy as np

from nsctl import registry
from nsctl.conformance import stage
from nsctl.conformance.report import Checklist, Failed, require, require_members
from nsctl.contracts import SuiteOptions
from nsctl.scene import ACTION_SIZE

STEPS = 10


def examine_engine(engine: Any, checklist: Checklist, count: int, on: Sequence[str]) -> None:
    """A world on it repeats itself."""
    names = [part.name for part in registry.parts("engines").values() if _is(part, engine)]
    checklist.check("carries a world", lambda: _carries(names[0], on))


def examine_executor(executor: Any, checklist: Checklist, count: int, on: Sequence[str]) -> None:
    """It plays every episode once."""
    checklist.check("plays all", lambda: _plays_all(executor))


def _is(part: registry.Part, engine: Any) -> bool:
    try:
        return part.load() is engine
    except Exception:
        return False


def _carries(engine: str, on: Sequence[str]) -> str:
    hashes = []
    for _ in range(2):
        with stage.world(on, SuiteOptions(engine=engine)) as place:
            place.reset(1, 0)
            for i in range(STEPS):
                place.step(np.full(ACTION_SIZE, 0.1 * (i % 3), dtype=np.float32))
            hashes.append(place.state_hash())
    require(hashes[0] == hashes[1], f"Two worlds of one seed differ after the same {STEPS} actions.")
    return f"Two worlds of {place.task.name} are the same, bit by bit, after the same {STEPS} actions."


def _plays_all(executor: Any) -> str:
    require_members(executor, ("name", "map"), "Executor")
    episodes = [3, 0, 5, 1]
    make = partial(partial, mul, 7)  # a player's factory that any process can import: it plays 3 and gives 21
    told = sorted(executor.map(make, episodes))
    if told != sorted(7 * episode for episode in episodes):
        raise Failed(f"Of the episodes {episodes} came {told}; each must be played once.")
    require(list(executor.map(make, [])) == [], "Without episodes nothing may come.")
    return f"{len(episodes)} episodes, each played once."
