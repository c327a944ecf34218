"""Small networks and random episodes for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from policies.vla.batch import Seen, Targets, encode_text
from policies.vla.config import VLAConfig, vla_size
from policies.vla.network import VLANetwork

WORDS = ["put the red disc down", "move it", "a"]
VARIANTS = [("attention", "pixels", "l1"), ("attention", "state", "flow"), ("mamba3", "pixels", "flow")]
"""Every trunk, kind of inputs and head, each at least once: trunk, inputs, head."""


def network_of(
    trunk: str = "attention", inputs: str = "state", head: str = "l1", seed: int = 0, **changes: Any
) -> VLANetwork:
    """A tiny network with weights large enough for every part to matter."""
    torch.manual_seed(seed)
    network = VLANetwork(vla_size("tiny", trunk=trunk, inputs=inputs, head=head, slots=3, **changes)).eval()
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.startswith(("senses", "text")) and "norm" not in name:
                weight.add_(0.1 * torch.randn_like(weight))
    return network


def text_of(config: VLAConfig, batch: int) -> Tensor:
    return encode_text(WORDS[:batch], config)


def seen_of(config: VLAConfig, batch: int, decisions: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> Seen:
    """Random episodes; one slot of one object is empty, and the flow's noise is drawn."""
    draw = torch.Generator().manual_seed(seed)
    lead = (batch, decisions)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*lead, *shape, generator=draw, dtype=torch.float64).to(dtype)

    images = objects = None
    if config.inputs == "pixels":
        shape = (*lead, len(config.cameras), config.image, config.image, 3)
        images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=draw)
    else:
        objects = normal(config.slots, config.pose)
        objects[0, :, -1] = 0.0
    return Seen(normal(config.proprio), images, objects, normal(config.chunk, config.action))


def targets_of(config: VLAConfig, batch: int, decisions: int, seed: int = 2) -> Targets:
    """Random answers to everything that a network may be asked."""
    draw = torch.Generator().manual_seed(seed)
    lead = (batch, decisions)
    return Targets(
        actions=torch.rand(*lead, config.chunk, config.action, generator=draw) * 2 - 1,
        positions=torch.randn(*lead, config.slots, 3, generator=draw),
        atoms=torch.randint(0, 2, (*lead, config.atoms), generator=draw),
        stage=torch.randint(-1, max(1, config.stages), lead, generator=draw),
    )


def played(network: VLANetwork, text: Tensor, seen: Seen, in_place: bool = False) -> Tensor:
    """The actions [B, S, chunk, 7] of one decision after the other, with a cache."""
    cache, actions = network.begin(text), []
    for t in range(seen.proprio.shape[1]):
        if in_place:
            outputs = network.step_(seen.at(t), cache)
        else:
            outputs, cache = network.step(seen.at(t), cache)
        actions.append(outputs.actions)
    return torch.stack(actions, 1)
