"""The RAPL meter on a fake powercap tree."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from powercap_tree import RANGE_UJ, Powercap, Socket

from energy.alone import Others
from energy.meters.rapl import RaplMeter
from nsctl.phases import EpisodeClock, PhaseCost


def meter(powercap: Powercap, virtual: bool = False) -> RaplMeter:
    started = RaplMeter(powercap.root, virtual)
    started.start()
    return started


def test_a_register_that_stands_still_is_zero_joules(socket: Powercap) -> None:
    rapl = meter(socket)
    assert [rapl.read(), rapl.read()] == [0.0, 0.0]


def test_steps_add_up_in_joules(socket: Powercap) -> None:
    rapl = meter(socket)
    seen = []
    for energy in (5_000_000, 6_500_000, 9_000_000):
        socket.set("intel-rapl:0", energy)
        seen.append(rapl.read())
    assert seen == pytest.approx([0.0, 1.5, 4.0])


def test_one_wrap_between_readings_is_unrolled(powercap: Powercap) -> None:
    powercap.add("intel-rapl:0", "package-0", energy_uj=9_000_000, range_uj=10_000_000)
    rapl = meter(powercap)
    powercap.set("intel-rapl:0", 500_000)
    assert rapl.read() == pytest.approx(1.5)
    powercap.set("intel-rapl:0", 700_000)
    assert rapl.read() == pytest.approx(1.7)


def test_two_packages_and_their_memory_add_up(powercap: Powercap) -> None:
    folders = ["intel-rapl:0", "intel-rapl:0/intel-rapl:0:1", "intel-rapl:1", "intel-rapl:1/intel-rapl:1:1"]
    for folder, name in zip(folders, ["package-0", "dram", "package-1", "dram"], strict=True):
        powercap.add(folder, name)
    rapl = meter(powercap)
    for joules, folder in enumerate(folders, start=1):
        powercap.set(folder, joules * 1_000_000)
    assert rapl.read() == pytest.approx(1 + 2 + 3 + 4)
    assert rapl.stop()["domains"] == pytest.approx(
        {"package-0": 1.0, "package-0/dram": 2.0, "package-1": 3.0, "package-1/dram": 4.0}
    )


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("intel-rapl:1", "psys"),
        ("intel-rapl-mmio:0", "package-0"),
        ("intel-rapl:0/intel-rapl:0:0", "core"),
        ("intel-rapl:0/intel-rapl:0:2", "uncore"),
        ("intel-rapl:0:1", "dram"),  # sysfs shows each part a second time, beside its package
    ],
)
def test_what_would_be_counted_twice_is_left_out(socket: Powercap, folder: str, name: str) -> None:
    socket.add(folder, name)
    rapl = meter(socket)
    socket.set(folder, 7_000_000)
    assert rapl.read() == 0.0
    assert rapl.describe()["domains"] == ["package-0"]


def test_a_die_that_mirrors_its_package_is_counted_once(powercap: Powercap) -> None:
    powercap.add("intel-rapl:0", "package-0-die-0", 80_000_000)
    powercap.add("intel-rapl:1", "package-0-die-1", 80_000_300)
    powercap.add("intel-rapl:2", "package-0-die-2", 12_000_000)
    powercap.add("intel-rapl:3", "package-1-die-0", 80_000_000)
    assert meter(powercap).describe()["domains"] == ["package-0-die-0", "package-0-die-2", "package-1-die-0"]


def test_two_sockets_with_equal_registers_are_no_mirror(powercap: Powercap) -> None:
    powercap.add("intel-rapl:0", "package-0")
    powercap.add("intel-rapl:1", "package-1")
    assert meter(powercap).describe()["domains"] == ["package-0", "package-1"]


def test_a_machine_without_rapl_says_so(powercap: Powercap) -> None:
    rapl = meter(powercap)
    told = rapl.availability()
    assert not told.ok
    assert told.why == f"there is no RAPL package domain under {powercap.root}"
    assert told.remedy.endswith("sudo modprobe intel_rapl_msr")
    assert rapl.read() is None
    assert rapl.stop() == {"joules": None, "domains": None}


def test_a_counter_that_is_there_and_readable_is_available(socket: Powercap) -> None:
    assert RaplMeter(socket.root, virtual=False).availability().ok


def test_permission_denied_is_told_with_the_remedy(socket: Powercap, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, flags: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)  # the tests may run as root, whom chmod does not stop
    rapl = meter(socket)
    told = rapl.availability()
    assert not told.ok
    assert "Permission denied" in told.why
    assert told.remedy.startswith("let your user read them until the next boot: sudo chmod")
    assert rapl.read() is None


def test_a_register_that_holds_no_number_is_told(socket: Powercap) -> None:
    (socket.root / "intel-rapl:0/energy_uj").write_text("")
    told = RaplMeter(socket.root, virtual=False).availability()
    assert not told.ok
    assert "cannot be read" in told.why


def test_a_device_that_vanishes_reads_as_none_and_never_as_zero(
    socket: Powercap, monkeypatch: pytest.MonkeyPatch
) -> None:
    rapl = meter(socket)
    socket.set("intel-rapl:0", 6_000_000)
    assert rapl.read() == pytest.approx(1.0)

    def gone(descriptor: int, size: int, offset: int) -> bytes:
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(os, "pread", gone)
    assert rapl.read() is None
    assert rapl.stop() == {"joules": None, "domains": None}


def test_one_vanished_domain_hides_the_partial_sum(socket: Powercap) -> None:
    socket.add("intel-rapl:1", "package-1")
    rapl = meter(socket)
    (socket.root / "intel-rapl:1/energy_uj").write_text("")
    assert rapl.read() is None


class Machine(Others):
    """Others who take a share that a test sets."""

    share: float | None = 0.0

    def begin(self) -> None:
        pass

    def lately(self) -> float | None:
        return self.share

    def in_all(self) -> float | None:
        return self.share


@pytest.mark.parametrize(
    ("share", "virtual", "label"),
    [
        (0.0, False, "measured"),
        (0.049, False, "measured"),
        (0.051, False, "attributed"),
        (None, False, "attributed"),
        (0.0, True, "attributed"),
    ],
)
def test_measured_is_bare_metal_that_nobody_shares(
    socket: Powercap, share: float | None, virtual: bool, label: str
) -> None:
    others = Machine()
    others.share = share
    rapl = RaplMeter(socket.root, virtual, others)
    rapl.start()
    assert rapl.label == label
    assert rapl.exclusive is (label == "measured")
    assert rapl.describe()["virtual_machine"] is virtual
    assert rapl.describe()["others_share"] == share


def test_a_reading_asks_nobody_who_else_is_there(socket: Powercap) -> None:
    class Nosy(Machine):
        def lately(self) -> float | None:
            raise AssertionError("asked at a boundary")

    rapl = RaplMeter(socket.root, False, Nosy())
    rapl.start()
    rapl.read()


def scripted(powercap: Powercap, watts: float, range_uj: int = RANGE_UJ) -> tuple[Socket, RaplMeter]:
    socket = Socket(powercap, "intel-rapl:0", watts, range_uj)
    rapl = RaplMeter(powercap.root, virtual=False, clock=socket.clock)
    rapl.start()
    return socket, rapl


def test_a_constant_power_that_steps_adds_up_over_many_rounds(powercap: Powercap) -> None:
    socket, rapl = scripted(powercap, watts=100.0, range_uj=200_000_000)  # 13 rounds
    expected = 0.0
    for number in range(60):
        socket.watts = 100.0 if number < 30 else 250.0
        socket.run(0.25)
        expected += socket.watts * 0.25
        assert rapl.read() == pytest.approx(expected, abs=2e-5)


def test_a_register_that_was_set_back_is_no_round_and_is_told_once(powercap: Powercap) -> None:
    socket, rapl = scripted(powercap, watts=100.0)
    socket.run(2.0)
    assert rapl.read() == pytest.approx(200.0)
    socket.set_back()
    socket.run(1.0)
    assert rapl.read() is None, "a round would have been 262 kJ in a second"
    socket.run(1.0)
    assert rapl.read() == pytest.approx(300.0), "the lost second is in no later window"


def test_a_register_left_alone_for_too_long_may_have_gone_round_twice(powercap: Powercap) -> None:
    socket, rapl = scripted(powercap, watts=100.0, range_uj=65_000_000_000)  # goes round in 130 s at 500 W
    socket.run(131.0)
    assert rapl.read() is None
    socket.run(1.0)
    assert rapl.read() is not None


def test_one_domain_that_lost_count_leaves_the_others_right(powercap: Powercap) -> None:
    socket, rapl = scripted(powercap, watts=100.0)
    powercap.add("intel-rapl:1", "package-1")
    rapl.start()
    socket.set_back()
    powercap.set("intel-rapl:1", 3_000_000)
    socket.run(0.0)
    rapl.read()
    assert rapl.read() == pytest.approx(3.0)


def test_a_vanished_register_comes_back_without_its_past(powercap: Powercap) -> None:
    socket, rapl = scripted(powercap, watts=10.0)
    powercap.vanish("intel-rapl:0")
    assert rapl.read() is None
    socket.run(1.0)
    assert rapl.read() == pytest.approx(10.0)


def test_descriptors_are_given_back(socket: Powercap, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    closed: list[int] = []
    really_open, really_close = os.open, os.close
    monkeypatch.setattr(os, "open", lambda *a: opened.append(really_open(*a)) or opened[-1])  # type: ignore[func-returns-value]
    monkeypatch.setattr(os, "close", lambda fd: closed.append(fd) or really_close(fd))  # type: ignore[func-returns-value]
    socket.add("intel-rapl:1", "package-1")
    rapl = meter(socket)
    rapl.start()
    rapl.availability()
    rapl.stop()
    (socket.root / "intel-rapl:1/energy_uj").write_text("broken")
    rapl.start()
    assert len(opened) == 8
    assert sorted(opened) == sorted(closed)


def test_the_wrap_time_is_stated_for_a_socket_at_full_load(powercap: Powercap) -> None:
    powercap.add("intel-rapl:0", "package-0", range_uj=65_712_999_613)
    assert meter(powercap).describe()["wrap_seconds"] == pytest.approx(131.4, abs=0.1)


def test_an_episode_on_bare_metal_that_nobody_shares_is_measured(
    powercap: Powercap, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = Socket(powercap, "intel-rapl:0", watts=50.0)
    others = Machine()
    rapl = RaplMeter(powercap.root, False, others, socket.clock)
    rapl.start()
    monkeypatch.setattr("nsctl.phases.time.perf_counter", socket.clock)

    def episode() -> dict[str, PhaseCost]:
        clock = EpisodeClock([rapl])
        with clock.phase("policy"):
            socket.run(0.5)
        with clock.phase("simulate"):
            socket.run(1.5)
        return dict(clock.stop())

    costs = episode()
    assert costs["policy"].joules.value == pytest.approx(25.0)
    assert costs["simulate"].joules.value == pytest.approx(75.0)
    assert {costs[name].joules.label for name in ("policy", "simulate")} == {"measured"}
    others.share = 0.06
    assert {cost.joules.label for cost in episode().values()} == {"attributed"}
