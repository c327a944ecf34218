"""Episodes played by several processes, or by this one, in order, and no further ahead than is needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, Protocol, TypeVar

import torch

from policies.vla.libraries import triton_first

R = TypeVar("R")
J = TypeVar("J")


class Crew(Protocol):
    """Does jobs one after the other or side by side; answers come in the order of the jobs."""

    def __call__(self, what: Callable[[J], R], jobs: Iterable[J], /) -> Iterator[R]: ...


@contextmanager
def crew(workers: int) -> Iterator[Crew]:
    """A crew of so many processes; of one, this process itself. What has not begun at the end is given up."""
    if workers == 1:
        yield map
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_ready)

    def spread(what: Callable[[Any], Any], jobs: Iterable[Any]) -> Iterator[Any]:
        ahead: deque[Future[Any]] = deque()
        try:
            for job in jobs:
                ahead.append(pool.submit(what, job))
                if len(ahead) > 2 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()

    try:
        yield spread
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ready() -> None:
    """Each process is one of many, and takes one core."""
    triton_first()
    torch.set_num_threads(1)
