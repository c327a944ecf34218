"""Language models as the official code saves them, read knowingly.

A folder of theirs holds ``config.json`` and weights. The weights fit as they are (:mod:`policies.mamba3.layout` converts
what differs); the configuration does not say which activation of A they were trained with, so the reader has to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from safetensors.torch import load_file
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.mamba3.block import cast
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.layout import official_language_weights
from policies.mamba3.stack import Mamba3Language

MLP_MULTIPLE = 128
"""The official SwiGLU is as wide as asked, rounded up to a multiple of this."""
_NAMES = {
    "d_state": "d_state",
    "headdim": "head_dim",
    "expand": "expand",
    "ngroups": "groups",
    "rope_fraction": "rope_fraction",
    "dt_min": "dt_min",
    "dt_max": "dt_max",
    "is_outproj_norm": "pre_gate_norm",
}
_WITHOUT_EFFECT = {
    "layer",
    "is_mimo",
    "mimo_rank",
    "chunk_size",
    "dropout",
    "dt_init_floor",
    "fuse_pregate_headwise_norm",
}
_THEIR_DEFAULTS = {"d_state": 128, "headdim": 64}


def official_config(values: Mapping[str, Any], a_activation: Literal["softplus", "heavy_tail"]) -> StackConfig:
    """The stack that the official ``config.json`` with these ``values`` describes.

    ``a_activation`` is ``softplus`` for models trained before 2 June 2026, ``heavy_tail`` after.
    """
    mixer = {**_THEIR_DEFAULTS, **values.get("ssm_cfg", {})}
    if mixer.get("layer") != "Mamba3" or values.get("attn_layer_idx"):
        raise InvalidValue(
            "only stacks of Mamba-3 layers alone can be read, got "
            f"ssm_cfg.layer = {mixer.get('layer')!r} and attention in layers {values.get('attn_layer_idx') or []}"
        )
    if missing := sorted({"d_model", "n_layer", "vocab_size"} - set(values)):
        raise InvalidValue(f"this configuration lacks {', '.join(missing)}: is it an official config.json?")
    if unknown := sorted(set(mixer) - set(_NAMES) - _WITHOUT_EFFECT):
        raise InvalidValue(f"ssm_cfg has what this reader does not know: {', '.join(unknown)}")
    rank = mixer.get("mimo_rank", 4) if mixer.get("is_mimo") else None
    named = {ours: mixer[theirs] for theirs, ours in _NAMES.items() if theirs in mixer}
    block = Mamba3Config(values["d_model"], a_activation=a_activation, mimo_rank=rank, **named)
    vocabulary = _up(values["vocab_size"], values.get("pad_vocab_size_multiple", 8))
    return StackConfig(values["n_layer"], block, _up(values.get("d_intermediate", 0), MLP_MULTIPLE), vocabulary)


def official_model(
    values: Mapping[str, Any], weights: Mapping[str, Tensor], a_activation: Literal["softplus", "heavy_tail"]
) -> Mamba3Language:
    """The model of these ``values`` and ``weights``, in the precision of the embedding."""
    model = Mamba3Language(official_config(values, a_activation))
    named = official_language_weights(weights)
    cast(model, named["embedding.weight"].dtype)
    model.load_state_dict(named)
    return model.eval()


def load_official(folder: Path, a_activation: Literal["softplus", "heavy_tail"]) -> Mamba3Language:
    """The model in ``folder``: ``config.json`` beside ``model.safetensors``; nothing is unpickled."""
    config, weights = folder / "config.json", folder / "model.safetensors"
    if not config.exists():
        raise InvalidValue(f"{folder} holds no config.json: give the folder of one model")
    if not weights.exists():
        raise InvalidValue(
            f"{folder} holds no model.safetensors; weights saved as pytorch_model.bin would have to be unpickled: "
            "convert them where you trust them (torch.load, then safetensors.torch.save_model)"
        )
    return official_model(json.loads(config.read_text()), load_file(weights), a_activation)


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
