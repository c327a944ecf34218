"""What every meter owes, whatever it counts and whether or not this machine has it."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from energy.meters.carbon import CodecarbonMeter
from energy.meters.modelled import ModelledMeter
from energy.meters.nvml import NvmlMeter
from energy.meters.rapl import RaplMeter
from energy.meters.wall import WallMeter
from nsctl.contracts import Granularity, Label, Meter, Scope

METERS: list[Meter] = [CodecarbonMeter(), ModelledMeter(), NvmlMeter(), RaplMeter(), WallMeter()]


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: meter.name)
def test_a_meter_says_what_it_is(meter: Meter) -> None:
    assert meter.label in get_args(Label)
    assert meter.granularity in get_args(Granularity)
    assert meter.scope in get_args(Scope)
    assert meter.update_seconds > 0
    told = meter.describe()
    assert {"source", "unit", "update_seconds"} <= set(told)
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: meter.name)
def test_a_meter_that_cannot_work_says_why_and_what_would_help(meter: Meter) -> None:
    told = meter.availability()
    assert told.ok or (told.why and told.remedy)


@pytest.mark.parametrize("meter", [m for m in METERS if m.granularity != "run"], ids=lambda meter: meter.name)
def test_a_counter_only_grows_and_its_fields_can_be_recorded(meter: Meter) -> None:
    meter.start()
    before, after = meter.read(), meter.read()
    fields = meter.stop()
    assert (before is None) == (after is None)
    assert before is None or after is None or after >= before
    json.dumps(fields, allow_nan=False)
