"""The forms that the CPU benchmark times are one function, and it says what each costs."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "mamba3_cpu.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mamba3_cpu", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mamba3_cpu"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def as_before() -> Iterator[None]:
    """The cores and threads of this process, given back."""
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    yield
    os.sched_setaffinity(0, cores)
    torch.set_num_threads(threads)


def test_a_size_gets_a_row_for_each_form(benchmark: ModuleType) -> None:
    rows = list(benchmark.measured("skill", 2, 1, compiled=False))
    assert [(row.form, row.batch) for row in rows] == [("torch", 2), ("numpy", 2), ("numpy, in place", 2)]
    for row in rows:
        assert 0 < row.low <= row.median <= row.high
        assert row.error < 2e-6


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux ties a process to a core")
def test_it_keeps_to_one_core(benchmark: ModuleType, as_before: None) -> None:
    benchmark.one_core()
    assert (len(os.sched_getaffinity(0)), torch.get_num_threads()) == (1, 1)
