"""Runs an engine of unified-planning in a process of its own, because some ignore the time limit that they are given.

The process is a fork of this one: unified-planning is imported already, and what the engine does to global state (the
stream of credits, filters of warnings, standard output) is gone with it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

from unified_planning.model import Problem as UnifiedProblem

from planners.plans.validation import Named

GRACE = 0.5
"""Seconds that an engine may need beyond its limit to end by itself; then its process is ended."""


@dataclass(frozen=True)
class Reply:
    """What an engine said: the name of UP's status (``""`` if its process died), steps by UP's names, and its log."""

    status: str
    steps: tuple[Named, ...] | None = None
    engine: str = ""
    log: str = ""


def ask(engine: str, problem: UnifiedProblem, limit: float) -> Reply:
    """The reply of the engine of that name; ``TIMEOUT`` at the latest ``GRACE`` seconds after ``limit``."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    deadline = monotonic() + limit
    worker = context.Process(target=_work, args=(theirs, engine, problem, limit), daemon=True)
    worker.start()
    theirs.close()
    try:
        if not ours.poll(max(0.0, deadline - monotonic()) + GRACE):
            return Reply("TIMEOUT")
        reply: Reply = ours.recv()
        return reply
    except EOFError:
        return Reply("", log="its process died")
    finally:
        _end(worker)
        ours.close()


def _end(worker: Any) -> None:
    worker.join(0.1)
    if worker.is_alive():
        worker.terminate()
        worker.join(1.0)
    if worker.is_alive():
        worker.kill()
    worker.join()


def _work(pipe: Connection, engine: str, problem: UnifiedProblem, limit: float) -> None:
    """What the process does; a signal to end comes as an exception, so that a planner that was started ends, too."""
    signal.signal(signal.SIGTERM, _leave)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    warnings.simplefilter("ignore")
    environment = problem.environment
    environment.credits_stream = None
    try:
        with environment.factory.OneshotPlanner(name=engine) as planner:
            try:
                result = planner.solve(problem, timeout=limit)
            finally:
                _end_child_of(planner)
        pipe.send(_reply(result))
    except Exception as error:  # an engine may raise anything at all
        pipe.send(Reply("INTERNAL_ERROR", log=f"{type(error).__name__}: {error}"))


def _reply(result: Any) -> Reply:
    steps = None
    if result.plan is not None:
        steps = tuple((a.action.name, tuple(str(p) for p in a.actual_parameters)) for a in result.plan.actions)
    lines = [message.message.strip() for message in result.log_messages or ()]
    return Reply(result.status.name, steps, result.engine_name, "\n".join(filter(None, lines)))


def _leave(*_: object) -> None:
    raise SystemExit


def _end_child_of(planner: Any) -> None:
    """End the program that the engine runs, if it still does; UP starts each in a process group of its own."""
    process = getattr(planner, "_process", None)
    if process is not None and process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
