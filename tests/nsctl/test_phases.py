"""The episode clock: what is charged to whom, and how good a figure is called."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from statistics import median
from typing import Any, Literal
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_episode

from nsctl.contracts import Availability, Granularity, Label
from nsctl.errors import EpisodeError
from nsctl.phases import (
    AGENT_PHASES,
    CPU_SECONDS,
    LOOK_SECONDS,
    MEASURED_PERIODS,
    PHASES,
    EpisodeClock,
    PhaseCost,
    children_seconds,
)
from nsctl.records import EpisodeRecord, FigureRecord
from nsctl.summary import summarise


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
        self.scope: Literal["process", "device", "machine"] = "machine"
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

    def __init__(self) -> None:
        super().__init__(label="modelled")
        self.scope = "process"

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


def test_nesting_charges_the_inner_phase_alone(tick: Callable[[float], None]) -> None:
    meter = FakeMeter()
    clock = EpisodeClock([meter])

    def work(joules: float) -> None:
        meter.spend(joules)
        tick(LOOK_SECONDS)

    work(1)
    with clock.phase("policy"):
        work(2)
        with clock.phase("perceive"):
            work(4)
        with clock.phase("policy"):
            work(8)
    with clock.phase("simulate"):
        work(16)
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


@pytest.mark.parametrize(("scope", "policy"), [("machine", 3.0), ("process", 1.0)])
def test_a_window_of_several_phases_is_shared_by_wall_or_by_cpu_time(
    scope: Literal["process", "machine"], policy: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = Clocks()
    monkeypatch.setattr("nsctl.phases.time", clocks)
    meter = FakeMeter(update_seconds=0.001)
    meter.scope = scope
    clock = EpisodeClock([meter])
    for wall, cpu, name in ((1.0, 5.0, "plan"), (0.003, 0.001, "policy"), (0.001, 0.003, "simulate")):
        with clock.phase(name):
            meter.spend(2.0)
            clocks.move(wall, cpu)
    costs = clock.stop()
    assert joules(costs) == {"plan": 2.0, "policy": pytest.approx(policy), "simulate": pytest.approx(4.0 - policy)}
    assert costs["policy"].joules.label == "attributed"


class Clocks:
    """Wall and CPU clocks that move only when they are told to; they stand in for the module ``time``."""

    def __init__(self) -> None:
        self.wall = self.cpu = 100.0

    def perf_counter(self) -> float:
        return self.wall

    def process_time(self) -> float:
        return self.cpu

    def move(self, wall: float, cpu: float) -> None:
        self.wall, self.cpu = self.wall + wall, self.cpu + cpu


class Break(Exception):
    """Raised on purpose."""


STILL_OR_NOT = st.just(0.0) | st.floats(1e-9, 10.0)
MOVES = st.tuples(STILL_OR_NOT, STILL_OR_NOT, st.floats(0, 1e4), st.just(0.0) | st.floats(0, 100))
"""Wall and CPU seconds, joules of a phase counter and of an episode counter."""
STRETCHES = st.recursive(
    MOVES,
    lambda inner: st.tuples(st.sampled_from(PHASES), st.lists(inner, max_size=4), st.sampled_from(["", "here", "on"])),
    max_leaves=25,
)
"""Work, or a phase with stretches in it that may end in an exception, which is caught around the phase or goes on."""


@given(
    st.lists(st.lists(STRETCHES, max_size=5), min_size=1, max_size=3),
    st.sampled_from(["process", "machine"]),
    st.sampled_from([1e-9, 0.001, 3.0]),
)
def test_phases_sum_to_the_episode_and_episodes_to_the_run(
    script: list[list[Any]], scope: Literal["process", "machine"], update_seconds: float
) -> None:
    """Whatever is nested in what, whatever is raised, and whichever clock stands still."""
    clocks = Clocks()
    quick, slow = FakeMeter(update_seconds=update_seconds), FakeMeter("slow", granularity="episode")
    quick.scope = scope
    episodes = []
    with patch("nsctl.phases.time", clocks):
        for stretches in script:
            before = (quick.read(), slow.read(), clocks.wall, clocks.cpu)
            clock = EpisodeClock([quick, slow])
            with suppress(Break):
                for stretch in stretches:
                    go(stretch, clock, clocks, quick, slow)
            costs = clock.stop()
            moved = [
                now - mark
                for now, mark in zip((quick.read(), slow.read(), clocks.wall, clocks.cpu), before, strict=True)
            ]
            assert set(costs) == set(PHASES)
            assert all((cost.joules.value or 0.0) >= 0 and cost.wall >= 0 for cost in costs.values())
            assert sum(cost.joules.value for cost in costs.values()) == near(moved[0] + moved[1])
            assert sum(cost.wall for cost in costs.values()) == near(moved[2])
            assert sum(cost.cpu for cost in costs.values()) == near(moved[3])
            episodes.append(recorded(len(episodes), costs))
    assert all(e.joules["total"].value == near(sum(e.joules[name].value or 0.0 for name in PHASES)) for e in episodes)
    run = summarise(episodes).joules["total"].value
    assert run is not None
    assert run * len(episodes) == near((quick.read() or 0.0) + (slow.read() or 0.0) - 2000.0)


def go(stretch: Any, clock: EpisodeClock, clocks: Clocks, quick: FakeMeter, slow: FakeMeter) -> None:
    if isinstance(stretch[0], float):
        wall, cpu, some, more = stretch
        clocks.move(wall, cpu)
        quick.spend(some)
        slow.spend(more)
        return
    name, inner, raises = stretch
    with suppress(Break) if raises == "here" else nullcontext(), clock.phase(name):
        for each in inner:
            go(each, clock, clocks, quick, slow)
        if raises:
            raise Break


def near(value: float | None) -> Any:
    """Within 1e-9 of it, and of what doubles of this size keep."""
    return pytest.approx(value, abs=1e-9, rel=1e-12)


def recorded(index: int, costs: Mapping[str, PhaseCost]) -> EpisodeRecord:
    """The record that a player would write, as far as joules go."""
    figures = {name: FigureRecord.of(cost.joules) for name, cost in costs.items()}
    sums = {
        "agent": FigureRecord.total(figures[name] for name in AGENT_PHASES),
        "total": FigureRecord.total(figures.values()),
    }
    return make_episode(index, joules=figures | sums)


def test_cpu_time_is_read_every_two_milliseconds_and_shared_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks, asked = Clocks(), []
    monkeypatch.setattr("nsctl.phases.time", clocks)
    monkeypatch.setattr(clocks, "process_time", lambda: asked.append(1) or clocks.cpu)
    clock = EpisodeClock()
    for _ in range(8):
        for name, wall, cpu in (("policy", 0.0003, 0.0002), ("simulate", 0.0009, 0.001)):
            with clock.phase(name):
                clocks.move(wall, cpu)
    costs = clock.stop()
    assert len(asked) <= 2 + 8 * 0.0012 / CPU_SECONDS
    assert (costs["policy"].wall, costs["simulate"].wall) == (near(8 * 0.0003), near(8 * 0.0009))
    assert costs["policy"].cpu == pytest.approx(0.25 * 8 * 0.0012, rel=0.1)
    assert costs["policy"].cpu + costs["simulate"].cpu == near(8 * 0.0012)


def test_a_child_s_cpu_time_is_charged_where_it_was_waited_for() -> None:
    code = "import time; end = time.process_time() + 0.05\nwhile time.process_time() < end: pass"
    clock = EpisodeClock()
    with clock.phase("plan"):
        subprocess.run([sys.executable, "-S", "-c", code], check=True)
    with clock.phase("policy"):
        time.sleep(0.002)
    costs = clock.stop()
    assert costs["plan"].children is not None
    assert costs["plan"].children >= 0.05
    assert costs["plan"].cpu < 0.05
    assert [costs[name].children for name in PHASES if name != "plan"] == [0.0] * 5


def test_where_the_system_tells_nothing_of_children_neither_does_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nsctl.phases.getrusage", None)
    assert children_seconds() is None
    assert {cost.children for cost in EpisodeClock().stop().values()} == {None}


def test_the_real_counter_is_conserved_too() -> None:
    meter = CpuMeter()
    before = meter.read()
    clock = EpisodeClock([meter])
    for _ in range(2000):
        with clock.phase("policy"), clock.phase("perceive"):
            sum(range(500))
    costs = clock.stop()
    after = meter.read()
    charged = sum(cost.joules.value or 0.0 for cost in costs.values())
    cpu = sum(cost.cpu for cost in costs.values())
    assert before is not None
    assert after is not None
    assert 0 < charged <= after - before
    assert charged == pytest.approx(4.0 * cpu, rel=0.05, abs=4e-3)


def test_an_exception_closes_its_phases_and_passes_on(tick: Callable[[float], None]) -> None:
    meter = FakeMeter()
    clock = EpisodeClock([meter])

    def fall_over() -> None:
        with clock.phase("plan"), clock.phase("policy"):
            meter.spend(3)
            tick(1.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fall_over()
    meter.spend(1)
    tick(1.0)
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


@pytest.mark.parametrize("reading", [None, 995.0])
def test_a_counter_that_fails_or_falls_midway_hides_the_episode_for_good(
    reading: float | None, tick: Callable[[float], None]
) -> None:
    meter = FakeMeter()
    clock = EpisodeClock([meter])
    with clock.phase("plan"):
        meter.joules = reading
        tick(1.0)
    meter.joules = 1005.0
    with clock.phase("policy"):
        meter.spend(1)
        tick(1.0)
    assert {(c.joules.value, c.joules.label) for c in clock.stop().values()} == {(None, "unavailable")}


def test_a_counter_is_read_no_more_often_than_it_may_have_moved(tick: Callable[[float], None]) -> None:
    readings = []

    class Counting(FakeMeter):
        def read(self) -> float | None:
            readings.append(1)
            return super().read()

    for update_seconds, wanted in ((0.001, range(8, 12)), (LOOK_SECONDS * 5, range(1, 4))):
        clock = EpisodeClock([Counting(update_seconds=update_seconds)])
        readings.clear()
        for _ in range(50):
            with clock.phase("policy"):
                tick(LOOK_SECONDS / 5)
        assert len(readings) in wanted


def test_a_measured_phase_has_its_windows_to_itself(tick: Callable[[float], None]) -> None:
    """Each plan lasts 20 update periods, but no reading stands between it and what came before."""
    clock = EpisodeClock([FakeMeter(update_seconds=0.0004)])
    for _ in range(10):
        with clock.phase("policy"):
            tick(0.009)
        with clock.phase("plan"):
            tick(0.0085)
    assert clock.stop()["plan"].joules.label == "attributed"


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


@pytest.mark.parametrize("others", [[], [FakeMeter("cpu")]])
def test_a_model_of_episodes_is_called_a_model_alone_and_in_a_sum(
    others: list[FakeMeter], tick: Callable[[float], None]
) -> None:
    model = FakeMeter("model", "modelled", "episode")
    clock = EpisodeClock([model, *others])
    with clock.phase("policy"):
        tick(1.0)
        model.spend(7.0)
    assert clock.stop()["policy"].joules.label == "modelled"


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


@pytest.mark.parametrize("reading", [None, 999.0])
def test_an_episode_counter_that_fails_or_falls_hides_the_sum(
    reading: float | None, tick: Callable[[float], None]
) -> None:
    cpu, gpu = FakeMeter("cpu"), FakeMeter("gpu", granularity="episode")
    clock = EpisodeClock([cpu, gpu])
    tick(1.0)
    gpu.joules = reading
    assert {cost.joules.value for cost in clock.stop().values()} == {None}


def test_a_boundary_costs_less_than_fifty_microseconds() -> None:
    clock = EpisodeClock([CpuMeter()])
    seconds = []
    for _ in range(2000):
        mark = time.perf_counter()
        with clock.phase("policy"):
            pass
        seconds.append((time.perf_counter() - mark) / 2)
    assert median(seconds) <= 50e-6
