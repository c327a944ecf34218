"""The whole learns what it is for: to find what the words name, and to remember where it was."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from policies.vla.batch import Seen, Targets, encode_text
from policies.vla.config import vla_size
from policies.vla.network import VLANetwork

COLOURS = ["red", "green"]


def scenes(batch: int, decisions: int, draw: torch.Generator) -> tuple[Tensor, Seen, Tensor]:
    """Texts that name a colour, a red and a green square that only the first decision sees, and where the named one is."""
    named = torch.randint(0, 2, (batch,), generator=draw)
    at = torch.randint(0, 28, (batch, 2, 2), generator=draw)  # row and column of each colour's square
    images = torch.zeros(batch, decisions, 1, 32, 32, 3, dtype=torch.uint8)
    for row, places in enumerate(at.tolist()):
        for colour, (y, x) in enumerate(places):
            images[row, 0, 0, y : y + 4, x : x + 4, colour] = 255
    config = vla_size("tiny")
    text = encode_text(COLOURS, config)[named]
    goal = (at[torch.arange(batch), named].float() - 14) / 14
    return text, Seen(torch.zeros(batch, decisions, config.proprio), images), goal


@pytest.mark.slow  # half a minute each
@pytest.mark.parametrize(("trunk", "decisions"), [("attention", 1), ("attention", 3), ("mamba3", 3)])
def test_it_points_at_what_is_named_even_when_it_is_gone(trunk: str, decisions: int) -> None:
    torch.manual_seed(0)
    draw, steps = torch.Generator().manual_seed(0), 300
    network = VLANetwork(vla_size("tiny", trunk=trunk, cameras=("front",), chunk=1, action=2))
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    for _ in range(steps):
        text, seen, goal = scenes(64, decisions, draw)
        features = network.encode(text, seen)[:, -1:]
        loss = network.losses(features, Targets(goal[:, None, None]))["actions"]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        rate.step()
    text, seen, goal = scenes(256, decisions, draw)
    with torch.inference_mode():
        found = network.eval()(text, seen).actions[:, -1, 0]
    assert goal.abs().mean() > 0.4  # what always saying "the middle" would be off by
    assert (found - goal).abs().mean() < 0.08
