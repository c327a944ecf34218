"""The convention of compressed-tensors, both ways: the same numbers under other names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from nvfp4_golden import DRAWS, GOLDEN, theirs
from safetensors.torch import save_file

from nsctl.errors import InvalidValue
from policies.nvfp4.convert import (
    from_compressed_tensors,
    read_compressed_tensors,
    to_compressed_tensors,
    write_compressed_tensors,
)
from policies.nvfp4.pack import unpack
from policies.nvfp4.quantise import quantise
from policies.nvfp4.tensor import dequantise


def saved(name: str) -> dict[str, torch.Tensor]:
    """A layer as compressed-tensors stores it."""
    names = {"codes": "weight_packed", "block_scales": "weight_scale", "tensor_scale": "weight_global_scale"}
    return {f"l.{names[part]}": value for part, value in theirs(name, "compressed_tensors").items() if part in names}


@pytest.mark.parametrize("name", DRAWS)
def test_what_they_stored_is_worth_what_they_say(name: str) -> None:
    layers, rest = from_compressed_tensors(saved(name) | {"l.bias": torch.ones(8)})
    values = theirs(name, "compressed_tensors")["values"].double()  # in bfloat16
    ours = dequantise(layers["l"]).double()
    assert float(((ours - values).abs() / values.abs().clamp(min=1e-30))[values != 0].max()) <= 2**-8 + 1e-6
    assert torch.equal(dequantise(layers["l"]), dequantise(layers["l"]).where(values != 0, 0.0))
    assert set(rest) == {"l.bias"}
    exact = dequantise(quantise(GOLDEN[f"{name}.weight"], "max"))
    torch.testing.assert_close(dequantise(layers["l"]), exact, rtol=4e-7, atol=0)


@pytest.mark.parametrize("name", DRAWS)
def test_we_store_what_they_would(name: str) -> None:
    ours = to_compressed_tensors({"l": quantise(GOLDEN[f"{name}.weight"], "max")})
    for key, value in saved(name).items():
        assert (ours[key].dtype, ours[key].shape) == (value.dtype, value.shape)
        torch.testing.assert_close(ours[key].float(), value.float(), rtol=3e-7, atol=0)


def test_there_and_back_only_the_tensor_scale_may_move_and_by_one_bit(tmp_path: Path) -> None:
    torch.manual_seed(0)
    moved = 0
    for size in torch.rand(50):
        tensor = quantise(torch.randn(2, 32) * size, "max")
        write_compressed_tensors(tmp_path / "a.safetensors", {"l": tensor}, {"l.bias": torch.ones(2)})
        layers, exact = read_compressed_tensors(tmp_path / "a.safetensors")
        assert torch.equal(layers["l"].codes, tensor.codes)
        assert torch.equal(layers["l"].block_scales.float(), tensor.block_scales.float())
        bits = layers["l"].tensor_scale.view(torch.int32) - tensor.tensor_scale.view(torch.int32)
        assert abs(int(bits)) <= 1
        assert set(exact) == {"l.bias"}
        moved += int(bits != 0)
    assert moved < 50


def test_reading_it_as_ours_would_show() -> None:
    """The scale is a reciprocal: taken for a multiplier, it is off by its square."""
    layers, _ = from_compressed_tensors(saved("gaussian"))
    wrong = float(saved("gaussian")["l.weight_global_scale"])
    assert wrong / float(layers["l"].tensor_scale) > 1e5
    assert torch.equal(unpack(layers["l"].codes), unpack(saved("gaussian")["l.weight_packed"]))


def test_what_is_not_of_that_convention_is_refused(tmp_path: Path) -> None:
    whole = saved("gaussian")
    for tensors, message in [
        (whole | {"l.weight_zero_point": torch.zeros(1)}, "l has a zero point"),
        ({k: v for k, v in whole.items() if "global" not in k}, "l lacks weight_global_scale: is it NVFP4"),
        (whole | {"l.weight_global_scale": torch.ones(8)}, r"must be one number, got \[8\]"),
        (whole | {"l.weight_global_scale": torch.zeros(1)}, "the tensor scale must be positive and finite, got inf"),
    ]:
        with pytest.raises(InvalidValue, match=message):
            from_compressed_tensors(tensors)
    save_file({"l.weight": torch.ones(2)}, tmp_path / "a.safetensors")
    with pytest.raises(InvalidValue, match="holds no weight_packed"):
        read_compressed_tensors(tmp_path / "a.safetensors")
    with pytest.raises(InvalidValue, match="the 21 columns of l must be a multiple of 16"):
        to_compressed_tensors({"l": quantise(torch.randn(2, 21))})
