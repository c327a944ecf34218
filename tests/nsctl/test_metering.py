"""Which meters count."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from samples import Install

from nsctl import metering
from nsctl.metering import counters, survey

METER = """
from nsctl.contracts import Availability
class Meter:
    name, label, granularity, scope, update_seconds = "{name}", "{label}", "{granularity}", "{scope}", 0.001
    def availability(self): return Availability(True)
    def start(self): pass
    def read(self): return 1.0
    def describe(self): return {{}}
"""


def install_meter(install: Install, name: str, label: str, granularity: str, scope: str) -> None:
    code = METER.format(name=name, label=label, granularity=granularity, scope=scope)
    install(name, code, {f"meters:{name}": f"{name}:Meter"})


def names(shared: bool = False) -> list[str]:
    return [meter.name for meter in counters(shared=shared)]


def test_a_counter_of_the_machine_takes_the_place_of_the_model(install: Install) -> None:
    install_meter(install, "wallplug", "measured", "phase", "machine")
    assert names() == ["wallplug"]


def test_workers_side_by_side_leave_the_machine_s_counters_alone(install: Install) -> None:
    install_meter(install, "wallplug", "measured", "phase", "machine")
    install_meter(install, "gpucard", "measured", "episode", "machine")
    assert set(names()) == {"wallplug", "gpucard"}
    assert names(shared=True) == ["modelled"]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise ImportError('no bus')", "the meter 'smart' of smart 1.5 .* could not be loaded: ImportError: no bus"),
        ("def Meter(): raise OSError('no bus')", "the meter 'smart' of smart breaks: OSError: no bus"),
    ],
)
def test_a_broken_meter_is_named_and_harms_no_other(install: Install, code: str, why: str) -> None:
    install("smart", code, {"meters:smart": "smart:Meter"})
    entry = next(entry for entry in survey() if entry.part.name == "smart")
    assert (entry.meter, entry.ok, entry.remedy) == (None, False, "mend or uninstall smart")
    with pytest.raises(OSError, match=why):
        raise OSError(entry.why)
    assert "smart" not in names()
    assert names()


def test_the_process_s_joules_leave_out_the_machine_s(monkeypatch: pytest.MonkeyPatch) -> None:
    meters = [
        SimpleNamespace(scope=scope, read=lambda joules=joules: joules)
        for scope, joules in (("process", 2.0), ("machine", 5.0))
    ]
    monkeypatch.setattr(metering, "counters", lambda: meters)
    assert metering.process_joules() == 2.0
