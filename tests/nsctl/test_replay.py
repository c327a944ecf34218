"""Joules of a decision: asked again, charged by whatever counts, compared with the record."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from samples import Install

from nsctl.errors import InvalidValue, NsctlError, RecordError, UnknownName
from nsctl.evaluation import RunOptions, evaluate
from nsctl.record_folder import RecordWriter
from nsctl.records import FigureRecord
from nsctl.replay import Replay, ReplayOptions, replay, spend
from nsctl.run_config import RunConfig

QUICK: dict[str, Any] = {"seconds": 0.05, "cool_down": 0.0, "trials": 2, "episodes": 1}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A record of each agent."""
    folder = tmp_path_factory.mktemp("runs")
    options = RunOptions(carbon=False)
    return {
        agent: evaluate(RunConfig("hanoi-1", agent=agent, episodes=2), folder, options).folder
        for agent in ("scripted", "random")
    }


OPEN_AGAIN = {"status": "running", "episodes_sha256": None, "replay_sha256": None}
"""What a record that may be written to says of itself."""


@pytest.fixture(scope="module")
def done(runs: dict[str, Path]) -> Replay:
    return replay(runs["scripted"], ReplayOptions(**QUICK))


def test_every_decision_of_an_episode_is_asked_again_and_answered_alike(done: Replay) -> None:
    recorded = done.stored.episodes[0]
    assert done.phase == "policy"
    assert done.inputs.decisions == sum(int(step["steps"]) for step in recorded.skills)  # type: ignore[call-overload]
    assert done.repeated == done.inputs.decisions
    assert (done.inputs.episodes, done.inputs.differ) == ((0,), ())


def test_a_trial_asks_everything_equally_often_for_as_long_as_it_should(done: Replay) -> None:
    for trial in done.trials:
        assert trial.decisions % done.inputs.decisions == 0
        assert trial.seconds >= 0.05


def test_joules_of_a_decision_are_those_of_the_window_over_the_decisions(done: Replay) -> None:
    values = [done.per_decision(trial) for trial in done.trials]
    assert done.gross.value == pytest.approx(sum(value or 0.0 for value in values) / len(values))
    assert (done.gross.label, done.gross.source, done.grade) == ("modelled", "modelled", "D")
    assert done.net == done.gross  # the model has no idle power in it
    for trial in done.trials:
        assert 0 < (trial.gross.value or 0.0) <= 1.1 * 4.0 * trial.seconds  # 4 W x CPU time of one thread


def test_the_figure_in_place_is_the_record_s_of_the_same_decisions(done: Replay) -> None:
    spent = done.stored.episodes[0].joules["policy"].value
    assert spent is not None
    assert done.in_place.value == pytest.approx(spent / done.inputs.decisions)


def test_an_agent_without_skills_is_asked_as_a_whole(runs: dict[str, Path]) -> None:
    told = replay(runs["random"], ReplayOptions(**QUICK))
    assert (told.phase, told.inputs.split) == ("agent", False)
    assert told.repeated == told.inputs.decisions == told.stored.episodes[0].steps
    spent = told.stored.episodes[0].joules["agent"].value
    assert told.in_place.value == pytest.approx((spent or 0.0) / told.inputs.decisions)


def test_an_agent_with_skills_can_be_asked_as_a_whole(runs: dict[str, Path], done: Replay) -> None:
    told = replay(runs["scripted"], ReplayOptions(phase="agent", **QUICK))
    assert told.phase == "agent"
    assert told.repeated == told.inputs.decisions > done.inputs.decisions


def test_an_episode_that_does_not_go_as_recorded_is_told(runs: dict[str, Path], tmp_path: Path) -> None:
    source = replay(runs["scripted"], ReplayOptions(**QUICK)).stored
    with RecordWriter.create(tmp_path, source.run.model_copy(update=OPEN_AGAIN)) as writer:
        writer.append(source.episodes[0].model_copy(update={"final_hash": "another"}))
    told = replay(tmp_path / source.run.id, ReplayOptions(**QUICK))
    assert told.inputs.differ == (0,)


METER = """
import time
from nsctl.contracts import Availability
class Meter:
    name, label, granularity, scope, update_seconds = "plug", "measured", "phase", "machine", {period}
    def availability(self): return Availability(True)
    def start(self): pass
    def read(self): return 50.0 * time.perf_counter() + {busy} * time.process_time()
    def stop(self): return {{}}
    def describe(self): return {{}}
"""


@pytest.mark.parametrize(("period", "label"), [(0.001, "measured"), (0.02, "attributed")])
def test_a_machine_s_counter_is_charged_gross_and_net(
    period: float, label: str, runs: dict[str, Path], install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("plug", METER.format(period=period, busy=0.0), {"meters:plug": "plug:Meter"})
    monkeypatch.setattr("nsctl.idle.SECONDS", 0.05)
    monkeypatch.setattr("nsctl.idle.MAX_SECONDS", 0.05)
    told = replay(runs["scripted"], ReplayOptions(**QUICK))
    for trial in told.trials:
        assert trial.gross.value == pytest.approx(50.0 * trial.seconds, rel=0.02)
        assert (trial.gross.label, trial.gross.source) == (label, "plug")
        assert trial.net.value is not None
        assert trial.net.value <= 0.05 * trial.gross.value  # a machine that draws no more than at rest
        assert trial.net.label == "attributed"


def test_net_is_gross_less_idle_watts_times_seconds(
    runs: dict[str, Path], install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("plug", METER.format(period=0.001, busy=400.0), {"meters:plug": "plug:Meter"})
    monkeypatch.setattr("nsctl.idle.SECONDS", 0.05)
    told = replay(runs["scripted"], ReplayOptions(**QUICK))
    assert told.idle is not None
    for trial in told.trials:
        assert trial.gross.value is not None
        assert 0 < trial.net.value == pytest.approx(trial.gross.value - told.idle.watts["plug"] * trial.seconds)  # type: ignore[operator]


class Fake:
    """A counter with fixed answers, and a label that holds for one question, as a counter's may."""

    scope, update_seconds = "machine", 0.001

    def __init__(self, name: str, readings: list[float | None], granularity: str = "phase") -> None:
        self.name, self.readings, self.granularity = name, [0.0, *readings], granularity
        self.asked = 0

    @property
    def label(self) -> str:
        self.asked += 1
        return "measured" if self.asked <= 2 else "unavailable"

    def read(self) -> float | None:
        return self.readings.pop(0)


def test_a_device_that_stood_still_is_in_no_figure() -> None:
    meters: Any = [Fake("cpu", [1.0, 4.0]), Fake("gpu", [7.0, 7.0], "episode")]

    def work() -> int:
        time.sleep(0.03)
        return 5

    given, seconds, parts = spend(meters, work)
    assert (given, parts) == (5, (FigureRecord(value=3.0, label="measured", source="cpu"),))
    assert seconds >= 0.03


@pytest.mark.parametrize("readings", [[1.0, None], [None, 4.0], [4.0, 1.0]])
def test_a_counter_that_fails_or_falls_leaves_the_figure_unknown(readings: list[float | None]) -> None:
    _, _, (part,) = spend([Fake("cpu", readings)], lambda: 1)  # type: ignore[list-item]
    assert (part.value, part.label) == (None, "unavailable")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"phase": "polcy"}, "no phase that can be replayed is called 'polcy'. Did you mean 'policy'?"),
        ({"trials": 0}, "trials must be >= 1, got 0"),
        ({"seconds": 0.0}, "seconds must be > 0, got 0.0"),
        ({"cool_down": -1.0}, "cool_down must be >= 0.0, got -1.0"),
        ({"seconds": float("inf")}, "seconds must be > 0, got inf"),
    ],
)
def test_bad_choices_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(NsctlError) as refused:
        ReplayOptions(**fields)
    assert isinstance(refused.value, InvalidValue | UnknownName)
    assert str(refused.value).startswith(message)


def test_a_folder_without_a_record_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is no run record"):
        replay(tmp_path, ReplayOptions(**QUICK))


def test_a_record_without_decisions_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    source = replay(runs["random"], ReplayOptions(**QUICK)).stored
    with RecordWriter.create(tmp_path, source.run.model_copy(update=OPEN_AGAIN)):
        pass
    with pytest.raises(InvalidValue, match="has no decisions to replay: in 0 episodes of hanoi-1"):
        replay(tmp_path / source.run.id, ReplayOptions(**QUICK))
