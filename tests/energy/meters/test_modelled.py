"""The modelled meter: CPU seconds times a stated power."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import FrozenInstanceError

import pytest

from energy.meters.modelled import CpuPowerModel, ModelledMeter
from nsctl.errors import InvalidValue


def burn(cpu_seconds: float) -> None:
    end = time.process_time() + cpu_seconds
    while time.process_time() < end:
        pass


def test_joules_follow_cpu_seconds() -> None:
    meter = ModelledMeter(CpuPowerModel(10.0, "a test"))
    before, mark = meter.read(), time.process_time()
    burn(0.05)
    spent = time.process_time() - mark
    assert meter.read() - before == pytest.approx(10.0 * spent, rel=0.02)
    assert 0.5 <= 10.0 * spent < 1.5


def test_sleep_costs_next_to_nothing() -> None:
    meter = ModelledMeter()
    before = meter.read()
    time.sleep(0.1)
    assert meter.read() - before < 0.1 * meter.model.watts_per_busy_thread / 4


def test_children_count_once_they_have_ended() -> None:
    meter = ModelledMeter(CpuPowerModel(10.0, "a test"))
    before = meter.read()
    code = "import time; end = time.process_time() + 0.05\nwhile time.process_time() < end: pass"
    child = subprocess.Popen([sys.executable, "-S", "-c", code])
    time.sleep(0.3)
    assert meter.read() - before < 0.4  # it has done its work, but nobody has asked after it
    child.wait()
    assert meter.read() - before >= 0.5


def test_stop_tells_the_run_alone() -> None:
    burn(0.02)
    meter = ModelledMeter()
    meter.start()
    burn(0.03)
    fields = meter.stop()
    assert 0.03 <= fields["cpu_seconds"] < 0.05 + 0.03
    assert fields["joules"] == pytest.approx(4.0 * fields["cpu_seconds"])


def test_it_is_always_available_and_says_what_it_stands_on() -> None:
    meter = ModelledMeter()
    assert meter.availability().ok
    assert meter.label == "modelled"
    assert meter.describe()["power_model"] == {
        "watts_per_busy_thread": 4.0,
        "source": "codecarbon's default for a CPU that it does not know: 4 W a hardware thread",
    }


@pytest.mark.parametrize("watts", [0.0, -1.0, float("inf"), float("nan")])
def test_watts_out_of_range_are_refused(watts: float) -> None:
    with pytest.raises(InvalidValue, match=rf"watts_per_busy_thread must be > 0 W and finite, got {watts}"):
        CpuPowerModel(watts)


def test_a_model_without_a_source_is_refused() -> None:
    with pytest.raises(InvalidValue, match="source must say where the watts come from"):
        CpuPowerModel(5.0, "")


def test_the_model_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        CpuPowerModel().watts_per_busy_thread = 5.0  # type: ignore[misc]
