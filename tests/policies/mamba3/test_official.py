"""What the official code saves is read as the model that it was, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from nsctl.errors import InvalidValue
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.official import load_official, official_config
from policies.mamba3.stack import Mamba3Language

SAVED: dict[str, Any] = {
    "d_model": 16, "n_layer": 2, "d_intermediate": 100, "vocab_size": 13, "attn_layer_idx": [], "attn_cfg": {},
    "rms_norm": True, "residual_in_fp32": True, "fused_add_norm": True, "pad_vocab_size_multiple": 8, "tie_embeddings": True,
    "ssm_cfg": {"layer": "Mamba3", "d_state": 8, "headdim": 8, "is_mimo": True, "mimo_rank": 2, "chunk_size": 16},
}  # fmt: skip


def test_the_configuration_is_read() -> None:
    block = Mamba3Config(16, d_state=8, head_dim=8, mimo_rank=2, a_activation="heavy_tail")
    assert official_config(SAVED, "heavy_tail") == StackConfig(2, block, mlp=128, vocabulary=16)
    least = {**SAVED, "ssm_cfg": {"layer": "Mamba3"}, "d_model": 64, "d_intermediate": 0}
    assert official_config(least, "softplus").block == Mamba3Config(64, d_state=128, head_dim=64)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ssm_cfg": {"layer": "Mamba2"}}, "got ssm_cfg.layer = 'Mamba2'"),
        ({"attn_layer_idx": [3]}, r"attention in layers \[3\]"),
        ({"ssm_cfg": {"layer": "Mamba3", "conv": 4}}, "does not know: conv"),
    ],
)
def test_other_models_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        official_config({**SAVED, **changed}, "softplus")


def test_a_configuration_of_something_else_is_refused() -> None:
    with pytest.raises(InvalidValue, match="this configuration lacks n_layer, vocab_size"):
        official_config({"d_model": 16, "ssm_cfg": SAVED["ssm_cfg"]}, "softplus")


def test_a_folder_is_read_back(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"holds no config\.json"):
        load_official(tmp_path, "softplus")
    (tmp_path / "config.json").write_text(json.dumps(SAVED))
    with pytest.raises(InvalidValue, match=r"holds no model\.safetensors"):
        load_official(tmp_path, "softplus")
    torch.manual_seed(0)
    model = Mamba3Language(official_config(SAVED, "softplus"))
    tokens = torch.randint(13, (2, 9))
    theirs = {f"backbone.{name}": value for name, value in model.state_dict().items()}
    save_file(theirs | {"lm_head.weight": model.embedding.weight.detach().clone()}, tmp_path / "model.safetensors")
    torch.testing.assert_close(load_official(tmp_path, "softplus")(tokens), model(tokens), rtol=0, atol=0)
    assert not torch.allclose(load_official(tmp_path, "heavy_tail")(tokens), model(tokens), atol=1e-4)
