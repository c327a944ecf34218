"""The external meter on files that a test writes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from energy.alone import Others
from energy.meters.wall import VARIABLE, WallMeter, parse


class Instrument:
    """Appends samples to a file, and is the clock."""

    def __init__(self, path: Path) -> None:
        self.path, self.now, self.joules = path, 1000.0, 0.0
        path.touch()

    def clock(self) -> float:
        return self.now

    def sample(self, watts: float, seconds: float = 1.0, *, counts: bool = False) -> None:
        self.now += seconds
        self.joules += watts * seconds
        self.write(f"{self.now},{watts}{f',{self.joules}' if counts else ''}\n")

    def write(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write(text)


class Nobody(Others):
    share = 0.0

    def lately(self) -> float:
        return self.share

    def in_all(self) -> float:
        return self.share


@pytest.fixture
def instrument(tmp_path: Path) -> Instrument:
    made = Instrument(tmp_path / "wall.csv")
    for _ in range(5):
        made.sample(100.0)
    return made


def started(instrument: Instrument) -> WallMeter:
    meter = WallMeter(instrument.path, instrument.clock, Nobody(), virtual=False)
    meter.start()
    return meter


def test_power_is_integrated_by_trapezoids(instrument: Instrument) -> None:
    meter = started(instrument)
    assert meter.read() == 0.0
    instrument.sample(200.0)
    assert meter.read() == pytest.approx(150.0)
    instrument.sample(300.0, 2.0)
    assert meter.read() == pytest.approx(650.0)
    assert meter.stop()["joules"] == pytest.approx(650.0)


def played(meter: WallMeter, instrument: Instrument, watts: list[float], late: float = 0.05) -> list[float | None]:
    """Joules of episodes of 0.5 s, with 30 ms in between, while a sample a second is written, a little late."""
    joules: list[float | None] = []
    tenths, begun = iter(range(1, 100 * len(watts))), 0.0
    start = instrument.now
    for hundredth in tenths:
        instrument.now = start + hundredth / 100
        second, rest = divmod(hundredth, 100)
        if second and rest == round(100 * late):
            instrument.write(f"{start + second},{watts[second]}\n")
        if hundredth % 53 == 3:
            begun = meter.read() or 0.0
        elif hundredth % 53 == 0 and hundredth > 53:
            now = meter.read()
            joules.append(None if now is None else now - begun)
    return joules


@pytest.mark.parametrize("late", [0.05, 0.4])
def test_episodes_shorter_than_the_period_have_their_share_by_time(tmp_path: Path, late: float) -> None:
    instrument = Instrument(tmp_path / "wall.csv")
    for _ in range(5):
        instrument.sample(210.0)
    joules = played(started(instrument), instrument, [210.0] * 60, late)
    assert len(joules) > 100
    assert joules == [pytest.approx(105.0, rel=0.02)] * len(joules)


@pytest.mark.parametrize("watts", [[150.0, 270.0] * 30, [300.0] * 20 + [60.0] * 40], ids=["up and down", "falls"])
def test_a_power_that_falls_lets_no_episode_fall_out(tmp_path: Path, watts: list[float]) -> None:
    instrument = Instrument(tmp_path / "wall.csv")
    for _ in range(5):
        instrument.sample(watts[0])
    joules = [each or 0.0 for each in played(started(instrument), instrument, watts, 0.3)]
    assert min(joules) >= min(watts) * 0.5 / 2 - 1e-6, "half the pace at least"
    mean = sum(a + b for a, b in pairwise(watts)) / 2 / (len(watts) - 1)
    assert sum(joules) == pytest.approx(mean * 0.5 * len(joules), rel=0.02)


def test_what_is_told_is_made_good(instrument: Instrument) -> None:
    meter = started(instrument)
    instrument.now += 0.9
    assert meter.read() == pytest.approx(90.0)
    instrument.now -= 0.9
    instrument.sample(20.0)
    assert meter.read() == pytest.approx(91.0), "60 by trapezoid: 30 too much, half the pace of 20 W"
    for _ in range(10):
        instrument.sample(20.0)
        told = meter.read()
    assert told == pytest.approx(60.0 + 200.0)


def test_it_begins_when_it_is_started(instrument: Instrument) -> None:
    instrument.now += 0.7
    meter = started(instrument)
    assert meter.read() == 0.0
    instrument.now += 0.1
    assert meter.read() == pytest.approx(10.0)


def test_a_count_of_joules_is_taken_as_it_is(tmp_path: Path) -> None:
    instrument = Instrument(tmp_path / "wall.csv")
    for _ in range(4):
        instrument.sample(100.0, counts=True)
    meter = started(instrument)
    instrument.sample(400.0, counts=True)
    assert meter.read() == pytest.approx(400.0), "the trapezoid would say 250"
    instrument.joules = 0.0
    instrument.sample(100.0, counts=True)
    assert meter.read() is None, "set back"
    instrument.sample(100.0, counts=True)
    assert meter.read() == pytest.approx(500.0)


def test_its_period_is_measured(instrument: Instrument) -> None:
    assert started(instrument).update_seconds == pytest.approx(1.0)
    for _ in range(30):
        instrument.sample(100.0, 0.2)
    assert started(instrument).update_seconds == pytest.approx(0.2)


def test_a_gap_has_no_figure_and_is_told_once(instrument: Instrument) -> None:
    meter = started(instrument)
    instrument.sample(100.0, 5.0)
    assert meter.read() == pytest.approx(500.0), "five periods are borne"
    instrument.sample(100.0, 5.1)
    assert meter.read() is None
    instrument.sample(100.0)
    assert meter.read() == pytest.approx(600.0), "the gap is in no later window"


def test_a_meter_that_falls_silent_reads_as_none(instrument: Instrument) -> None:
    meter = started(instrument)
    instrument.now += 6.0
    assert meter.read() is None
    assert not WallMeter(instrument.path, instrument.clock, Nobody()).availability().ok


def test_a_line_is_whole_or_waits(instrument: Instrument) -> None:
    meter = started(instrument)
    instrument.now += 1.0
    instrument.write(f"{instrument.now},2")
    assert meter.read() == pytest.approx(100.0), "held, as nothing new is known"
    instrument.write("00\n")
    assert meter.read() == pytest.approx(150.0)


@pytest.mark.parametrize("line", ["soon,200", "1,2,3,4", "1006.0", "1006.0,nan", "1006.0,-5"])
def test_a_line_that_is_no_sample_breaks_the_window_it_is_in(instrument: Instrument, line: str) -> None:
    meter = started(instrument)
    instrument.write(line + "\n")
    instrument.sample(100.0)
    assert meter.read() is None
    instrument.sample(100.0)
    assert meter.read() == pytest.approx(100.0)
    with pytest.raises(ValueError, match=r"unix_seconds,watts|could not convert"):
        parse(line.encode())


def test_time_that_goes_back_and_a_file_that_is_cut_have_no_figure(instrument: Instrument) -> None:
    meter = started(instrument)
    instrument.sample(100.0, -0.5)
    assert meter.read() is None
    instrument.path.write_text("")
    assert meter.read() is None


def test_without_the_variable_it_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    told = WallMeter().availability()
    assert (told.ok, told.why) == (False, "no external meter: NSCTL_WALL_METER is not set")
    assert "unix_seconds,watts[,joules]" in told.remedy
    assert WallMeter().read() is None


def test_the_variable_names_the_file(instrument: Instrument, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(instrument.path))
    assert WallMeter(clock=instrument.clock).availability().ok


@pytest.mark.parametrize(
    ("text", "why"),
    [(None, "cannot be read"), ("", "has 0 samples"), ("1,2\n", "has 1 samples"), ("a,b\nc,d\n", "not an external")],
)
def test_what_is_wrong_with_the_file_is_told(tmp_path: Path, text: str | None, why: str) -> None:
    path = tmp_path / "wall.csv"
    if text is not None:
        path.write_text(text)
    told = WallMeter(path).availability()
    assert not told.ok
    assert why in told.why
    assert told.remedy


def test_a_shared_machine_or_a_virtual_one_is_attributed(instrument: Instrument) -> None:
    meter = started(instrument)
    assert (meter.label, meter.exclusive) == ("measured", True)
    shared = Nobody()
    shared.share = 0.2
    for other in (
        WallMeter(instrument.path, instrument.clock, shared, virtual=False),
        WallMeter(instrument.path, instrument.clock, Nobody(), virtual=True),
    ):
        assert (other.label, other.exclusive) == ("attributed", False)
