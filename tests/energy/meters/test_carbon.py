"""The codecarbon meter against the real codecarbon, in a process of its own: what it says and what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from energy.meters.carbon import CodecarbonMeter
from nsctl.errors import InvalidValue

SCRIPT = """
import json, sys, threading, time
from energy.meters.carbon import CodecarbonMeter

meter = CodecarbonMeter(country_iso_code="FRA")
meter.start()
end = time.process_time() + 0.3
while time.process_time() < end:
    pass
during = threading.active_count()
seen = meter.read()
first = dict(meter.stop())
meter.start()
again = dict(meter.stop())
time.sleep(1.2)  # codecarbon's own timer would have fired
threads = [during, threading.active_count()]
record = {"read": seen, "label": meter.label, "first": first, "again": again, "threads": threads}
open(sys.argv[1], "w").write(json.dumps(record))
"""


class Run(NamedTuple):
    """The finished process, its folder (home and working directory) and the record that it wrote."""

    process: subprocess.CompletedProcess[str]
    home: Path
    record: dict[str, Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home, out = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("out") / "record.json"
    environment = {key: value for key, value in os.environ.items() if not key.lower().startswith("codecarbon")}
    environment |= {"HOME": str(home), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(out)],
        check=False,
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return Run(done, home, json.loads(out.read_text()))


def test_it_prints_nothing(run: Run) -> None:
    assert (run.process.stdout, run.process.stderr) == ("", "")


def test_it_writes_no_file(run: Run) -> None:
    assert [str(path) for path in run.home.rglob("*")] == []


def test_its_fields_are_codecarbons_and_say_how_they_came_about(run: Run) -> None:
    fields = run.record["first"]
    assert fields["country_iso_code"] == "FRA"
    assert fields["tracking_mode"] == "process"
    assert 0.3 <= fields["duration"] < 5.0
    assert 0 < fields["cpu_energy"] < fields["energy_consumed"]
    assert fields["energy_consumed"] == pytest.approx(sum(fields[f"{p}_energy"] for p in ("cpu", "gpu", "ram")))
    assert fields["emissions"] > 0
    assert fields["cpu_utilization_percent"] is None
    assert fields["cpu_mode"] in {"cpu_load", "intel_rapl", "constant"}
    assert fields["labels"]["ram_energy"] == fields["labels"]["energy_consumed"] == "modelled"
    assert run.record["label"] == ("attributed" if fields["cpu_mode"] == "intel_rapl" else "modelled")


def test_what_it_warned_of_is_kept(run: Run) -> None:
    assert any("Multiple instances" in warning for warning in run.record["first"]["warnings"])


def test_it_is_no_counter_and_leaves_no_thread(run: Run) -> None:
    assert run.record["read"] is None
    during, after = run.record["threads"]
    assert during == 2, "the run, and the timer that wakes every 15 seconds"
    assert after == 1


def test_it_can_run_again(run: Run) -> None:
    first, again = run.record["first"], run.record["again"]
    assert again["run_id"] != first["run_id"]
    assert again["duration"] < first["duration"]


def test_stop_without_start_has_nothing_to_say() -> None:
    assert CodecarbonMeter().stop() == {}


def test_the_region_is_stated_and_checked() -> None:
    assert CodecarbonMeter().describe()["country_iso_code"] == "USA"
    assert CodecarbonMeter("DEU").region == "DEU"
    with pytest.raises(InvalidValue, match="a region is a country's three capitals, such as USA, got 'de'"):
        CodecarbonMeter("de")
    with pytest.raises(InvalidValue, match=r"codecarbon knows no grid of the region 'DEX'; nearest: .*DEU"):
        CodecarbonMeter("DEX")
    meter = CodecarbonMeter()
    meter.region = "FRA"
    assert meter.describe()["country_iso_code"] == "FRA"


def test_it_is_available_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert CodecarbonMeter().availability().ok
    monkeypatch.setattr("energy.meters.carbon.find_spec", lambda name: None)
    assert CodecarbonMeter().availability().remedy == "pip install codecarbon"
