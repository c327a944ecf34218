"""The NVML meter on a fake of the bindings, with a counter that moves every 100 ms."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from energy.meters.modelled import ModelledMeter
from energy.meters.nvml import NvmlMeter
from nsctl.phases import EpisodeClock

ME, OTHER = os.getpid(), os.getpid() + 1


class FakeError(Exception):
    """Stands for ``pynvml.NVMLError``."""


@dataclass
class Gpu:
    """A GPU that draws ``watts``; its counter stands still between updates."""

    watts: int = 300
    pids: list[int] = field(default_factory=lambda: [ME])
    renders: list[int] = field(default_factory=list)
    counter: bool = True
    since_boot_mj: int = 5_000_000
    now_ms: int = 0

    tells_power: bool = True

    def energy(self) -> int:
        """Millijoules at the last update."""
        return self.since_boot_mj + self.watts * (self.now_ms // 100 * 100)


class FakeNvml:
    """As much of ``pynvml`` as the meter asks for."""

    NVMLError = FakeError

    def __init__(self, *gpus: Gpu, driver: bool = True) -> None:
        self.gpus, self.driver, self.open = gpus, driver, 0

    def nvmlInit(self) -> None:  # noqa: N802
        if not self.driver:
            raise FakeError("NVML Shared Library Not Found")
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Gpu:  # noqa: N802
        return self.gpus[index]

    def nvmlDeviceGetName(self, gpu: Gpu) -> str:  # noqa: N802
        return "Fake GPU"

    def nvmlDeviceGetComputeRunningProcesses(self, gpu: Gpu) -> list[Any]:  # noqa: N802
        return [SimpleNamespace(pid=pid) for pid in gpu.pids]

    def nvmlDeviceGetGraphicsRunningProcesses(self, gpu: Gpu) -> list[Any]:  # noqa: N802
        return [SimpleNamespace(pid=pid) for pid in gpu.renders]

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu: Gpu) -> int:  # noqa: N802
        if not gpu.counter:
            raise FakeError("Not Supported")
        return gpu.energy()

    def nvmlDeviceGetPowerUsage(self, gpu: Gpu) -> int:  # noqa: N802
        if not gpu.tells_power:
            raise FakeError("Not Supported")
        return gpu.watts * 1000


def started(*gpus: Gpu) -> NvmlMeter:
    meter = NvmlMeter(FakeNvml(*gpus))
    meter.start()
    return meter


def test_joules_are_right_to_one_update() -> None:
    gpu = Gpu(watts=300)
    meter = started(gpu)
    assert meter.read() == 0.0
    for now_ms in (99, 150, 1000, 2350):
        gpu.now_ms = now_ms
        joules = meter.read()
        assert joules is not None
        assert 0 <= 300 * now_ms / 1000 - joules < 300 * meter.update_seconds


def test_only_gpus_in_use_are_charged() -> None:
    mine, theirs = Gpu(watts=100), Gpu(watts=400, pids=[OTHER])
    meter = started(mine, theirs)
    meter.read()
    mine.now_ms = theirs.now_ms = 1000
    assert meter.read() == pytest.approx(100.0)
    assert meter.stop()["devices"] == pytest.approx({"0: Fake GPU": 100.0})


def test_a_process_that_never_uses_the_gpu_pays_nothing() -> None:
    gpu = Gpu(pids=[OTHER])
    meter = started(gpu)
    assert meter.read() == 0.0
    gpu.now_ms = 5000
    assert meter.read() == 0.0
    assert meter.stop() == {"joules": 0.0, "devices": {}}


def test_a_gpu_is_charged_from_the_reading_before_it_was_used() -> None:
    gpu = Gpu(watts=200, pids=[])
    meter = started(gpu)
    gpu.now_ms = 5000
    assert meter.read() == 0.0
    gpu.now_ms, gpu.pids = 5500, [ME]
    assert meter.read() == pytest.approx(100.0)
    gpu.now_ms = 6500
    assert meter.read() == pytest.approx(300.0)


def test_the_episode_in_which_the_context_appears_is_charged() -> None:
    gpu = Gpu(watts=200, pids=[])
    meter = started(gpu)
    gpu.now_ms = 3000  # parts are made, nothing is on the GPU yet
    clock = EpisodeClock([meter])
    with clock.phase("policy"):
        gpu.now_ms, gpu.pids = 4000, [ME]
    costs = clock.stop()
    assert sum(cost.joules.value or 0.0 for cost in costs.values()) == pytest.approx(200.0)
    assert {(cost.joules.label, cost.joules.source) for cost in costs.values()} == {("attributed", "nvml")}


def test_an_unused_gpu_leaves_the_phase_meter_s_figures_as_they_are() -> None:
    gpu = Gpu(pids=[OTHER])
    clock = EpisodeClock([ModelledMeter(), started(gpu)])
    with clock.phase("policy"):
        gpu.now_ms = 4000
    costs = clock.stop()
    assert {(cost.joules.label, cost.joules.source) for cost in costs.values()} == {("modelled", "modelled")}
    assert sum(cost.joules.value or 0.0 for cost in costs.values()) < 4.0


def test_a_gpu_that_joins_later_does_not_bring_its_past_along() -> None:
    first, second = Gpu(watts=100), Gpu(watts=100, pids=[], since_boot_mj=10**9)
    meter = started(first, second)
    meter.read()
    second.pids = [ME]
    assert meter.read() == 0.0


def test_a_closed_context_does_not_end_the_charge() -> None:
    gpu = Gpu(watts=200)
    meter = started(gpu)
    meter.read()
    gpu.now_ms, gpu.pids = 1000, []
    assert meter.read() == pytest.approx(200.0)


def test_rendering_counts_as_use() -> None:
    assert started(Gpu(pids=[], renders=[ME])).read() == 0.0


def test_a_shared_gpu_is_attributed() -> None:
    alone, shared = started(Gpu()), started(Gpu(pids=[ME, OTHER]))
    alone.read(), shared.read()
    assert (alone.label, shared.label) == ("measured", "attributed")


def test_a_counter_that_fails_midway_reads_as_none() -> None:
    gpu = Gpu()
    meter = started(gpu)
    meter.read()
    gpu.counter = False
    assert meter.read() is None
    assert meter.stop()["joules"] is None


def sampled(gpu: Gpu) -> NvmlMeter:
    """On a card without a counter, by the card's own time."""
    gpu.counter = False
    meter = NvmlMeter(FakeNvml(gpu), clock=lambda: gpu.now_ms / 1000)
    meter.start()
    return meter


def test_power_samples_are_joined_by_straight_lines() -> None:
    gpu = Gpu(watts=100)
    meter = sampled(gpu)
    expected = 0.0
    for watts in (200, 400, 400, 50):
        expected += (gpu.watts + watts) / 2 * 0.2
        gpu.now_ms, gpu.watts = gpu.now_ms + 200, watts
        assert meter.read() == pytest.approx(expected)
    assert (meter.label, meter.poll_seconds) == ("attributed", 0.2)
    assert meter.describe()["without_counter"] == ["Fake GPU"]


def test_power_at_both_ends_of_a_long_window_is_no_figure() -> None:
    gpu = Gpu(watts=100)
    meter = sampled(gpu)
    gpu.now_ms = 5000
    assert meter.read() is None
    gpu.now_ms = 5200
    assert meter.read() == pytest.approx(20.0), "told once, and in no later window"


def test_a_card_without_a_counter_is_charged_only_while_it_is_used() -> None:
    gpu = Gpu(watts=100, pids=[OTHER])
    meter = sampled(gpu)
    gpu.now_ms = 5000
    assert meter.read() == 0.0, "whose joules are not known does not matter while it is nobody's that we charge"
    gpu.pids, gpu.now_ms = [ME], 5200
    assert meter.read() == pytest.approx(20.0)


def test_the_clock_of_an_episode_samples_a_card_without_a_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu(watts=100)
    meter = sampled(gpu)
    monkeypatch.setattr("nsctl.phases.time.perf_counter", lambda: gpu.now_ms / 1000)
    clock = EpisodeClock([meter])
    for step in range(300):  # three seconds in steps of ten milliseconds: the power swings twice a second
        gpu.watts = 300 if (step // 25) % 2 else 100
        with clock.phase("policy"):
            gpu.now_ms += 10
    costs = clock.stop()
    figures = [cost.joules for cost in costs.values()]
    assert sum(figure.value or 0.0 for figure in figures) == pytest.approx(600.0, rel=0.1)
    assert {figure.label for figure in figures} == {"attributed"}


def test_the_whole_of_the_cards_is_told_for_their_idle_power() -> None:
    mine, idle = Gpu(watts=100), Gpu(watts=50, pids=[])
    meter = started(mine, idle)
    mine.now_ms = idle.now_ms = 1000
    assert meter.read() == pytest.approx(100.0)
    assert meter.whole() == pytest.approx(150.0)


def test_an_agent_that_needs_a_gpu_pays_its_idle_power_and_one_that_does_not_pays_nothing() -> None:
    needed, spare = Gpu(watts=60), Gpu(watts=60, pids=[])
    meter = started(needed, spare)
    needed.now_ms = spare.now_ms = 10_000  # nothing is computed on either
    assert meter.read() == pytest.approx(600.0)
    assert meter.scope == "device", "no idle power is taken off again"


def test_a_card_that_vanishes_harms_those_that_need_it_alone() -> None:
    mine, other = Gpu(watts=100), Gpu(pids=[OTHER])
    meter = started(mine, other)
    meter.read()
    other.counter = False
    mine.now_ms = 1000
    assert meter.read() == pytest.approx(100.0)
    assert meter.whole() is None, "the idle power of all is not known any more"
    mine.counter = False
    assert meter.read() is None


def test_a_counter_that_starts_anew_takes_nothing_back_and_says_once_that_it_lost_count() -> None:
    gpu = Gpu(watts=100)
    meter = started(gpu)
    meter.read()
    gpu.now_ms = 1000
    assert meter.read() == pytest.approx(100.0)
    gpu.since_boot_mj, gpu.now_ms = 0, 0
    assert meter.read() is None, "what it counted until the driver was loaded anew is not known, and not 0"
    assert meter.read() == pytest.approx(100.0)
    gpu.now_ms = 1000
    assert meter.read() == pytest.approx(200.0)


@pytest.mark.parametrize(
    ("library", "why"),
    [
        (FakeNvml(driver=False), "NVML does not start: NVML Shared Library Not Found"),
        (FakeNvml(), "there is no NVIDIA GPU"),
        (
            FakeNvml(Gpu(), Gpu(counter=False, tells_power=False)),
            "Fake GPU tells neither energy nor power: Not Supported",
        ),
    ],
)
def test_what_is_missing_is_told_with_a_remedy(library: FakeNvml, why: str) -> None:
    meter = NvmlMeter(library)
    told = meter.availability()
    assert (told.ok, told.why) == (False, why)
    assert "another meter serves" in told.remedy
    meter.start()
    assert meter.read() is None
    assert meter.stop() == {"joules": None, "devices": {}}
    assert library.open == 0


def test_missing_bindings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    told = NvmlMeter().availability()
    assert not told.ok
    assert told.why.startswith("the Python bindings of NVML are missing")
    assert told.remedy == "pip install nvidia-ml-py"


def test_the_connection_is_closed_again() -> None:
    library = FakeNvml(Gpu())
    meter = NvmlMeter(library)
    assert meter.availability().ok
    assert library.open == 0
    meter.start()
    meter.start()
    assert library.open == 1
    meter.stop()
    assert library.open == 0


def test_the_real_bindings_offer_what_the_meter_asks_for() -> None:
    pynvml = pytest.importorskip("pynvml")
    asked = [name for name in dir(FakeNvml) if name.startswith(("nvml", "NVML"))]
    assert len(asked) == 10
    assert [name for name in asked if not hasattr(pynvml, name)] == []
