"""Which meters count."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from samples import Install

from nsctl import metering
from nsctl.errors import InvalidValue
from nsctl.evaluation import RunOptions, evaluate
from nsctl.metering import counters, survey
from nsctl.run_config import RunConfig

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


def broken_meter(install: Install, method: str, body: str) -> None:
    """A meter of the machine that is trusted most, and does ``body`` where ``method`` is asked of it."""
    code = METER.format(name="wallplug", label="measured", granularity="phase", scope="machine")
    install("wallplug", f"{code}    def {method}(self): {body}\n", {"meters:wallplug": "wallplug:Meter"})


def entry_of(name: str) -> metering.FoundMeter:
    return next(entry for entry in survey() if entry.part.name == name)


@pytest.mark.parametrize("body", ["raise OSError('no bus')", "raise SystemExit('no bus')"])
def test_a_meter_that_does_not_start_gives_way_to_the_next(install: Install, body: str) -> None:
    broken_meter(install, "start", body)
    assert names() == ["modelled"]
    entry = entry_of("wallplug")
    assert not entry.ok
    assert entry.why.startswith("the meter 'wallplug' of wallplug does not start: ")
    assert entry.why.endswith(": no bus")
    assert entry.remedy == "mend or uninstall wallplug"


@pytest.mark.parametrize("body", ["raise OSError", "raise SystemExit", "return float('nan')", "return 'much'"])
def test_a_meter_that_cannot_be_read_reads_as_none(install: Install, body: str) -> None:
    broken_meter(install, "read", body)
    (meter,) = counters()
    assert (meter.name, meter.read()) == ("wallplug", None)


@pytest.mark.parametrize("method", ["describe", "stop"])
@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise OSError('no bus')", "OSError: no bus"),
        ("return 7", "TypeError: "),
        ("return {'joules': float('nan')}", "ValueError: Out of range float values are not JSON compliant"),
    ],
)
def test_what_a_meter_cannot_tell_is_told_so(install: Install, method: str, body: str, why: str) -> None:
    broken_meter(install, method, body)
    (meter,) = counters()
    told = getattr(meter, method)()
    assert list(told) == ["error"]
    assert told["error"].startswith(why)


@pytest.mark.parametrize(
    ("was", "now"), [("measured", "exact"), ("phase", "second"), ("machine", "street"), ("0.001", "'soon'")]
)
def test_a_meter_that_keeps_no_contract_is_named_and_left_out(install: Install, was: str, now: str) -> None:
    code = METER.format(name="wallplug", label="measured", granularity="phase", scope="machine").replace(was, now)
    install("wallplug", code, {"meters:wallplug": "wallplug:Meter"})
    assert names() == ["modelled"]
    assert entry_of("wallplug").why.startswith("the meter 'wallplug' of wallplug breaks: ")


def test_a_run_outlives_a_meter_that_fails_everywhere(install: Install, tmp_path: Path) -> None:
    code = METER.format(name="wallplug", label="measured", granularity="episode", scope="machine")
    code += "".join(f"    def {method}(self): raise OSError('no bus')\n" for method in ("read", "describe", "stop"))
    install("wallplug", code, {"meters:wallplug": "wallplug:Meter"})
    done = evaluate(RunConfig("hanoi-1", agent="random", episodes=1), tmp_path, RunOptions(carbon=False))
    (meter,) = (meter for meter in done.run.meters if meter.name == "wallplug")
    assert meter.description == {"error": "OSError: no bus"}
    assert done.summary.joules["total"].label == "modelled"


def test_of_two_that_are_trusted_alike_the_process_s_own_comes_first(install: Install) -> None:
    install_meter(install, "board", "attributed", "phase", "machine")
    install_meter(install, "ownshare", "attributed", "phase", "process")
    assert names() == ["ownshare"]


def test_a_meter_s_label_may_change_while_it_runs(install: Install) -> None:
    code = METER.format(name="wallplug", label="measured", granularity="phase", scope="machine")
    body = "self.label = 'attributed'; return 1.0"
    install("wallplug", f"{code}    def read(self): {body}\n", {"meters:wallplug": "wallplug:Meter"})
    (meter,) = counters()
    meter.read()
    assert meter.label == "attributed"


EXTRA = """    exclusive = {exclusive}
    grade = {grade}
"""


def install_graded(install: Install, name: str, label: str, exclusive: bool, grade: str | None = None) -> None:
    code = METER.format(name=name, label=label, granularity="phase", scope="machine")
    install(name, code + EXTRA.format(exclusive=exclusive, grade=repr(grade)), {f"meters:{name}": f"{name}:Meter"})


@pytest.mark.parametrize(
    ("label", "exclusive", "own", "grade"),
    [
        ("measured", True, "A", "A"),
        ("attributed", False, "A", "C"),
        ("attributed", True, None, "B"),
        ("attributed", False, None, "C"),
        ("modelled", True, None, "D"),
    ],
)
def test_a_run_is_graded_by_what_counts(
    install: Install, label: str, exclusive: bool, own: str | None, grade: str
) -> None:
    install_graded(install, "board", label, exclusive, own)
    if label == "modelled":
        assert metering.grade() == "D"
    else:
        assert names() == ["board"]
        assert metering.grade() == grade
    assert metering.grade(shared=True) == "D", "workers side by side have the model alone"


def test_a_record_is_graded_by_its_worst_session(install: Install) -> None:
    install_graded(install, "board", "measured", True)
    assert [metering.grade(before=before) for before in (None, "A", "B", "C", "D")] == ["B", "B", "B", "C", "D"]


def test_without_a_counter_there_is_no_grade(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metering, "counters", lambda shared=False: ())
    assert metering.grade() is None


def test_a_gpu_that_nobody_used_has_no_say_in_the_grade(install: Install) -> None:
    install_graded(install, "board", "measured", True)
    code = METER.format(name="card", label="attributed", granularity="episode", scope="device")
    install(
        "card", code.replace("return 1.0", "return Meter.joules") + "    joules = 0.0\n", {"meters:card": "card:Meter"}
    )
    assert metering.grade() == "B"
    found = next(meter for meter in counters() if meter.name == "card")
    type(found._meter).joules = 5.0  # type: ignore[attr-defined]
    assert metering.grade() == "C"


def test_an_external_meter_counts_alone(install: Install) -> None:
    install_meter(install, "board", "measured", "phase", "machine")
    install_meter(install, "card", "measured", "episode", "device")
    install_graded(install, "plug", "attributed", True, "A")
    assert names() == ["plug"]
    assert names(shared=True) == ["modelled"]


def test_an_external_meter_that_does_not_start_gives_way(install: Install) -> None:
    install_meter(install, "board", "measured", "phase", "machine")
    code = METER.format(name="plug", label="measured", granularity="episode", scope="machine")
    code += "    grade = 'A'\n    def start(self): raise OSError('no bus')\n"
    install("plug", code, {"meters:plug": "plug:Meter"})
    assert names() == ["board"]


def test_the_whole_of_a_meter_is_what_it_reads_unless_it_says_more(install: Install) -> None:
    code = METER.format(name="card", label="measured", granularity="episode", scope="device")
    install("card", code + "    def whole(self): return 7.0\n", {"meters:card": "card:Meter"})
    install_meter(install, "board", "measured", "phase", "machine")
    told = {meter.name: (meter.read(), meter.whole()) for meter in counters()}
    assert told == {"card": (1.0, 7.0), "board": (1.0, 1.0)}


def test_a_run_s_record_is_graded(tmp_path: Path) -> None:
    done = evaluate(RunConfig("hanoi-1", agent="random", episodes=1), tmp_path, RunOptions(carbon=False))
    assert done.run.grade == metering.grade()
    assert done.run.grade is not None


def test_a_region_that_codecarbon_does_not_know_is_refused_before_there_is_a_record(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="no grid of the region 'DEX'"):
        evaluate(RunConfig("hanoi-1", agent="random", episodes=1), tmp_path, RunOptions(region="DEX"))
    assert list(tmp_path.iterdir()) == []


def test_a_meter_may_ask_to_be_read_often_once_it_has_started(install: Install) -> None:
    code = METER.format(name="card", label="attributed", granularity="episode", scope="device")
    code = code.replace("def start(self): pass", "def start(self): self.poll_seconds = 0.2")
    install("card", code, {"meters:card": "card:Meter"})
    polled = {meter.name: meter.poll_seconds for meter in counters()}
    assert polled == {"card": 0.2, "modelled": None}
