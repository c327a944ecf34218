"""The quantiser: what is packed, what training sees and what comes back are the same numbers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nsctl.errors import InvalidValue
from policies.nvfp4.pack import pack, unpack
from policies.nvfp4.quantise import fake_quantise, quantise, scales_of
from policies.nvfp4.scales import RULES, Rule
from policies.nvfp4.tensor import dequantise, dequantise_unscaled


def drawn(rows: int, columns: int, seed: int = 0, size: float = 1.0) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * size


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 5), columns=st.integers(1, 70), seed=st.integers(0, 999),
    size=st.sampled_from([1e-30, 1e-3, 1.0, 1e30]), rule=st.sampled_from(RULES),
)  # fmt: skip
def test_training_sees_what_is_stored(rows: int, columns: int, seed: int, size: float, rule: Rule) -> None:
    weight = drawn(rows, columns, seed, size)
    stored, seen = dequantise(quantise(weight, rule)), fake_quantise(weight, rule)
    assert torch.equal(seen, stored)
    assert torch.equal(seen.signbit(), stored.signbit())
    assert stored.shape == weight.shape


@pytest.mark.parametrize("rule", RULES)
def test_no_weight_moves_by_more_than_half_a_gap(rule: Rule) -> None:
    """Within the grid a gap is at most 2 steps; beyond 6 a weight is cut off."""
    weight = drawn(32, 64)
    tensor = quantise(weight, rule)
    steps = tensor.scales.steps().expand(-1, -1, 16).flatten(1)
    inside = weight.abs() <= 6 * steps
    assert bool(((dequantise(tensor) - weight).abs()[inside] <= 1.000001 * steps[inside]).all())
    assert float(inside.float().mean()) > 0.9


def test_quantising_again_with_the_same_scales_changes_nothing() -> None:
    once = quantise(drawn(8, 48))
    again = quantise(dequantise(once), once.scales)
    values = unpack(again.codes) % 8 * (unpack(once.codes) % 8 > 0)
    assert torch.equal(values, unpack(once.codes) % 8)
    assert torch.equal(dequantise(again), dequantise(once))


def test_a_row_is_padded_with_zeros() -> None:
    weight = drawn(3, 21)
    padded = torch.nn.functional.pad(weight, (0, 11))
    ours, theirs = quantise(weight), quantise(padded)
    assert torch.equal(ours.codes, theirs.codes)
    assert torch.equal(dequantise(ours), dequantise(theirs)[:, :21])
    assert (ours.shape, theirs.shape, ours.nbytes) == ((3, 21), (3, 32), 3 * (16 + 2) + 4)


def test_neighbours_share_a_byte_the_even_one_in_its_low_half() -> None:
    assert pack(torch.tensor([[1, 2, 15, 0]], dtype=torch.uint8)).tolist() == [[0x21, 0x0F]]
    codes = torch.arange(256, dtype=torch.uint8).view(8, 32) % 16
    assert torch.equal(unpack(pack(codes)), codes)
    weight = torch.zeros(1, 16)
    weight[0, 0], weight[0, 1] = 6.0, -3.0
    assert quantise(weight, "max").codes[0, 0] == 0xD7
    with pytest.raises(InvalidValue, match="must be even, got 3"):
        pack(torch.zeros(2, 3, dtype=torch.uint8))


def test_gradients_pass_as_if_nothing_was_rounded() -> None:
    weight = drawn(4, 20).requires_grad_()
    sent = drawn(4, 20, seed=1)
    fake_quantise(weight, "max").backward(sent)
    assert weight.grad is not None
    assert torch.equal(weight.grad, sent)


def test_types_are_kept_and_other_strides_are_the_same_weight() -> None:
    weight = drawn(16, 32)
    assert fake_quantise(weight.bfloat16()).dtype == torch.bfloat16
    assert torch.equal(dequantise(quantise(weight.bfloat16())), dequantise(quantise(weight.bfloat16().float())))
    assert torch.equal(dequantise(quantise(weight.T)), dequantise(quantise(weight.T.contiguous())))


def test_scales_may_be_kept() -> None:
    weight = drawn(4, 32)
    kept = scales_of(weight, "search")
    assert torch.equal(fake_quantise(weight, kept), fake_quantise(weight, "search"))
    assert torch.equal(quantise(weight * 1.01, kept).block_scales.float(), kept.blocks.float())


def test_without_the_tensor_scale_bfloat16_is_exact() -> None:
    tensor = quantise(drawn(8, 48))
    unscaled = dequantise_unscaled(tensor)
    codes = dequantise(type(tensor)(tensor.codes, tensor.block_scales, torch.ones(()), tensor.columns))
    assert unscaled.dtype == torch.bfloat16
    assert torch.equal(unscaled.float(), codes)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (torch.ones(3), r"a matrix \[out, in\] of floating-point numbers, got torch.float32 \[3\]"),
        (torch.ones(3, 0), r"got torch.float32 \[3, 0\]"),
        (torch.ones(3, 16, dtype=torch.int32), r"got torch.int32 \[3, 16\]"),
        (torch.full((2, 16), float("nan")), r"shape \[2, 16\] holds NaN or infinity"),
        (torch.full((2, 16), float("inf")), "holds NaN or infinity"),
    ],
)
def test_what_cannot_be_quantised_is_refused(weight: torch.Tensor, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        quantise(weight)
