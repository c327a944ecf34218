"""The element formats, against ml_dtypes for every bfloat16 there is and against the grid itself."""

from __future__ import annotations

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st
from nvfp4_golden import GOLDEN
from torch import Tensor

from policies.nvfp4.elements import E2M1, e2m1_codes, e2m1_round, e2m1_values, e4m3_round, positive_e4m3

FLOATS = torch.arange(-(2**15), 2**15).roll(2**15).to(torch.int16).view(torch.bfloat16).float()
"""All 2^16 bfloat16, in the order of their patterns."""
CPU = torch.device("cpu")


def golden(kind: str) -> Tensor:
    """[65536]: ml_dtypes' code of each of FLOATS."""
    starts = GOLDEN[f"{kind}.starts"].long()
    return GOLDEN[f"{kind}.codes"].repeat_interleave(torch.diff(starts, append=torch.tensor([2**16])))


def test_every_bfloat16_has_the_e2m1_code_of_ml_dtypes() -> None:
    real = ~FLOATS.isnan()
    assert int(real.sum()) == 2**16 - 254
    assert torch.equal(e2m1_codes(FLOATS)[real], golden("e2m1")[real])
    values = e2m1_values(CPU)  # of a NaN's zero, ml_dtypes turns the sign round
    assert torch.equal(values[e2m1_codes(FLOATS).int()], values[golden("e2m1").int()])


def test_every_bfloat16_has_the_e4m3_code_of_ml_dtypes() -> None:
    codes, theirs = e4m3_round(FLOATS).view(torch.uint8), golden("e4m3")
    over = FLOATS.abs() > 464  # ml_dtypes calls it NaN, and we the largest number
    assert torch.equal(codes[~over], theirs[~over])
    assert set(codes[over].tolist()) == {0x7E, 0xFE}
    assert set(theirs[over].tolist()) == {0x7F, 0xFF}


@given(st.floats(width=32, allow_nan=False))
def test_nothing_on_the_grid_is_nearer(x: float) -> None:
    rounded = float(e2m1_round(torch.tensor([x])))
    nearest = min(abs(abs(x) - magnitude) for magnitude in E2M1)
    assert abs(rounded) in E2M1
    assert abs(abs(x) - abs(rounded)) == nearest
    assert rounded == 0 or (rounded > 0) == (x > 0)


def test_ties_go_to_the_even_code() -> None:
    midpoints = torch.tensor([(a + b) / 2 for a, b in pairwise(E2M1)])
    assert e2m1_codes(midpoints).tolist() == [0, 2, 2, 4, 4, 6, 6]
    assert e2m1_codes(-midpoints).tolist() == [8, 10, 10, 12, 12, 14, 14]


def test_codes_and_values_are_inverse() -> None:
    values = e2m1_values(CPU)
    assert e2m1_codes(values).tolist() == list(range(16))
    assert torch.equal(e2m1_round(values), values)
    assert values[:8].tolist() == list(E2M1)


def test_the_scales_are_all_positive_e4m3() -> None:
    scales = positive_e4m3(CPU).float()
    assert len(scales) == 126
    assert (scales[0], scales[-1]) == (2.0**-9, 448)
    assert bool((scales.diff() > 0).all())
