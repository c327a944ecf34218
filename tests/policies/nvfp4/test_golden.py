"""Other people's NVFP4 of the same weights, from golden.safetensors: the same, but for the differences that have a name."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from nvfp4_golden import DRAWS, GOLDEN, ORACLES, theirs

from policies.nvfp4.pack import unpack
from policies.nvfp4.quantise import quantise
from policies.nvfp4.tensor import dequantise

OURS = {name: quantise(GOLDEN[f"{name}.weight"], "max") for name in (*DRAWS, "special", "ties", "scale_ties")}
FIRST = slice(0, 16)


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("name", DRAWS)
def test_scales_and_codes_are_the_same(name: str, oracle: str) -> None:
    ours, other = OURS[name], theirs(name, oracle)
    assert torch.equal(ours.block_scales.view(torch.uint8), other["block_scales"].view(torch.uint8))
    assert torch.equal(ours.codes, other["codes"])


@pytest.mark.parametrize("name", OURS)
def test_everything_is_as_in_modelopt(name: str) -> None:
    ours, other = OURS[name], theirs(name, "modelopt")
    for part in ("codes", "block_scales", "tensor_scale"):
        assert torch.equal(getattr(ours, part).float(), other[part].float())
    assert torch.equal(dequantise(ours), other["values"])


@pytest.mark.parametrize(
    ("oracle", "zeros", "small"),
    [("modelopt", 1.0, 2**-9), ("torchao", 2**-6, 2**-6), ("compressed_tensors", 0.125, 0.125)],
)
def test_blocks_of_zeros_and_blocks_too_small_differ_by_name(oracle: str, zeros: float, small: float) -> None:
    scales = theirs("special", oracle)["block_scales"].float()
    assert (scales[0, 0], scales[1, 0]) == (zeros, small)
    assert OURS["special"].block_scales[:2, 0].float().tolist() == [1.0, 2**-9]
    assert not (unpack(theirs("special", oracle)["codes"])[:2, FIRST] % 8).any(), (
        "whatever the scale, the codes are zeros"
    )


@pytest.mark.parametrize(("oracle", "code"), [("modelopt", 0), ("torchao", 8), ("compressed_tensors", 0)])
def test_minus_zero_differs_by_name(oracle: str, code: int) -> None:
    assert unpack(theirs("special", oracle)["codes"])[2, 0] == code
    codes = unpack(OURS["special"].codes)[2]
    assert codes[0] == 0
    assert codes[2] == 8, "a small negative number keeps its sign when it is rounded to zero"


@pytest.mark.parametrize("name", DRAWS)
def test_compressed_tensors_stores_the_reciprocal(name: str) -> None:
    stored = theirs(name, "compressed_tensors")["tensor_scale"]
    assert stored.shape == (1,)
    torch.testing.assert_close(1 / stored[0], OURS[name].tensor_scale, rtol=3e-7, atol=0)
    torch.testing.assert_close(theirs(name, "torchao")["tensor_scale"], OURS[name].tensor_scale, rtol=0, atol=0)


@pytest.mark.parametrize(("oracle", "at_least"), [("torchao", 50), ("compressed_tensors", 50)])
def test_on_ties_the_order_of_arithmetic_decides(oracle: str, at_least: int) -> None:
    ours, other = OURS["ties"], theirs("ties", oracle)
    same = (ours.block_scales.float() == other["block_scales"].float()).flatten()
    differ = (unpack(ours.codes) != unpack(other["codes"])) & same[:, None]
    steps = unpack(ours.codes)[differ].int() - unpack(other["codes"])[differ].int()
    assert int(differ.sum()) >= at_least
    assert set(steps.abs().tolist()) == {1}
    quotients = (GOLDEN["ties.weight"].double() / ours.scales.steps()[:, 0]).abs()[differ]
    midpoints = torch.tensor([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0])
    assert float(((quotients[:, None] - midpoints) / midpoints).abs().amin(1).max()) < 4e-7


def test_a_scale_may_be_on_a_tie_too() -> None:
    """Some bfloat16 weights bring it about: torchao divides by 6, then by the tensor's scale."""
    ours, other = OURS["scale_ties"].block_scales.view(torch.uint8), theirs("scale_ties", "torchao")["block_scales"]
    apart = ours.int() - other.view(torch.uint8).int()
    assert apart[0] == 0
    assert len(apart) > 5
    assert set(apart[1:].abs().flatten().tolist()) == {1}


def test_a_planted_mistake_shows() -> None:
    """The comparisons above can fail: halves exchanged, scales in another order, the reciprocal."""
    ours, values = OURS["gaussian"], theirs("gaussian", "modelopt")["values"]
    flipped = ours.block_scales.view(torch.uint8).flip(1).view(torch.float8_e4m3fn)
    for wrong in (
        replace(ours, codes=(ours.codes << 4) | (ours.codes >> 4)),
        replace(ours, block_scales=flipped),
        replace(ours, tensor_scale=1 / ours.tensor_scale),
    ):
        assert float((dequantise(wrong) - values).norm() / values.norm()) > 0.1
