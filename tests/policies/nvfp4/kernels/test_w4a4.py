"""Inputs in NVFP4 too: rounded as the quantiser rounds, multiplied code by code, compiled for cards that are not here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.mamba3.kernels.available import interpreted
from policies.nvfp4.kernels import w4a4
from policies.nvfp4.kernels.w4a4 import QuantisedRows, multiply_rows, quantise_rows, why_not_w4a4
from policies.nvfp4.quantise import quantise
from policies.nvfp4.tensor import NVFP4Tensor, dequantise

ROOT = Path(__file__).parents[4]


def why_not_here() -> str | None:
    return why_not_w4a4(torch.device("cuda" if torch.cuda.is_available() else "cpu"))


pytestmark = pytest.mark.skipif(why_not_here() is not None, reason=str(why_not_here()))


def inputs(batch: int, columns: int, device: torch.device) -> Tensor:
    """Among them a block of zeros, negative zeros, a row that is tiny and a block that no scale is small enough for."""
    x = torch.randn(batch, columns, generator=torch.Generator().manual_seed(0))
    x[0, 16:32] = 0.0
    x[0, 32:40] = -0.0
    x[1] *= 1e-20
    x[2, :16] *= 1e-6
    return x.to(device)


def rows_of(x: Tensor) -> QuantisedRows:
    into = QuantisedRows.empty(*x.shape, x.device)
    quantise_rows(x, into)
    return into


def of_row(rows: QuantisedRows, i: int, columns: int) -> NVFP4Tensor:
    return NVFP4Tensor(rows.codes[i : i + 1], rows.block_scales[i : i + 1], rows.row_scales[i], columns)


@pytest.mark.parametrize("columns", [75, 80, 16])
def test_rows_are_rounded_as_the_quantiser_rounds(columns: int, device: torch.device) -> None:
    x = inputs(4, columns, device)
    found = rows_of(x)
    for i in range(4):
        wanted, got = quantise(x[i : i + 1], "max"), of_row(found, i, columns)
        assert torch.equal(got.codes, wanted.codes)
        assert torch.equal(got.block_scales.view(torch.uint8), wanted.block_scales.view(torch.uint8))
        assert torch.equal(got.tensor_scale, wanted.tensor_scale)


def test_ties_go_to_the_even_code(device: torch.device) -> None:
    """With 6 x 448 in another block the row's scale is 1, and with 6 in this one the block's."""
    x = torch.zeros(1, 32)
    x[0, 16] = 6 * 448
    x[0, :8] = torch.tensor([6.0, 0.25, 0.75, 1.25, 1.75, 2.5, 3.5, -5.0])
    found = rows_of(x.to(device))
    assert found.codes[0, :4].tolist() == [0x07, 0x22, 0x44, 0xE6]


@pytest.fixture
def scales_in_e4m3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton's interpreter reads every block scale of a product as E8M0: here as what it is."""
    if interpreted():
        from triton.runtime import interpreter

        def read(handle: object, compute_type: object) -> object:
            return torch.from_numpy(np.array(handle.data)).view(torch.float8_e4m3fn).float().numpy()  # type: ignore[attr-defined]

        if not hasattr(interpreter, "_dot_scaled_scale_to_f32"):
            pytest.skip("this Triton's interpreter has no product with block scales")
        monkeypatch.setattr(interpreter, "_dot_scaled_scale_to_f32", read)


def multiplied(x: Tensor, weight: NVFP4Tensor, bias: Tensor | None = None) -> Tensor:
    out = torch.full((len(x), weight.shape[0]), torch.nan, device=x.device)
    multiply_rows(rows_of(x), weight, out, bias)
    return out


def exactly(x: Tensor, weight: NVFP4Tensor) -> Tensor:
    """The product of both sides' codes, in float64."""
    found = rows_of(x)
    u = torch.cat([dequantise(of_row(found, i, x.shape[1])) for i in range(len(x))])
    return u.double() @ dequantise(weight).double().T


def off(y: Tensor, right: Tensor) -> float:
    return float((y.double() - right).norm() / right.norm())


@pytest.mark.usefixtures("scales_in_e4m3")
@pytest.mark.parametrize(("batch", "rows", "columns"), [(3, 40, 75), (130, 140, 272)])
def test_a_product_is_that_of_the_codes(batch: int, rows: int, columns: int, device: torch.device) -> None:
    torch.manual_seed(1)
    x, weight = inputs(batch, columns, device), quantise(torch.randn(rows, columns), "max").to(device)
    bias = torch.randn(rows, device=device)
    assert off(multiplied(x, weight), exactly(x, weight)) < 1e-5
    assert off(multiplied(x, weight, bias), exactly(x, weight) + bias.double()) < 1e-5


def swapped(weight: NVFP4Tensor) -> NVFP4Tensor:
    return replace(weight, codes=weight.codes >> 4 | weight.codes << 4)


def moved_scales(weight: NVFP4Tensor) -> NVFP4Tensor:
    moved = weight.block_scales.view(torch.uint8).roll(1, 1)
    return replace(weight, block_scales=moved.view(torch.float8_e4m3fn))


@pytest.mark.usefixtures("scales_in_e4m3")
@pytest.mark.parametrize("mistake", [swapped, moved_scales])
def test_a_mistake_would_show(mistake: Callable[[NVFP4Tensor], NVFP4Tensor], device: torch.device) -> None:
    torch.manual_seed(1)
    x, weight = inputs(3, 80, device), quantise(torch.randn(40, 80) * torch.rand(40, 1), "max").to(device)
    assert off(multiplied(x, mistake(weight)), exactly(x, weight)) > 0.05


def test_an_older_card_is_refused(monkeypatch: pytest.MonkeyPatch, device: torch.device) -> None:
    monkeypatch.setattr(w4a4, "interpreted", lambda: False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    assert why_not_w4a4(torch.device("cuda")) == (
        "W4A4 needs compute capability 10.0 or later (Blackwell), and this card has 9.0"
    )
    assert "not on cpu" in str(why_not_w4a4(torch.device("cpu")))
    with pytest.raises(InvalidValue, match="W4A4"):
        quantise_rows(torch.zeros(1, 16), QuantisedRows.empty(1, 16, torch.device("cpu")))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (12, 0))
    assert why_not_w4a4(torch.device("cuda")) is None


def test_shapes_that_do_not_fit_are_refused(device: torch.device) -> None:
    x, weight = inputs(4, 80, device), quantise(torch.randn(40, 80), "max").to(device)
    with pytest.raises(InvalidValue, match=re.escape("must be [4, 40] and [4, 40], got [4, 40] and [4, 39]")):
        multiply_rows(rows_of(x), weight, torch.empty(4, 39, device=device))
    with pytest.raises(InvalidValue, match="contiguous matrices that are not empty"):
        quantise_rows(x.T, QuantisedRows.empty(80, 4, device))


def test_blackwell_multiplies_codes_with_its_matrix_units() -> None:
    """What is compiled for sm_100 and sm_120 holds the instructions for E2M1 with E4M3 scales, and nothing spills."""
    script = """
import re
from policies.mamba3.kernels.crosscompile import CARDS, compiled, instead_of_launching
from policies.nvfp4.kernels.crosscompile import CASES
case = CASES["W4A4, 512 x 1024, batch 64"]
for card in ("sm_100", "sm_120"):
    texts = []
    with instead_of_launching(CARDS[card], lambda kernel, made: texts.append(made.asm["ptx"])):
        case()
    print(card, sorted(set(re.findall(r"(tcgen05.mma|mma.sync)[^ ]*(mxf4nvf4)", "".join(texts)))))
    print([(row.kernel, row.spills, row.reason) for row in compiled("", case, card)])
with instead_of_launching(CARDS["sm_90"], lambda kernel, made: print("sm_90 launches", kernel)):
    case()
"""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    kernels = "[('quantise_program', 0, ''), ('multiply_program', 0, '')]"
    assert done.stdout.splitlines() == [
        "sm_100 [('tcgen05.mma', 'mxf4nvf4')]", kernels, "sm_120 [('mma.sync', 'mxf4nvf4')]", kernels,
    ], done.stderr  # fmt: skip
