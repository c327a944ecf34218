"""Idle power: when it is looked for, what it is, and what is left of an episode's joules without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import Install, make_episode, make_run

from nsctl import idle
from nsctl.contracts import Scope
from nsctl.evaluation import RunOptions, evaluate, load
from nsctl.idle import Look, look, mean_net, net, recorded
from nsctl.phases import AGENT_PHASES, PHASES
from nsctl.records import EpisodeRecord, FigureRecord, IdleRecord, MeterRecord, PhaseSeconds, RunRecord
from nsctl.run_config import RunConfig


class Counter:
    """A counter that moves while somebody sleeps."""

    label, granularity, update_seconds = "measured", "phase", 0.001

    def __init__(self, name: str, watts: float | None, scope: Scope = "machine") -> None:
        self.name, self.watts, self.scope, self.joules = name, watts, scope, 100.0

    def read(self) -> float | None:
        return None if self.watts is None else self.joules


class Night:
    """Time that passes only while somebody sleeps; every counter moves by its watts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *counters: Counter) -> None:
        self.counters, self.now, self.naps = counters, 0.0, []
        monkeypatch.setattr("nsctl.idle.time.perf_counter", lambda: self.now)

    def __call__(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds
        for counter in self.counters:
            counter.joules += (counter.watts or 0.0) * seconds


def meter(name: str, scope: Scope | None, label: Any = "attributed") -> MeterRecord:
    return MeterRecord(
        name=name, label=label, granularity="phase", scope=scope, counts=True, why_not="", description={}
    )


def run_with(before: dict[str, float], after: dict[str, float], *meters: MeterRecord) -> RunRecord:
    found = IdleRecord(before=before, after=after, seconds=2.0, drift=False, contended=False)
    return make_run(meters=meters, idle=found if before or after else None)


def episode_of(joules: dict[str, float], source: str, label: Any = "measured", wall: float = 1.0) -> EpisodeRecord:
    """An episode with these joules, and none in the other phases."""
    figures = {name: FigureRecord(value=joules.get(name, 0.0), label=label, source=source) for name in PHASES}
    sums = {
        "agent": FigureRecord.total(figures[name] for name in AGENT_PHASES),
        "total": FigureRecord.total(figures.values()),
    }
    return make_episode(joules=figures | sums, seconds=dict.fromkeys(PHASES, PhaseSeconds(wall=wall, cpu=0.5)))


def test_a_look_gives_the_watts_of_the_machine_s_counters_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    counters = Counter("rapl", 30.0), Counter("model", 4.0, "process"), Counter("gpu", 60.0, "device")
    night = Night(monkeypatch, *counters)
    found = look(counters, night)  # type: ignore[arg-type]
    assert found is not None
    assert (dict(found.watts), found.seconds, night.naps) == ({"rapl": pytest.approx(30.0)}, 2.0, [2.0])


@pytest.mark.parametrize(("period", "seconds"), [(0.001, 2.0), (0.2, 4.0), (1.0, 5.0)])
def test_a_look_lasts_twenty_update_periods_within_reason(
    period: float, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Counter("wall", 10.0)
    counter.update_seconds = period  # type: ignore[misc]
    night = Night(monkeypatch, counter)
    look([counter], night)  # type: ignore[list-item]
    assert night.naps == [seconds]


@pytest.mark.parametrize("counters", [[], [Counter("model", 4.0, "process")]])
def test_where_no_machine_s_counter_counts_nobody_waits(counters: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    night = Night(monkeypatch, *counters)
    assert look(counters, night) is None
    assert night.naps == []


def test_a_counter_that_cannot_be_read_gives_no_watts(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter("rapl", None)
    assert look([counter], Night(monkeypatch, counter)) is None  # type: ignore[list-item]


def test_a_counter_that_stood_still_gives_no_watts_rather_than_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sample a minute: nothing was seen of an idle power, which is no idle power of 0 W."""
    counter = Counter("wall", 0.0)
    assert look([counter], Night(monkeypatch, counter)) is None  # type: ignore[list-item]


@pytest.mark.parametrize(("ticks", "contended"), [(10, False), (60, True)])
def test_others_at_work_are_noticed(
    ticks: int, contended: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stat, counter = tmp_path / "stat", Counter("rapl", 30.0)
    stat.write_text("cpu  1000 0 500 90000 0 0 0 0 0 0\ncpu0 1 2 3\n")
    night = Night(monkeypatch, counter)

    def sleep(seconds: float) -> None:
        night(seconds)
        stat.write_text(f"cpu  {1000 + ticks} 0 500 90400 0 0 0 0 0 0\n")

    found = look([counter], sleep, stat)  # type: ignore[list-item]
    assert found is not None
    assert found.contended is contended


@pytest.mark.parametrize(("after", "drift"), [(33.0, False), (33.4, True), (26.9, True)])
def test_a_tenth_of_a_change_is_drift(after: float, drift: bool) -> None:
    told = recorded(Look({"rapl": 30.0}, 2.0, contended=False), Look({"rapl": after}, 2.1, contended=True))
    assert told is not None
    assert (told.drift, told.contended, told.seconds) == (drift, True, 2.1)


def test_one_look_is_enough_for_a_record_and_none_is_no_record() -> None:
    told = recorded(Look({"rapl": 30.0}, 2.0, contended=False), None)
    assert told == IdleRecord(before={"rapl": 30.0}, after={}, seconds=2.0, drift=False, contended=False)
    assert recorded(None, None) is None
    assert idle.look_of(told) == Look({"rapl": 30.0}, 2.0, contended=False)


def test_net_is_gross_less_the_mean_idle_power_for_as_long_as_it_took() -> None:
    run = run_with({"rapl": 2.0}, {"rapl": 3.0}, meter("rapl", "machine"))
    told = net(episode_of({"plan": 10.0, "simulate": 4.0}, "rapl"), run)
    assert told["plan"] == FigureRecord(value=7.5, label="attributed", source="rapl")
    assert told["simulate"].value == 1.5


def test_net_is_never_below_zero_and_sums_are_cut_off_last() -> None:
    """Render drew 1 J less than idle, plan 3 J more: the total is 2 J, whatever the phases are cut off at."""
    run = run_with({"rapl": 1.0}, {}, meter("rapl", "machine"))
    told = net(episode_of(dict.fromkeys(PHASES, 1.0) | {"plan": 4.0, "render": 0.0}, "rapl"), run)
    assert (told["render"].value, told["plan"].value, told["total"].value) == (0.0, 3.0, 2.0)
    cold = net(episode_of({}, "rapl"), run)
    assert {figure.value for figure in cold.values()} == {0.0}


@pytest.mark.parametrize("scope", ["process", "device"])
def test_counters_without_idle_power_are_their_own_net(scope: Scope) -> None:
    episode = episode_of({"plan": 4.0}, "own")
    assert net(episode, run_with({}, {}, meter("own", scope))) == episode.joules


def test_a_gpu_keeps_its_idle_power_beside_a_processor_that_does_not() -> None:
    run = run_with({"rapl": 2.0}, {"rapl": 2.0}, meter("rapl", "machine"), meter("nvml", "device"))
    assert net(episode_of({"policy": 50.0}, "rapl+nvml"), run)["policy"].value == 48.0


@pytest.mark.parametrize("meters", [(), (meter("rapl", None),), (meter("rapl", "machine"),)])
def test_without_a_known_idle_power_net_is_unknown_and_not_gross(meters: tuple[MeterRecord, ...]) -> None:
    told = net(episode_of({"plan": 4.0}, "rapl"), run_with({}, {}, *meters))
    assert {(figure.value, figure.label) for figure in told.values()} == {(None, "unavailable")}


def test_records_from_before_scopes_know_their_model() -> None:
    episode = episode_of({"plan": 4.0}, "modelled", "modelled")
    assert net(episode, run_with({}, {}, meter("modelled", None, "modelled"))) == episode.joules


def test_what_is_unknown_gross_is_unknown_net() -> None:
    nothing = FigureRecord(value=None, label="unavailable", source="none")
    episode = make_episode(joules=dict.fromkeys((*PHASES, "agent", "total"), nothing))
    assert net(episode, run_with({"rapl": 2.0}, {}, meter("rapl", "machine"))) == episode.joules


@given(st.lists(st.floats(0, 100), min_size=1, max_size=5), st.floats(0, 20))
def test_the_mean_is_cut_off_after_averaging(spent: list[float], watts: float) -> None:
    """Noise below the idle power in one episode makes up for noise above it in another."""
    run = run_with({"rapl": watts}, {"rapl": watts}, meter("rapl", "machine"))
    told = mean_net([episode_of({"plan": joules}, "rapl") for joules in spent], run)["plan"].value
    assert told == pytest.approx(max(0.0, sum(spent) / len(spent) - watts), abs=1e-9)


METER = """
import time
from nsctl.contracts import Availability
class Meter:
    name, label, granularity, scope, update_seconds = "plug", "attributed", "phase", "machine", 0.001
    def availability(self): return Availability(True)
    def start(self): pass
    def read(self): return 50.0 * time.perf_counter()
    def stop(self): return {}
    def describe(self): return {}
"""


def test_a_run_on_a_machine_s_counter_looks_before_and_after(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("plug", METER, {"meters:plug": "plug:Meter"})
    monkeypatch.setattr("nsctl.idle.SECONDS", 0.05)
    done = evaluate(RunConfig("hanoi-1", agent="random", episodes=2), tmp_path, RunOptions(carbon=False))
    found = done.run.idle
    assert found is not None
    assert found.before["plug"] == pytest.approx(50.0, rel=0.01)
    assert found.after["plug"] == pytest.approx(50.0, rel=0.01)
    assert done.summary.joules["total"].value == pytest.approx(50.0 * (done.summary.seconds or 0.0), rel=0.01)
    total = done.net["total"].value  # a machine that draws its idle power and no more
    assert total is not None
    assert total <= 0.02 * (done.summary.joules["total"].value or 0.0)
    assert done.run.wall_seconds is not None
    assert done.run.wall_seconds < 2 * (done.summary.seconds or 0.0) + 0.05
    assert load(done.folder).net == done.net


def test_a_run_on_the_model_has_no_idle_power(tmp_path: Path) -> None:
    done = evaluate(RunConfig("hanoi-1", agent="random", episodes=1), tmp_path, RunOptions(carbon=False))
    assert done.run.idle is None
    assert done.net == done.summary.joules


class Card(Counter):
    """A counter of devices, which nobody uses: what it charges stands still, what it sees does not."""

    granularity, update_seconds = "episode", 0.1

    def __init__(self, watts: float | None) -> None:
        super().__init__("nvml", watts, "device")

    def read(self) -> float | None:
        return 0.0

    def whole(self) -> float | None:
        return None if self.watts is None else self.joules


def test_a_device_is_looked_at_whether_it_is_used_or_not_and_stays_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    counter, card = Counter("rapl", 5.0), Card(70.0)
    found = look([counter, card], Night(monkeypatch, counter, card))
    assert found is not None
    assert (found.watts, found.devices) == ({"rapl": pytest.approx(5.0)}, {"nvml": pytest.approx(70.0)})
    kept = recorded(found, Look({"rapl": 5.1}, 2.0, False, {"nvml": 700.0}))
    assert kept is not None
    assert (kept.devices, kept.drift) == ({"nvml": pytest.approx(70.0)}, False)
    assert idle.look_of(kept) == Look(kept.before, kept.seconds, kept.contended, kept.devices)
    assert idle.watts(make_run(idle=kept)) == {"rapl": pytest.approx(5.05)}


def test_a_device_alone_is_looked_at_and_no_part_of_net(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(70.0)
    found = look([card], Night(monkeypatch, card))
    assert found is not None
    assert (found.watts, found.devices) == ({}, {"nvml": pytest.approx(70.0)})
    silent = Card(None)
    assert look([silent], Night(monkeypatch, silent)) is None
    run = make_run(meters=(meter("nvml", "device"),), idle=recorded(found, found))
    assert net(episode_of({"policy": 9.0}, "nvml"), run)["policy"].value == 9.0
