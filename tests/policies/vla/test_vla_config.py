"""Sizes that make no network are refused, those that make one survive JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nsctl.errors import NsctlError
from policies.vla.config import SIZES, config_from, config_values, vla_size


@pytest.mark.parametrize("size", SIZES)
def test_a_configuration_survives_json(size: str) -> None:
    config = vla_size(size, trunk="mamba3", atoms=5)
    assert config_from(json.loads(json.dumps(config_values(config)))) == config


def test_tokens_of_a_decision() -> None:
    assert vla_size().tokens == 3 * 16 + 2
    assert vla_size(cameras=("front",)).tokens == 16 + 2
    assert vla_size(inputs="state", slots=5).tokens == 5 + 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 30}, r"width = 30 must be a multiple of 4 \* heads = 8"),
        ({"image": 100}, r"image = 100 must be a multiple of stride \* grid = 8 \* 2"),
        ({"inputs": "pixel"}, "no kind of inputs is called 'pixel'. Did you mean 'pixels'"),
        ({"trunk": "mamba"}, "no trunk is called 'mamba'. Did you mean 'mamba3'"),
        ({"head": "ddpm"}, "no head is called 'ddpm'"),
        ({"flow_steps": 6}, "flow_steps must be 1 to 5, got 6"),
        ({"window": 0}, "window must be an integer of at least 1, got 0"),
        ({"cameras": ()}, "one camera at least and none twice"),
        ({"cameras": ("front", "front")}, "one camera at least and none twice"),
        ({"vision": (8,)}, "vision and vision_blocks must be as long"),
        ({"stem": 12}, "must be multiples of 8, got 12"),
        ({"vision": (0, 8)}, "each of vision must be an integer of at least 1, got 0"),
        ({"vision_blocks": (1, 0)}, "each of vision_blocks must be an integer of at least 1, got 0"),
        ({"flow_width": 200}, "flow_width must be below 128 or a multiple of 3, got 200"),
        ({"text_heads": 3}, "text_width = 16 must be a multiple of text_heads = 3"),
        ({"atoms": -1}, "atoms must be an integer of at least 0, got -1"),
        ({"windows": 3}, "no field of a VLAConfig is called 'windows'. Did you mean 'window'"),
    ],
)
def test_sizes_that_make_no_network_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(NsctlError, match=message):
        vla_size("tiny", **changes)


def test_an_unknown_size_is_answered_with_those_there_are() -> None:
    with pytest.raises(NsctlError, match=r"'smal'. Did you mean 'small'\? There is: small, tiny"):
        vla_size("smal")
