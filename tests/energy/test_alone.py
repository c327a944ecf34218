"""Who else was at work: CPU times of everybody beside those of this process."""

from __future__ import annotations

import pytest

from energy import alone
from energy.alone import Others, few
from nsctl.cpu_times import CpuTimes


class Script:
    """CPU times that a test lets pass."""

    def __init__(self) -> None:
        self.now = CpuTimes(0.0, 100.0, 10.0)
        self.looks = 0

    def run(self, seconds: float, own: float, others: float) -> None:
        self.now = CpuTimes(self.now.when + seconds, self.now.busy + own + others, self.now.own + own)

    def __call__(self) -> CpuTimes:
        self.looks += 1
        return self.now


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    script = Script()
    monkeypatch.setattr(alone.time, "monotonic", lambda: script.now.when)
    return script


def begun(script: Script) -> Others:
    others = Others(script)
    others.begin()
    return others


def test_the_share_is_that_of_the_busy_time(script: Script) -> None:
    others = begun(script)
    script.run(10.0, own=9.0, others=1.0)
    assert others.lately() == pytest.approx(0.1)
    assert not few(others.lately())


def test_a_window_begins_where_the_last_one_ended(script: Script) -> None:
    others = begun(script)
    script.run(10.0, own=5.0, others=5.0)
    assert others.lately() == pytest.approx(0.5)
    script.run(10.0, own=10.0, others=0.1)
    assert others.lately() == pytest.approx(0.1 / 10.1)
    assert others.in_all() == pytest.approx(5.1 / 20.1)


def test_short_windows_reach_back_a_second(script: Script) -> None:
    others = begun(script)
    script.run(5.0, own=5.0, others=0.0)
    assert others.lately() == 0.0
    script.run(0.4, own=0.2, others=0.2)
    assert others.lately() == pytest.approx(0.2 / 5.4), "0.4 s alone would tell nothing"
    script.run(0.7, own=0.7, others=0.0)
    assert others.lately() == pytest.approx(0.2 / 1.1)


def test_asking_again_at_once_takes_no_second_look(script: Script) -> None:
    others = begun(script)
    script.run(2.0, own=2.0, others=0.0)
    answers = [others.lately() for _ in range(6)]
    assert answers == [0.0] * 6
    assert script.looks == 2


def test_what_is_not_known_is_not_alone(script: Script) -> None:
    assert not few(None)
    assert Others(script).lately() is None, "not begun"
    silent = Others(lambda: None)
    silent.begin()
    assert silent.lately() is None
    assert silent.in_all() is None
