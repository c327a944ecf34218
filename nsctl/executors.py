"""Who plays the episodes: this process, or several that each have an agent and a world of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

from nsctl.contracts import Play
from nsctl.errors import InvalidValue, NsctlError


class SerialExecutor:
    """Plays one episode after the other in this process."""

    name = "serial"

    def map(self, make: Callable[[], Play], episodes: Iterable[int]) -> Iterator[Any]:
        """Results in the order of ``episodes``."""
        play = make()
        for episode in episodes:
            yield play(episode)


class ProcessExecutor:
    """Plays on ``workers`` processes, which are started afresh (spawned) and share nothing.

    Nothing stays behind: Ctrl-C reaches this process alone, which then ends its workers; and a worker whose parent was
    killed ends itself.
    """

    name = "process"

    def __init__(self, workers: int = 2) -> None:
        if workers < 1:
            raise InvalidValue(f"workers must be >= 1, got {workers}")
        self.workers = workers

    def map(self, make: Callable[[], Play], episodes: Iterable[int]) -> Iterator[Any]:
        """Results as they end; ``make`` is called once in each worker, and must be picklable."""
        numbers = list(episodes)
        others = set(multiprocessing.active_children())
        pool = ProcessPoolExecutor(
            min(self.workers, max(1, len(numbers))), multiprocessing.get_context("spawn"), _begin, (make,)
        )
        try:
            with _deaf_children():
                futures = [pool.submit(_play, number) for number in numbers]
            for future in as_completed(futures):
                yield _result(future)
            pool.shutdown()
        finally:  # after Ctrl-C or a failure: an episode that is half played is of no use
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            pool.shutdown(cancel_futures=True)


_make: Callable[[], Play] | None = None
_player: Play | None = None


def _begin(make: Callable[[], Play]) -> None:
    """In a worker: remember how to make its player, and end when the parent does."""
    global _make  # noqa: PLW0603 (a pool hands its workers nothing but globals)
    _make = make
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _play(number: int) -> Any:
    global _player  # noqa: PLW0603
    if _player is None:
        if _make is None:
            raise InvalidValue("this process is no worker of a ProcessExecutor")
        _player = _make()
    return _player(number)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _result(future: Future[Any]) -> Any:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise NsctlError("a worker process died while it played (was it killed, or the memory full?)") from error


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started inside do not hear Ctrl-C; this one hears it afterwards."""
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # it would lift the mask if it were started inside
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
