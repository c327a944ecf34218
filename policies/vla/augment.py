"""What is done to pictures in training, on the device that they lie on: shifts, and the colour of the light.

One draw serves a camera for a whole sequence, because a camera that stands a little off does so for the whole episode.
"""

from __future__ import annotations

import torch
from torch import Tensor

SHIFT = 4
"""Pixels by which a picture is moved at most, along either side; its border is repeated."""
GAIN, BRIGHTNESS, CONTRAST = 0.2, 0.1, 0.2
"""How far a colour channel's gain, the brightness and the contrast may be off, as shares of the range."""


def augment(images: Tensor, draw: torch.Generator) -> Tensor:
    """Images uint8 [B, S, C, H, W, 3] to the same shape; ``draw`` is a generator on the CPU."""
    B, _, C = images.shape[:3]
    moves = torch.randint(-SHIFT, SHIFT + 1, (2, B, C), generator=draw)
    light = torch.rand(5, B, C, generator=draw) * 2.0 - 1.0
    return relit(shifted(images, moves), light)


def shifted(images: Tensor, moves: Tensor) -> Tensor:
    """Each camera's pictures moved down and right by ``moves`` [2, B, C] pixels, the border repeated."""
    B, S, C, H, W, _ = images.shape
    device, moves = images.device, moves.to(images.device)
    down = (torch.arange(H, device=device) - moves[0][..., None]).clamp(0, H - 1)  # [B, C, H]
    right = (torch.arange(W, device=device) - moves[1][..., None]).clamp(0, W - 1)
    b = torch.arange(B, device=device).view(B, 1, 1, 1, 1)
    s = torch.arange(S, device=device).view(1, S, 1, 1, 1)
    c = torch.arange(C, device=device).view(1, 1, C, 1, 1)
    return images[b, s, c, down[:, None, :, :, None], right[:, None, :, None, :]]


def relit(images: Tensor, light: Tensor) -> Tensor:
    """Pictures under another light; ``light`` [5, B, C] in [-1, 1] scales three gains, brightness and contrast."""
    light = light.to(images.device)
    gain = 1.0 + GAIN * light[:3].permute(1, 2, 0)[:, None, :, None, None]  # [B, 1, C, 1, 1, 3]
    brightness, contrast = (x[:, None, :, None, None, None] for x in (BRIGHTNESS * light[3], 1.0 + CONTRAST * light[4]))
    lit = (images.float() * gain - 127.5) * contrast + 127.5 + 255.0 * brightness
    return lit.round().clamp(0, 255).to(torch.uint8)
