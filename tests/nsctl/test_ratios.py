"""Joules of one agent over another's: with idle power on both sides, and on neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from samples import make_meter, put_record

from nsctl.ratios import (
    MODEL,
    NO_GPU_IDLE,
    NO_IDLE,
    NO_SUCCESS,
    NO_TRAINING,
    NOTHING_BEYOND,
    OTHER_METERS,
    UNTRAINED,
    Ratio,
    charged,
    of_trainings,
    subtracted,
)
from nsctl.record_folder import StoredRun
from nsctl.records import IdleRecord
from nsctl.standings import standings

RAPL = make_meter("rapl", "machine")
MODELLED = make_meter("modelled", "process", "modelled")
NVML = make_meter("nvml", "device", devices=["a GPU"])


def looked(rapl: float | None = None, gpu: float | None = None) -> IdleRecord:
    """Idle watts of the processor and of the GPU."""
    watts, devices = {} if rapl is None else {"rapl": rapl}, {} if gpu is None else {"nvml": gpu}
    return IdleRecord(before=watts, after=watts, seconds=2.0, drift=False, contended=False, devices=devices)


def both(one: StoredRun, other: StoredRun) -> tuple[Ratio, Ratio]:
    """Charged and subtracted, the second over the first."""
    member = standings([one, other]).members[1]
    return charged(one, member), subtracted(one, member)


def pair(runs: Path, first: float, second: float, wins: str = "+" * 8, **fields: Any) -> tuple[StoredRun, StoredRun]:
    return put_record(runs, "one", "+" * 8, first, **fields), put_record(runs, "two", wins, second, **fields)


def test_a_model_of_this_process_has_no_idle_power_to_charge(tmp_path: Path) -> None:
    found = both(*pair(tmp_path, 1.0, 4.0, meters=(MODELLED,)))
    assert found[0] == Ratio(None, note=NO_IDLE)
    assert (found[1].value, found[1].low, found[1].high) == pytest.approx((4.0, 4.0, 4.0))
    assert (found[1].label, found[1].note) == ("modelled", MODEL)


def test_with_a_machines_counter_both_are_known_and_differ(tmp_path: Path) -> None:
    """Of 3 J and of 12 J in three seconds, 0.6 J are idle power."""
    found = both(*pair(tmp_path, 3.0, 12.0, source="rapl", meters=(RAPL,), idle=looked(0.2)))
    assert (found[0].value, found[0].label, found[0].note) == (pytest.approx(4.0), "measured", "")
    assert (found[1].value, found[1].label, found[1].note) == (pytest.approx(11.4 / 2.4), "attributed", "")


def test_a_gpu_that_only_one_of_them_used_is_charged_to_both_or_to_neither(tmp_path: Path) -> None:
    """A GPU of 10 W, at work for three seconds: the first has none of its 30 J of idle power, the second has them."""
    common: dict[str, Any] = {"meters": (RAPL, NVML), "idle": looked(0.2, 10.0)}
    one = put_record(tmp_path, "one", "+" * 8, 3.0, "rapl", **common)
    two = put_record(tmp_path, "two", "+" * 4 + "-" * 4, 60.0, "rapl+nvml", **common)
    found = both(one, two)
    assert found[0].value == pytest.approx(2 * 60.0 / (3.0 + 30.0))
    assert found[1].value == pytest.approx(2 * (60.0 - 30.6) / 2.4)
    assert [each.label for each in found] == ["attributed", "attributed"]
    assert found[0].low is not None
    assert found[0].low < found[0].value


def test_a_gpu_beside_a_model_of_the_processor_is_noted(tmp_path: Path) -> None:
    common: dict[str, Any] = {"meters": (MODELLED, NVML), "idle": looked(gpu=10.0)}
    one = put_record(tmp_path, "one", "+" * 8, 3.0, **common)
    two = put_record(tmp_path, "two", "+" * 8, 60.0, "modelled+nvml", "modelled", **common)
    found = both(one, two)
    assert found[0].value == pytest.approx(60.0 / 33.0)
    assert found[1].value == pytest.approx(30.0 / 3.0)
    assert [(each.label, each.note) for each in found] == [("modelled", MODEL)] * 2


@pytest.mark.parametrize("gpus", [["a GPU"], ["a GPU", "another"]])
def test_without_a_look_at_the_one_gpu_nothing_is_said(tmp_path: Path, gpus: list[str]) -> None:
    meters = (RAPL, make_meter("nvml", "device", devices=gpus))
    idle = looked(0.2, None if len(gpus) == 1 else 20.0)
    one = put_record(tmp_path, "one", "+" * 8, 3.0, "rapl", meters=meters, idle=idle)
    two = put_record(tmp_path, "two", "+" * 8, 60.0, "rapl+nvml", meters=meters, idle=idle)
    assert both(one, two) == (Ratio(None, note=NO_GPU_IDLE), Ratio(None, note=NO_GPU_IDLE))


def test_what_was_drawn_is_never_less_than_nothing(tmp_path: Path) -> None:
    common: dict[str, Any] = {"meters": (RAPL, NVML), "idle": looked(0.2, 100.0)}
    one = put_record(tmp_path, "one", "+" * 8, 3.0, "rapl", **common)
    two = put_record(tmp_path, "two", "+" * 8, 60.0, "rapl+nvml", **common)
    assert both(one, two)[1] == Ratio(None, note=NOTHING_BEYOND)


def test_noise_below_the_idle_power_does_not_add_up(tmp_path: Path) -> None:
    """Of 12 J each, 6 J are idle power; an episode at 1 J and one at 23 J have that mean as well."""
    one, two = pair(tmp_path, 12.0, 12.0, source="rapl", meters=(RAPL,), idle=looked(2.0))
    noisy = tuple(
        e.model_copy(
            update={
                "joules": {
                    name: f.model_copy(update={"value": (f.value or 0.0) * times}) for name, f in e.joules.items()
                }
            }
        )
        for e, times in zip(two.episodes, [1 / 12, 23 / 12] * 4, strict=True)
    )
    found = both(one, StoredRun(two.folder, two.run, noisy))[1]
    assert found.value == pytest.approx(1.0)
    assert found.low is not None
    assert 0 <= found.low < 1


def test_idle_power_is_not_charged_to_both_where_their_meters_differ(tmp_path: Path) -> None:
    """A model beside a machine's counter has no idle power in it, and a machine without a GPU none of that."""
    counted = put_record(tmp_path, "one", "+" * 8, 3.0, "rapl", meters=(RAPL,), idle=looked(0.2))
    for name, meters in (("two", (MODELLED,)), ("three", (RAPL, NVML))):
        other = put_record(tmp_path, name, "+" * 8, 9.0, meters[0].name, meters=meters, idle=looked(0.2, 10.0))
        for records in ((counted, other), (other, counted)):
            assert both(*records)[0] == Ratio(None, note=OTHER_METERS)


def test_without_a_success_there_is_no_ratio(tmp_path: Path) -> None:
    found = both(*pair(tmp_path, 3.0, 3.0, "-" * 8, source="rapl", meters=(RAPL,), idle=looked(0.2)))
    assert [each.note for each in found] == [NO_SUCCESS] * 2


def test_without_pairs_the_reason_is_that_of_the_comparison(tmp_path: Path) -> None:
    one = put_record(tmp_path, "one", "++", 1.0, "rapl", meters=(RAPL,))
    other = put_record(tmp_path, "two", "++", 1.0, "rapl", meters=(RAPL,), config={"engine": "pybullet"})
    assert all("differ in their engine" in each.note for each in both(one, other))


@pytest.mark.parametrize(
    ("first", "second", "value", "note"),
    [
        (2.0, 160.0, 80.0, ""),
        (0.0, 160.0, None, UNTRAINED),
        (None, 160.0, None, NO_TRAINING),
        (2.0, None, None, NO_TRAINING),
    ],
)
def test_the_ratio_of_trainings(
    tmp_path: Path, first: float | None, second: float | None, value: float | None, note: str
) -> None:
    told = [{"training": None if j is None else {"joules": j, "label": "modelled"}} for j in (first, second)]
    records = [put_record(tmp_path, name, "+", 1.0, agent=each) for name, each in zip("ab", told, strict=True)]
    members = standings(records).members
    found = of_trainings(members[0].side, members[1].side)
    assert (found.value, found.note) == (value, note)
