"""The episode clock: what is charged to whom, and how good a figure is called."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsctl.contracts import Availability, Granularity, Label
from nsctl.errors import EpisodeError
from nsctl.phases import MEASURED_PERIODS, PHASES, EpisodeClock, PhaseCost


class FakeMeter:
    """A counter that a test moves; a reading of ``None`` is one that failed."""

    def __init__(
        self,
        name: str = "fake",
        label: Label = "measured",
        granularity: Granularity = "phase",
        update_seconds: float = 1e-9,
        joules: float | None = 1000.0,
    ) -> None:
        self.name = name
        self.label: Label = label
        self.granularity: Granularity = granularity
        self.scope: Literal["process", "machine"] = "process"
        self.update_seconds = update_seconds
        self.joules = joules

    def spend(self, joules: float) -> None:
        assert self.joules is not None
        self.joules += joules

    def availability(self) -> Availability:
        return Availability(True)

    def start(self) -> None: ...

    def read(self) -> float | None:
        return self.joules

    def stop(self) -> Mapping[str, Any]:
        return {}

    def describe(self) -> Mapping[str, Any]:
        return {}


class CpuMeter(FakeMeter):
    """Moves by itself with CPU time, as the modelled meter does."""

    def read(self) -> float | None:
        return 4.0 * time.process_time()


@pytest.fixture
def tick(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A wall clock that only moves when it is told to, in seconds."""
    now = [100.0]
    monkeypatch.setattr("nsctl.phases.time.perf_counter", lambda: now[0])

    def move(seconds: float) -> None:
        now[0] += seconds

    return move


def joules(costs: Mapping[str, PhaseCost]) -> dict[str, float | None]:
    """Joules of the phases that cost any."""
    return {name: cost.joules.value for name, cost in costs.items() if cost.joules.value != 0.0}


def test_nesting_charges_the_inner_phase_alone() -> None:
    meter = FakeMeter()
    clock = EpisodeClock([meter])
    meter.spend(1)
    with clock.phase("policy"):
        meter.spend(2)
        with clock.phase("perceive"):
            meter.spend(4)
        meter.spend(8)
    with clock.phase("simulate"):
        meter.spend(16)
    assert joules(clock.stop()) == {"harness": 1, "policy": 10, "perceive": 4, "simulate": 16}


def test_wall_and_cpu_seconds_are_charged_alongside(tick: Callable[[float], None]) -> None:
    clock = EpisodeClock()
    with clock.phase("plan"):
        tick(2.0)
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass
    tick(0.5)
    costs = clock.stop()
    assert (costs["plan"].wall, costs["harness"].wall) == (2.0, 0.5)
    assert costs["plan"].cpu >= 0.02 > costs["harness"].cpu


@given(st.lists(st.tuples(st.sampled_from(PHASES), st.integers(0, 3), st.floats(0, 10)), max_size=30))
def test_phases_sum_to_what_the_counter_moved(script: list[tuple[str, int, float]]) -> None:
    meter = FakeMeter(joules=0.0)
    clock = EpisodeClock([meter])
    for name, depth, spent in script:
        nest(clock, name, depth, lambda spent=spent: meter.spend(spent))  # type: ignore[misc]
    costs = clock.stop()
    assert set(costs) == set(PHASES)
    assert sum(cost.joules.value or 0.0 for cost in costs.values()) == pytest.approx(meter.joules, abs=1e-9, rel=0)


def nest(clock: EpisodeClock, name: str, depth: int, work: Callable[[], None]) -> None:
    """Do the work before, inside and after ``depth`` phases within one another."""
    work()
    if depth:
        with clock.phase(name):
            nest(clock, "policy", depth - 1, work)
    work()


def test_the_real_counter_is_conserved_too() -> None:
    meter = CpuMeter()
    before = meter.read()
    clock = EpisodeClock([meter])
    for _ in range(200):
        with clock.phase("policy"), clock.phase("perceive"):
            sum(range(200))
    costs = clock.stop()
    after = meter.read()
    charged = sum(cost.joules.value or 0.0 for cost in costs.values())
    cpu = sum(cost.cpu for cost in costs.values())
    assert before is not None
    assert after is not None
    assert 0 < charged <= after - before
    assert charged == pytest.approx(4.0 * cpu, rel=0.05, abs=1e-3)


def test_an_exception_closes_its_phases_and_passes_on() -> None:
    meter = FakeMeter()
    clock = EpisodeClock([meter])

    def fall_over() -> None:
        with clock.phase("plan"), clock.phase("policy"):
            meter.spend(3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fall_over()
    meter.spend(1)
    assert joules(clock.stop()) == {"policy": 3, "harness": 1}


def test_an_unknown_phase_is_refused() -> None:
    clock = EpisodeClock()
    message = "^no phase is called 'think'; there is: perceive, plan, policy, simulate, render, harness$"
    with pytest.raises(EpisodeError, match=message), clock.phase("think"):
        pass


def test_an_open_phase_keeps_the_episode_from_closing() -> None:
    clock = EpisodeClock()
    with clock.phase("plan"), pytest.raises(EpisodeError, match=r"^the phase 'plan' is still open$"):
        clock.stop()
    assert clock.stop()["plan"].wall > 0


def test_a_long_window_stays_measured_and_a_short_one_is_attributed(tick: Callable[[float], None]) -> None:
    clock = EpisodeClock([FakeMeter(update_seconds=0.001)])
    with clock.phase("plan"):
        tick(MEASURED_PERIODS * 0.001 + 1e-6)
    with clock.phase("policy"):
        tick(MEASURED_PERIODS * 0.001 - 1e-6)
    costs = clock.stop()
    assert (costs["plan"].joules.label, costs["policy"].joules.label) == ("measured", "attributed")


def test_many_short_windows_do_not_add_up_to_a_measurement(tick: Callable[[float], None]) -> None:
    clock = EpisodeClock([FakeMeter(update_seconds=0.001)])
    for _ in range(400):
        with clock.phase("policy"):
            tick(0.001)
    policy = clock.stop()["policy"]
    assert policy.wall == pytest.approx(0.4)
    assert policy.joules.label == "attributed"


@pytest.mark.parametrize("label", ["modelled", "attributed", "simulated"])
def test_a_weaker_label_is_never_raised(label: Label, tick: Callable[[float], None]) -> None:
    clock = EpisodeClock([FakeMeter(label=label)])
    with clock.phase("plan"):
        tick(100.0)
    assert {cost.joules.label for cost in clock.stop().values()} == {label}


def test_without_a_counter_joules_are_unavailable_and_not_zero() -> None:
    for meters in ([], [FakeMeter(joules=None)], [FakeMeter(granularity="run")]):
        figures = {cost.joules for cost in EpisodeClock(meters).stop().values()}
        assert [(f.value, f.label, f.source) for f in figures] == [(None, "unavailable", "none")]


def test_a_counter_that_fails_midway_hides_the_episode_for_good() -> None:
    meter = FakeMeter()
    clock = EpisodeClock([meter])
    with clock.phase("plan"):
        meter.joules = None
    meter.joules = 1005.0
    with clock.phase("policy"):
        meter.spend(1)
    assert {(c.joules.value, c.joules.label) for c in clock.stop().values()} == {(None, "unavailable")}


def test_the_first_counter_that_can_be_read_is_taken() -> None:
    broken, trusted, spare = FakeMeter("broken", joules=None), FakeMeter("trusted"), FakeMeter("spare", "modelled")
    clock = EpisodeClock([broken, trusted, spare])
    trusted.spend(2)
    spare.spend(50)
    harness = clock.stop()["harness"].joules
    assert (harness.value, harness.source) == (2, "trusted")


def test_an_episode_counter_is_shared_out_by_wall_time(tick: Callable[[float], None]) -> None:
    gpu = FakeMeter("gpu", granularity="episode")
    clock = EpisodeClock([gpu])
    with clock.phase("policy"):
        tick(3.0)
    with clock.phase("simulate"):
        tick(1.0)
    gpu.spend(80.0)
    costs = clock.stop()
    assert joules(costs) == {"policy": 60.0, "simulate": 20.0}
    assert {(cost.joules.label, cost.joules.source) for cost in costs.values()} == {("attributed", "gpu")}


@pytest.mark.parametrize(("label", "worst"), [("measured", "attributed"), ("modelled", "modelled")])
def test_a_sum_of_two_sources_is_no_better_than_the_weakest(
    label: Label, worst: Label, tick: Callable[[float], None]
) -> None:
    cpu, gpu = FakeMeter("cpu", label), FakeMeter("gpu", granularity="episode")
    clock = EpisodeClock([gpu, cpu])
    with clock.phase("policy"):
        tick(1.0)
        cpu.spend(5.0)
        gpu.spend(7.0)
    costs = clock.stop()
    figure = costs["policy"].joules
    assert (figure.value, figure.label, figure.source) == (12.0, worst, "cpu+gpu")


def test_an_episode_counter_that_stands_still_changes_neither_label_nor_source(tick: Callable[[float], None]) -> None:
    cpu, gpu = FakeMeter("cpu"), FakeMeter("gpu", granularity="episode", joules=0.0)
    clock = EpisodeClock([cpu, gpu])
    with clock.phase("policy"):
        tick(1.0)
        cpu.spend(5.0)
    figure = clock.stop()["policy"].joules
    assert (figure.value, figure.label, figure.source) == (5.0, "measured", "cpu")


def test_an_idle_gpu_is_no_account_of_a_process_without_another_counter(tick: Callable[[float], None]) -> None:
    clock = EpisodeClock([FakeMeter("gpu", granularity="episode", joules=0.0)])
    tick(1.0)
    assert {(c.joules.value, c.joules.label) for c in clock.stop().values()} == {(None, "unavailable")}


def test_an_episode_counter_that_fails_hides_the_sum(tick: Callable[[float], None]) -> None:
    cpu, gpu = FakeMeter("cpu"), FakeMeter("gpu", granularity="episode")
    clock = EpisodeClock([cpu, gpu])
    tick(1.0)
    gpu.joules = None
    assert {cost.joules.value for cost in clock.stop().values()} == {None}


def test_a_boundary_costs_less_than_fifty_microseconds() -> None:
    clock = EpisodeClock([CpuMeter(label="modelled")])
    seconds = []
    for _ in range(2000):
        mark = time.perf_counter()
        with clock.phase("policy"):
            pass
        seconds.append((time.perf_counter() - mark) / 2)
    assert median(seconds) <= 50e-6
