"""Weights go to disk and come back; anything else is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from vla_samples import VARIANTS, network_of, seen_of, text_of

from nsctl.errors import InvalidValue, NsctlError
from policies.vla import weights
from policies.vla.weights import fingerprint, read_config, read_network, write_network


@pytest.mark.parametrize(("trunk", "inputs", "head"), VARIANTS)
def test_what_is_written_is_read_and_written_again(trunk: str, inputs: str, head: str, tmp_path: Path) -> None:
    network = network_of(trunk, inputs, head, atoms=2)
    network.senses.standardise.fit(torch.randn(50, network.config.proprio) * 3 + 0.483)
    sha256 = write_network(network, tmp_path / "a")
    read = read_network(tmp_path / "a", {"trunk": trunk, "inputs": inputs})
    assert read.config == network.config == read_config(tmp_path / "a")
    assert write_network(read, tmp_path / "b") == sha256 == fingerprint(tmp_path / "a")
    text, seen = text_of(network.config, 2), seen_of(network.config, 2, 3)
    with torch.inference_mode():
        off = (read(text, seen).actions - network(text, seen).actions).abs().max()
    assert 0 < off < 0.05
    torch.testing.assert_close(read.senses.standardise.mean, network.senses.standardise.mean, rtol=0, atol=0)
    assert all(p.requires_grad and p.dtype == torch.float32 for p in read.parameters())


def test_shards_are_no_larger_than_they_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of()
    write_network(network, tmp_path)
    monkeypatch.setattr(weights, "SHARD_BYTES", 170_000)
    sha256 = write_network(network, tmp_path)
    files = sorted(tmp_path.glob("*.safetensors"))
    assert len(files) > 2
    assert all(file.stat().st_size <= 170_000 for file in files)
    names = [name for file in files for name in load_file(file)]
    assert sorted(names) == sorted(network.state_dict())
    assert fingerprint(tmp_path) == sha256
    read_network(tmp_path)


def test_matrices_are_stored_in_bfloat16_and_what_sets_step_sizes_is_not(tmp_path: Path) -> None:
    write_network(network_of("mamba3"), tmp_path)
    kinds = {name: part.dtype for file in tmp_path.glob("*.safetensors") for name, part in load_file(file).items()}
    assert kinds["trunk.stack.layers.0.mixer.in_proj.weight"] == torch.bfloat16
    assert {kinds[f"trunk.stack.layers.0.mixer.{name}"] for name in ("dt_bias", "B_bias", "D")} == {torch.float32}


def edit(folder: Path, **changes: object) -> None:
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**told, **changes}))


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NsctlError, match=r"no weights of a network in .*: train them with `nsctl train vla`"):
        read_network(tmp_path)
    write_network(network_of("mamba3"), tmp_path)
    with pytest.raises(InvalidValue, match="a network whose trunk is 'mamba3', and 'attention' was asked for"):
        read_network(tmp_path, {"trunk": "attention"})
    edit(tmp_path, version=9)
    with pytest.raises(InvalidValue, match="holds version 9 of the format, this nsctl reads 1"):
        read_network(tmp_path)
    edit(tmp_path, architecture=None)
    with pytest.raises(InvalidValue, match=r"holds weights of another architecture \(None\), not of 'vla'"):
        read_network(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(InvalidValue, match="another architecture"):
        read_network(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InvalidValue, match=r"config.json is no JSON"):
        read_network(tmp_path)


def test_weights_that_are_not_those_of_their_configuration_are_refused(tmp_path: Path) -> None:
    network = network_of()
    write_network(network, tmp_path)
    told = json.loads((tmp_path / "config.json").read_text())
    edit(tmp_path, network={**told["network"], "width": 64})
    with pytest.raises(InvalidValue, match=r"must be \[.*64.*\], got \[.*32.*\]"):
        read_network(tmp_path)
    edit(tmp_path, network={**told["network"], "atoms": 2})
    with pytest.raises(InvalidValue, match=r"lacks the weight auxiliary.atoms"):
        read_network(tmp_path)
    edit(tmp_path, network={**told["network"], "layers": 1})
    with pytest.raises(InvalidValue, match=r"has no place for the weight trunk.layers.1"):
        read_network(tmp_path)
    edit(tmp_path, network={**told["network"], "widht": 32})
    with pytest.raises(NsctlError, match=r"no field of a VLAConfig is called 'widht'. Did you mean 'width'\?"):
        read_network(tmp_path)


def test_damaged_and_missing_shards_are_refused(tmp_path: Path) -> None:
    write_network(network_of(), tmp_path)
    (shard,) = tmp_path.glob("*.safetensors")
    tensors = load_file(shard)
    tensors["norm.bias"] += 1
    save_file(tensors, shard)
    with pytest.raises(InvalidValue, match=r"are not those that its config.json was written for"):
        read_network(tmp_path)
    shard.unlink()
    with pytest.raises(InvalidValue, match=rf"lacks {shard.name}, which its config.json names"):
        read_network(tmp_path)
    edit(tmp_path, shards=["../elsewhere.safetensors"])
    with pytest.raises(InvalidValue, match="a shard must lie in"):
        read_network(tmp_path)
