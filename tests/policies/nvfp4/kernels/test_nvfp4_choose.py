"""A kernel is taken where it is known to be quicker, and the reason is said."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from policies.nvfp4.kernels import choose
from policies.nvfp4.kernels.choose import MEASURED, Measured, Plan, plan

KNOWN = (Measured("gemv", 0, 1000, 1, 4, "a benchmark"), Measured("tiles", 0, 1000, 1, 16, "another"))


def chosen(device: torch.device, rows: int, batch: int, packed_only: bool = False) -> Plan:
    major = torch.cuda.get_device_capability(device)[0] if device.type == "cuda" else 0
    known = tuple(Measured(k.kernel, major, k.numbers, k.least, k.most, k.source) for k in KNOWN)
    return plan(device, (rows, 100), batch, packed_only, known)


def test_the_first_that_was_measured_to_be_quicker_is_taken(device: torch.device) -> None:
    assert chosen(device, 10, 4) == Plan("gemv", "quicker than bfloat16: a benchmark")
    assert chosen(device, 10, 5) == Plan("tiles", "quicker than bfloat16: another")
    for rows, batch in ((9, 4), (10, 17)):
        assert chosen(device, rows, batch) == Plan(
            "dense", f"not measured to be quicker at {rows} x 100 with {batch} rows on this kind of card"
        )


def test_many_rows_are_for_bfloat16(device: torch.device) -> None:
    for packed_only in (True, False):
        assert chosen(device, 10, 65, packed_only) == Plan("dense", "the kernels take 1 to 64 rows, these are 65")
        assert chosen(device, 10, 0, packed_only).kernel == "dense"


def test_a_packed_weight_is_read_as_it_is(device: torch.device) -> None:
    assert [chosen(device, 1, batch, packed_only=True).kernel for batch in (1, 8, 9, 64)] == [
        "gemv", "gemv", "tiles", "tiles",
    ]  # fmt: skip


def test_another_kind_of_card_was_not_measured(device: torch.device) -> None:
    assert plan(device, (10, 100), 1, measured=(Measured("gemv", 99, 1, 1, 8, "elsewhere"),)).kernel == "dense"


def test_where_kernels_cannot_run_the_reason_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "why_not", lambda _: "Triton is not installed")
    assert plan(torch.device("cpu"), (12345, 100), 1, True) == Plan("dense", "Triton is not installed")


def test_every_entry_of_the_table_says_what_it_is_known_from() -> None:
    for entry in MEASURED:
        assert 1 <= entry.least <= entry.most <= (8 if entry.kernel == "gemv" else 64)
        assert entry.source


def test_the_layer_does_not_import_triton() -> None:
    script = "import sys, policies.nvfp4.linear; print('triton.language' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)
    before = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import sys, torch; print('triton.language' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == before.stdout
