"""Tries an engine in a process of its own: ``python -P -m nsctl.cli.probe ENGINE``.

A graphics driver that fails may take the process down with it, which then is not the doctor's. ``-P`` keeps the working
directory off Python's path: a folder ``envs`` that happens to lie there says nothing of the engine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from nsctl import tasks
from nsctl.contracts import SuiteOptions, World

SECONDS = 120.0


def examine(engine: str) -> dict[str, str]:
    """Whether the engine moves a world and draws it: empty texts if so, otherwise why not."""
    command = (sys.executable, "-P", "-m", "nsctl.cli.probe", engine)
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return dict.fromkeys(("physics", "picture"), f"no answer after {SECONDS:.0f} s")
    try:
        answer: dict[str, str] = json.loads(asked.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (asked.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return dict.fromkeys(("physics", "picture"), f"the process ended with code {asked.returncode}: {last}")
    return answer


def probe(engine: str) -> dict[str, str]:
    """The same, in this process."""
    return {
        "physics": _why_not(engine, False, lambda world: world.reset(0, 0)),
        "picture": _why_not(engine, True, lambda world: (world.reset(0, 0), world.render())),
    }


def _why_not(engine: str, video: bool, attempt: Callable[[World], Any]) -> str:
    names = tasks.names()
    if not names:
        return "there is no task to try it on: no suite of the group 'envs' can be loaded"
    try:
        name = names[0]
        world = tasks.suite_of(name).world(tasks.find(name), SuiteOptions(engine, video=video))
        attempt(world)
        world.close()
    except Exception as error:  # whatever a simulator or a driver raises
        return f"{type(error).__name__}: {error}"
    return ""


if __name__ == "__main__":
    print(json.dumps(probe(sys.argv[1])))
