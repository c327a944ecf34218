"""Weights of one layout, read as another on purpose, compute the same; read by accident, they do not."""

from __future__ import annotations

import re

import pytest
import torch
from mamba3_samples import block, inputs, off

from nsctl.errors import InvalidValue
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.layout import change_pairing, channel_order, mimo_as_siso, official_language_weights, siso_as_mimo
from policies.mamba3.stack import Mamba3Language


@pytest.mark.parametrize("options", [{}, {"groups": 2}, {"rope_fraction": 1.0}, {"pre_gate_norm": True}], ids=str)
def test_siso_as_mimo_and_back(options: dict[str, object]) -> None:
    siso, mimo, u = block(**options), block(mimo_rank=1, **options), inputs(2, 20)
    mimo.load_state_dict(siso_as_mimo(siso.state_dict(), siso.config))
    assert off(mimo(u), siso(u)) < 1e-12
    for name in ("mimo_x", "mimo_z", "mimo_o"):
        getattr(mimo, name).data.uniform_(0.5, 2.0)
    siso.load_state_dict(mimo_as_siso(mimo.state_dict(), mimo.config))
    assert off(siso(u), mimo(u)) < 1e-12


def test_forgetting_to_convert_shows() -> None:
    siso, mimo, u = block(), block(mimo_rank=1), inputs(2, 20)
    unconverted = siso_as_mimo(siso.state_dict(), siso.config) | siso.state_dict()
    mimo.load_state_dict(unconverted)
    assert off(mimo(u), siso(u)) > 0.1


def test_changing_the_pairing_there_and_back_changes_nothing() -> None:
    mamba = block(mimo_rank=2, groups=2)
    there = change_pairing(mamba.state_dict(), mamba.config, "neighbours")
    back = change_pairing(there, mamba.config, "halves")
    for name, value in mamba.state_dict().items():
        torch.testing.assert_close(back[name], value, rtol=0, atol=0)
    assert not torch.equal(there["in_proj.weight"], mamba.in_proj.weight)


def test_channel_orders() -> None:
    assert channel_order(6, "halves").tolist() == [0, 2, 4, 1, 3, 5]
    assert channel_order(6, "neighbours").tolist() == [0, 3, 1, 4, 2, 5]


def test_what_cannot_be_converted_is_refused() -> None:
    for convert, mamba, message in [
        (siso_as_mimo, block(mimo_rank=2), "these weights are MIMO of rank 2 already"),
        (mimo_as_siso, block(mimo_rank=2), "only MIMO of rank 1 is SISO as well, got mimo_rank = 2"),
        (mimo_as_siso, block(), "only MIMO of rank 1 is SISO as well, got mimo_rank = None"),
    ]:
        with pytest.raises(InvalidValue, match=re.escape(message)):
            convert(mamba.state_dict(), mamba.config)
    with pytest.raises(InvalidValue, match="a pairing is neighbours or halves, got 'pairs'"):
        channel_order(8, "pairs")  # type: ignore[arg-type]


def test_names_and_shapes_are_the_official_ones() -> None:
    """E = 32, N = 8, G = 2, R = 4, H = 4, S = 2: in_proj has 2 E + 2 N G R + 3 H + S rows."""
    siso = {name: tuple(value.shape) for name, value in block().state_dict().items()}
    assert siso == {
        "dt_bias": (4,), "B_bias": (4, 1, 8), "C_bias": (4, 1, 8), "D": (4,), "in_proj.weight": (94, 16),
        "out_proj.weight": (16, 32), "B_norm.weight": (8,), "C_norm.weight": (8,),
    }  # fmt: skip
    mimo = {n: tuple(v.shape) for n, v in block(mimo_rank=4, groups=2, pre_gate_norm=True).state_dict().items()}
    added = {"norm.weight": (32,)} | dict.fromkeys(("mimo_x", "mimo_z", "mimo_o"), (4, 4, 8))
    ranked = dict.fromkeys(("B_bias", "C_bias"), (4, 4, 8))
    assert mimo == siso | added | ranked | {"in_proj.weight": (2 * 32 + 2 * 8 * 2 * 4 + 3 * 4 + 2, 16)}


def test_the_official_language_model_loads() -> None:
    config = StackConfig(2, Mamba3Config(16, d_state=8, head_dim=8), mlp=24, vocabulary=11)
    ours = Mamba3Language(config).state_dict()
    official = {f"backbone.{name}": value for name, value in ours.items()}
    assert {"backbone.embedding.weight", "backbone.layers.1.mixer.in_proj.weight", "backbone.norm_f.weight"} <= set(
        official
    )
    assert {"backbone.layers.0.norm2.weight", "backbone.layers.0.mlp.fc1.weight"} <= set(official)
    official["lm_head.weight"] = ours["embedding.weight"].clone()
    Mamba3Language(config).load_state_dict(official_language_weights(official))
    official["lm_head.weight"] += 1
    with pytest.raises(InvalidValue, match="this model ties them"):
        official_language_weights(official)
