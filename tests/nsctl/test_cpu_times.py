"""CPU times by the kernel's own account."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from nsctl.cpu_times import cpu_times


def test_the_kernel_s_figures_are_read_in_seconds(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 20 30 9999 8888 5 7 3 2 1\ncpu0 0 0 0\n")
    times = cpu_times(stat)
    assert times is not None
    assert times.busy == pytest.approx(1.62), "idle, waiting and stolen time is nobody's work here"
    assert cpu_times(tmp_path / "none") is None
    stat.write_text("nothing\n")
    assert cpu_times(stat) is None


@pytest.mark.skipif(cpu_times() is None, reason="this system keeps no /proc/stat")
def test_own_work_is_no_others_work() -> None:
    before = cpu_times()
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    after = cpu_times()
    assert before is not None
    assert after is not None
    assert after.own - before.own == pytest.approx(0.2, abs=0.05)
    assert after.busy - before.busy > 0.15
