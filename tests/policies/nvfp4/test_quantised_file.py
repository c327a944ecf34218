"""Files that say what they are come back as they were; all others are refused by name."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from nsctl.errors import InvalidValue, UnknownName
from policies.nvfp4.convert import read_compressed_tensors, write_compressed_tensors
from policies.nvfp4.file import CONVENTION, KEY, QuantisedWeights, read_quantised, write_quantised
from policies.nvfp4.quantise import quantise
from policies.nvfp4.tensor import NVFP4Tensor, dequantise

TEACHER = "0123456789abcdef" * 4


def weights() -> QuantisedWeights:
    torch.manual_seed(0)
    layers = {"a.mixer": quantise(torch.randn(6, 32)), "b": quantise(torch.randn(4, 21))}
    exact = {"head.weight": torch.randn(3, 4), "norm.weight": torch.randn(4).bfloat16()}
    return QuantisedWeights(layers, exact, "search", TEACHER, {"head.weight": "the action head"})


def stated(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        return dict(json.loads(file.metadata()[KEY]))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_quantised(tmp_path / "model.safetensors", weights())
    return tmp_path / "model.safetensors"


def test_what_was_written_is_read(path: Path) -> None:
    before, after = weights(), read_quantised(path)
    assert (after.rule, after.teacher, after.exclusions) == ("search", TEACHER, before.exclusions)
    assert {name: layer.shape for name, layer in after.layers.items()} == {"a.mixer": (6, 32), "b": (4, 21)}
    for name, layer in before.layers.items():
        assert torch.equal(dequantise(after.layers[name]), dequantise(layer))
    assert set(after.exact) == set(before.exact)
    for name, value in before.exact.items():
        torch.testing.assert_close(after.exact[name], value, rtol=0, atol=0)


def test_the_file_says_how_it_is_to_be_read(path: Path) -> None:
    assert stated(path) == {
        "version": 1, "block": 16, "packing": "even column in the low nibble", "clamp": [2**-9, 448.0],
        "tensor_scale": "multiplier",
        "arithmetic": "float32 weight / (block scale x tensor scale), to nearest, ties to even",
        "rule": "search", "largest_block_scale": 256.0, "shapes": {"a.mixer": [6, 32], "b": [4, 21]},
        "exclusions": {"head.weight": "the action head"}, "teacher": TEACHER,
    }  # fmt: skip
    tensors = {name: (str(value.dtype), list(value.shape)) for name, value in load_file(path).items()}
    assert tensors["a.mixer.weight"] == ("torch.uint8", [6, 16])
    assert tensors["a.mixer.weight_scale"] == ("torch.float8_e4m3fn", [6, 2])
    assert tensors["a.mixer.weight_scale_2"] == ("torch.float32", [])
    assert tensors["b.weight"] == ("torch.uint8", [4, 16])
    assert len(tensors) == 8, "no kernel's layout is stored"


@pytest.mark.parametrize(
    ("name", "value"),
    [("packing", "odd column in the low nibble"), ("version", 2), ("block", 32), ("tensor_scale", "reciprocal")],
)
def test_another_convention_is_refused_by_name(path: Path, name: str, value: object) -> None:
    _restate(path, {**stated(path), name: value})
    message = f"{path}: its {name} is {value!r}, and this version of nsctl reads {CONVENTION[name]!r}"
    with pytest.raises(InvalidValue, match=re.escape(message)):
        read_quantised(path)


@pytest.mark.parametrize("name", [*CONVENTION, "rule", "shapes", "exclusions", "teacher"])
def test_a_convention_that_is_not_stated_is_refused(path: Path, name: str) -> None:
    _restate(path, {key: value for key, value in stated(path).items() if key != name})
    with pytest.raises(InvalidValue, match=f"its metadata lack {name}: quantise the policy again"):
        read_quantised(path)


def test_files_of_others_are_refused_by_their_names(path: Path, tmp_path: Path) -> None:
    save_file(load_file(path), path)
    with pytest.raises(InvalidValue, match="these are the names of modelopt, but no metadata state packing and scales"):
        read_quantised(path)
    write_compressed_tensors(path, {"a": weights().layers["a.mixer"]}, {})
    with pytest.raises(
        InvalidValue, match=r"whose tensor scale is a reciprocal: read it with .*read_compressed_tensors"
    ):
        read_quantised(path)
    assert read_compressed_tensors(path)[0].keys() == {"a"}
    save_file({"weight": torch.ones(2)}, path)
    with pytest.raises(InvalidValue, match="holds no NVFP4 weights of nsctl"):
        read_quantised(path)
    path.write_bytes(b"PK\x03\x04 a pickle in a zip")
    with pytest.raises(InvalidValue, match="cannot be read as safetensors"):
        read_quantised(path)
    with pytest.raises(InvalidValue, match="cannot be read as safetensors"):
        read_quantised(tmp_path / "absent.safetensors")


def test_damaged_layers_are_refused_by_name(path: Path) -> None:
    tensors, said = load_file(path), stated(path)
    zeros = torch.zeros(4, 2, dtype=torch.uint8).view(torch.float8_e4m3fn)
    for changed, message in [
        ({"b.weight_scale": zeros}, r"the layer b: block scales must be positive and finite .* got bytes 0 to 0"),
        ({"b.weight_scale": torch.ones(4, 2)}, "the block scales of 4 x 21 weights must be torch.float8_e4m3fn"),
        (
            {"b.weight_scale_2": torch.tensor(-1.0)},
            "the layer b: the tensor scale must be positive and finite, got -1.0",
        ),
        ({"b.weight_scale_2": torch.ones(1)}, r"must be torch.float32 \[\], got torch.float32 \[1\]"),
        (
            {"b.weight": torch.zeros(4, 8, dtype=torch.uint8)},
            r"must be torch.uint8 \[4, 16\], got torch.uint8 \[4, 8\]",
        ),
        ({"c.weight_scale_2": torch.ones(())}, "c.weight_scale_2 belong to no layer that the metadata name"),
    ]:
        save_file(tensors | changed, path, {KEY: json.dumps(said)})
        with pytest.raises(InvalidValue, match=message):
            read_quantised(path)
    save_file({n: t for n, t in tensors.items() if n != "b.weight_scale"}, path, {KEY: json.dumps(said)})
    with pytest.raises(InvalidValue, match="the layer b lacks weight_scale"):
        read_quantised(path)
    save_file(tensors, path, {KEY: json.dumps({**said, "shapes": {**said["shapes"], "b": [5, 21]}})})
    with pytest.raises(InvalidValue, match=r"the layer b is stated to be \[5, 21\], and is \[4, 21\]"):
        read_quantised(path)
    save_file(tensors, path, {KEY: "[1"})
    with pytest.raises(InvalidValue, match="are no JSON object"):
        read_quantised(path)


def test_nonsense_is_refused_before_it_is_written() -> None:
    good = weights()
    for changed, message in [
        ({"teacher": "abc"}, "SHA-256 in 64 hex digits, got 'abc'"),
        ({"exclusions": {"a": "why"}}, "excluded weights must be among the exact ones: a are not"),
        ({"exact": {**good.exact, "b.weight": torch.ones(1)}}, "either quantised or exact: b.weight are both"),
    ]:
        with pytest.raises(InvalidValue, match=message):
            replace(good, **changed)  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="no rule for block scales is called 'best'"):
        replace(good, rule="best")  # type: ignore[arg-type]
    part = good.layers["b"]
    with pytest.raises(InvalidValue, match="the codes of 4 x 33 weights must be"):
        NVFP4Tensor(part.codes, part.block_scales, part.tensor_scale, 33)


def test_a_file_is_as_small_as_the_format_promises(tmp_path: Path) -> None:
    layers = {"a": quantise(torch.randn(512, 512), "max")}
    write_quantised(tmp_path / "big.safetensors", QuantisedWeights(layers, {}, "max", TEACHER))
    assert (tmp_path / "big.safetensors").stat().st_size <= 0.285 * 2 * 512 * 512


def _restate(path: Path, said: object) -> None:
    save_file(load_file(path), path, {KEY: json.dumps(said)})


def test_the_same_weights_are_the_same_bytes(path: Path, tmp_path: Path) -> None:
    """So that the hash of a file tells whether the policy is the same, whoever wrote it."""
    for number in range(8):
        other = tmp_path / f"{number}.safetensors"
        write_quantised(other, read_quantised(path))
        assert other.read_bytes() == path.read_bytes()
