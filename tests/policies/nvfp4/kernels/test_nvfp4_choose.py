"""A kernel is taken where it is known to be quicker, and the reason is said."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nsctl.errors import InvalidValue
from policies.nvfp4.kernels import choose
from policies.nvfp4.kernels.choose import Measured, Plan, plan, read_table, step_plan, write_table

KNOWN = (
    Measured("gemv", 0, 1000, 5000, 1, 4, "a benchmark"),
    Measured("tiles", 0, 1000, 5000, 1, 16, "another"),
    Measured("step", 0, 2000, 3000, 1, 16, "a third"),
)


def known(device: torch.device) -> tuple[Measured, ...]:
    """As if it had been measured on the card that is here."""
    major = torch.cuda.get_device_capability(device)[0] if device.type == "cuda" else 0
    return tuple(replace(entry, major=major) for entry in KNOWN)


def chosen(device: torch.device, rows: int, batch: int, packed_only: bool = False) -> Plan:
    return plan(device, (rows, 100), batch, packed_only, known(device))


def test_the_first_that_was_measured_to_be_quicker_is_taken(device: torch.device) -> None:
    assert chosen(device, 10, 4) == Plan("gemv", "quicker than bfloat16: a benchmark")
    assert chosen(device, 10, 5) == Plan("tiles", "quicker than bfloat16: another")
    for rows, batch in ((9, 4), (10, 17), (51, 4)):  # too small, too many, and larger than any that was measured
        assert chosen(device, rows, batch) == Plan(
            "dense", f"not measured to be quicker at {rows} x 100 with {batch} rows on this kind of card"
        )


def test_many_rows_are_for_bfloat16(device: torch.device) -> None:
    for packed_only in (True, False):
        assert chosen(device, 10, 65, packed_only) == Plan("dense", "the kernels take 1 to 64 rows, these are 65")
        assert chosen(device, 10, 0, packed_only).kernel == "dense"


def test_a_packed_weight_is_read_as_it_is(device: torch.device) -> None:
    assert [chosen(device, 1, batch, packed_only=True).kernel for batch in (1, 4, 5, 64)] == [
        "gemv", "gemv", "tiles", "tiles",
    ]  # fmt: skip


def test_another_kind_of_card_was_not_measured(device: torch.device) -> None:
    assert plan(device, (10, 100), 1, table=(Measured("gemv", 99, 1, 9999, 1, 8, "elsewhere"),)).kernel == "dense"


def test_where_kernels_cannot_run_the_reason_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "why_not", lambda _: "Triton is not installed")
    assert plan(torch.device("cpu"), (12345, 100), 1, True) == Plan("dense", "Triton is not installed")


def test_a_step_has_entries_of_its_own(device: torch.device) -> None:
    def stepped(rows: int, batch: int, dtype: torch.dtype = torch.bfloat16, normed: bool = True) -> Plan:
        return step_plan(device, (rows, 100), batch, dtype, normed, known(device))

    assert stepped(20, 16) == stepped(30, 1) == Plan("step", "quicker than bfloat16: a third")
    assert stepped(19, 16).reason == "not measured to be quicker at 19 x 100 with 16 rows on this kind of card"
    assert stepped(31, 1).reason == "not measured to be quicker at 31 x 100 with 1 row on this kind of card"
    assert stepped(20, 17).reason == "in torch.bfloat16 a step's kernels take 1 to 16 rows, these are 17"
    assert stepped(20, 9, torch.float32).reason == "in torch.float32 a step's kernels take 1 to 8 rows, these are 9"
    for batch in (1, 8):
        plan = stepped(20, batch, torch.float32)
        assert plan == Plan("dense", "steps were measured in bfloat16 alone, and this one computes in torch.float32")
    assert stepped(20, 1, torch.float64).reason == "a step computes in float32 or bfloat16, not torch.float64"
    wide = step_plan(device, (3, 600), 2, torch.bfloat16, True, known(device))
    assert wide.reason == "2 rows of 600 numbers are more than a program holds: 512 at most behind a norm"
    assert step_plan(device, (4, 600), 2, torch.bfloat16, False, known(device)).kernel == "step"
    assert step_plan(device, (4, 600), 1, torch.bfloat16, True, known(device)).kernel == "step"


def test_the_table_that_comes_with_it_is_read() -> None:
    assert read_table(choose.TABLE) == choose.measured()


def test_a_table_goes_to_a_file_and_back(tmp_path: Path) -> None:
    for entries in ((), KNOWN):
        write_table(tmp_path / "table.json", entries)
        assert read_table(tmp_path / "table.json") == entries
    (tmp_path / "table.json").write_text('[{"kernel": "gemv"}]')
    with pytest.raises(InvalidValue, match=r"is no table of measured kernels: .*missing"):
        read_table(tmp_path / "table.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kernel": "dense"}, "an entry of the table is for gemv, tiles or step, got 'dense'"),
        ({"smallest": 6000}, "the bounds of an entry must rise from 1 on, got 6000 to 5000"),
        ({"least": 0}, "the bounds of an entry must rise from 1 on, got 0 to 4"),
        ({"most": 9}, "the kernel gemv takes 8 rows at most, got 9"),
        ({"source": ""}, "an entry must say what it is known from"),
    ],
)
def test_an_entry_that_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        replace(KNOWN[0], **change)


def test_the_layer_does_not_import_triton() -> None:
    script = "import sys, policies.nvfp4.linear; print('triton.language' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)
    before = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import sys, torch; print('triton.language' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == before.stdout
