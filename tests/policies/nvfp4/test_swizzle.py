"""The order of block scales that Blackwell reads: torchao's, the formula's, and its inverse."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nvfp4_golden import GOLDEN

from nsctl.errors import InvalidValue
from policies.nvfp4.quantise import quantise
from policies.nvfp4.swizzle import swizzle, unswizzle

SCALES, BLOCKED = GOLDEN["swizzle.scales"], GOLDEN["swizzle.blocked"]  # [133, 9] uint8: both edges are padded


def place(row: int, column: int, columns: int) -> int:
    """Where cuBLAS looks for a scale, in bytes."""
    tile = row // 128 * -(-columns // 4) + column // 4
    return tile * 512 + row % 32 * 16 + row % 128 // 32 * 4 + column % 4


def test_it_is_torchaos_order() -> None:
    assert torch.equal(swizzle(SCALES), BLOCKED)
    assert torch.equal(unswizzle(BLOCKED, 133, 9), SCALES)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 270), st.integers(1, 13))
def test_every_scale_is_where_the_formula_says(rows: int, columns: int) -> None:
    scales = (torch.arange(rows * columns) % 255 + 1).to(torch.uint8).view(rows, columns)
    swizzled = swizzle(scales)
    places = torch.tensor([place(r, c, columns) for r in range(rows) for c in range(columns)])
    assert torch.equal(swizzled[places], scales.flatten())
    assert int((swizzled != 0).sum()) == rows * columns, "the rest is padding"
    assert len(swizzled) == -(-rows // 128) * -(-columns // 4) * 512
    assert torch.equal(unswizzle(swizzled, rows, columns), scales)


def test_e4m3_stays_e4m3() -> None:
    scales = quantise(torch.randn(40, 80)).block_scales
    assert swizzle(scales).dtype == torch.float8_e4m3fn
    assert torch.equal(unswizzle(swizzle(scales), 40, 5).float(), scales.float())


@pytest.mark.parametrize("wrong", [(0, 3, 1, 2, 4), (3, 0, 2, 1, 4)], ids=["rows in order", "tiles along the columns"])
def test_a_wrong_layout_shows(wrong: tuple[int, ...]) -> None:
    padded = torch.zeros(256, 12, dtype=torch.uint8)
    padded[:133, :9] = SCALES
    planted = padded.view(2, 4, 32, 3, 4).permute(wrong).flatten()
    assert sorted(planted.tolist()) == sorted(BLOCKED.tolist())
    assert not torch.equal(planted, BLOCKED)


def test_bytes_of_another_size_are_refused() -> None:
    with pytest.raises(InvalidValue, match="133 x 13 scales are 4096 bytes when swizzled, got 3072"):
        unswizzle(BLOCKED, 133, 13)
