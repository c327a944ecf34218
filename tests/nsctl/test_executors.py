"""Who plays: in order here, apart there, and nothing stays behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nsctl.errors import InvalidValue, NsctlError, UnknownName
from nsctl.executors import ProcessExecutor, SerialExecutor


class Counting:
    """Says who it is and the how-manieth call this is."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, episode: int, /) -> tuple[int, int, int]:
        self.calls += 1
        time.sleep(0.05)
        return episode, self.calls, os.getpid()


def unmakeable() -> Counting:
    raise UnknownName("skill", "pikc", ["pick"])


def fatal() -> Callable[[int], int]:
    return lambda episode: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[return-value]


def noted(folder: Path) -> Callable[[int], int]:
    (folder / str(os.getpid())).touch()

    def play(episode: int) -> int:
        time.sleep(30)
        return episode

    return play


def test_serial_plays_in_order_with_one_player_and_lazily() -> None:
    results = SerialExecutor().map(Counting, [3, 1, 2])
    assert next(iter(results)) == (3, 1, os.getpid())
    assert list(results) == [(1, 2, os.getpid()), (2, 3, os.getpid())]


def test_processes_play_everything_once_with_a_player_each() -> None:
    results = list(ProcessExecutor(2).map(Counting, range(8)))
    assert sorted(episode for episode, _, _ in results) == list(range(8))
    by_process: dict[int, list[int]] = {}
    for _, calls, process in results:
        by_process.setdefault(process, []).append(calls)
    assert os.getpid() not in by_process
    assert 1 <= len(by_process) <= 2
    assert all(sorted(calls) == list(range(1, len(calls) + 1)) for calls in by_process.values())
    assert multiprocessing.active_children() == []


def test_nothing_to_play_starts_no_process() -> None:
    assert list(ProcessExecutor(2).map(unmakeable, [])) == []


def test_a_player_that_cannot_be_made_is_told_in_its_own_words() -> None:
    with pytest.raises(NsctlError, match=r"no skill is called 'pikc'\. Did you mean 'pick'\?"):
        list(ProcessExecutor(1).map(unmakeable, [0]))


def test_a_worker_that_dies_is_reported_and_the_others_end() -> None:
    with pytest.raises(NsctlError, match="a worker process died while it played"):
        list(ProcessExecutor(2).map(fatal, range(4)))
    assert multiprocessing.active_children() == []


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    results = ProcessExecutor(2).map(Counting, range(100))
    next(iter(results))
    assert multiprocessing.active_children()
    results.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_parent(tmp_path: Path, blow: signal.Signals) -> None:
    code = (
        "import test_executors as t; from functools import partial; from pathlib import Path\n"
        f"if __name__ == '__main__': list(t.ProcessExecutor(2).map(partial(t.noted, Path({str(tmp_path)!r})), range(9)))"
    )
    script = tmp_path / "script"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    parent = subprocess.Popen([sys.executable, script], env=environment, stderr=subprocess.PIPE, start_new_session=True)
    workers = _wait_for(lambda: [int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()], 2)
    os.kill(parent.pid, blow)
    _, errors = parent.communicate(timeout=20)
    _wait_for(lambda: [pid for pid in workers if not _alive(pid)], 2)
    assert errors.count(b"Traceback") <= 1  # the parent's own; a worker says nothing


@pytest.mark.parametrize("workers", [0, -1])
def test_a_number_of_workers_must_be_positive(workers: int) -> None:
    with pytest.raises(InvalidValue, match=f"workers must be >= 1, got {workers}"):
        ProcessExecutor(workers)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _wait_for(look: Callable[[], list[int]], count: int) -> list[int]:
    for _ in range(400):
        if len(found := look()) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {count}: {look()}")
