"""What is seen at a decision as the tokens of a block: cameras or objects, the robot's own state, and one to read out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from policies.vla.batch import Seen
from policies.vla.config import VLAConfig
from policies.vla.vision import Eyes


class Standardise(nn.Module):
    """(x - mean) / scale, by statistics of the training data that travel with the weights; at first it does nothing."""

    mean: Tensor
    scale: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def fit(self, rows: Tensor, least: float = 1e-2) -> None:
        """Take mean and standard deviation of ``rows`` [N, size]; a number that hardly changes is divided by ``least``."""
        self.mean.copy_(rows.mean(0))
        self.scale.copy_(rows.std(0, correction=0).clamp(min=least))

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [..., size]."""
        return (x - self.mean) / self.scale


def precisely(layer: nn.Module, x: Tensor) -> Tensor:
    """``layer`` of ``x`` without autocast: in bfloat16 a place half a metre away would be known to 2 mm."""
    kind = x.device.type
    if kind == "meta" or not torch.is_autocast_enabled(kind):
        plain: Tensor = layer(x)
        return plain
    with torch.autocast(kind, enabled=False):
        exact: Tensor = layer(x)
    return exact


class ObjectTokens(nn.Module):
    """The poses of the objects, one token a slot."""

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        self.standardise = Standardise(config.pose)
        self.embed = nn.Sequential(
            nn.Linear(config.pose, config.width), nn.GELU(), nn.Linear(config.width, config.width)
        )
        self.slot = nn.Parameter(0.02 * torch.randn(config.slots, config.width))
        self.absent = nn.Parameter(0.02 * torch.randn(config.width))

    def forward(self, objects: Tensor) -> Tensor:
        """Objects [B, S, slots, pose] to tokens [B, S, slots, width]; a slot of zeros holds no object."""
        there = (objects != 0).any(-1, keepdim=True)
        tokens = precisely(self.embed, self.standardise(objects).to(self.slot.dtype))
        return torch.where(there, tokens, self.absent) + self.slot


class CameraTokens(nn.Module):
    """The pictures of the cameras, ``grid`` x ``grid`` tokens each."""

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        self.eyes = Eyes(config)
        cameras = len(config.cameras)
        self.seen_by = nn.Parameter(0.02 * torch.randn(cameras, config.text_width))
        self.camera = nn.Parameter(0.02 * torch.randn(cameras, 1, config.width))
        self.place = nn.Parameter(0.02 * torch.randn(config.grid**2, config.width))

    def forward(self, images: Tensor, condition: Tensor) -> Tensor:
        """Images [B, S, C, H, W, 3] and ``condition`` [B, D] to tokens [B, S, C * grid * grid, width]."""
        lead = images.shape[:3]
        each = (condition[:, None, None] + self.seen_by).expand(*lead, -1)  # [B, S, C, D]
        tokens = torch.unflatten(self.eyes(images.flatten(0, 2), each.flatten(0, 2)), 0, lead)
        return (tokens + self.camera + self.place).flatten(2, 3)


class Senses(nn.Module):
    """All tokens of a block, the one that is read out last."""

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        self.cameras = CameraTokens(config) if config.inputs == "pixels" else None
        self.objects = ObjectTokens(config) if config.inputs == "state" else None
        self.standardise = Standardise(config.proprio)
        self.own = nn.Linear(config.proprio, config.width)
        self.read = nn.Parameter(0.02 * torch.randn(config.width))

    def forward(self, seen: Seen, condition: Tensor) -> Tensor:
        """What is seen [B, S, ...] and ``condition`` [B, D] to blocks [B, S, K, width]."""
        own = precisely(self.own, self.standardise(seen.proprio).to(self.own.weight.dtype))[:, :, None]
        parts = [own, self.read.expand_as(own)]
        if self.cameras is not None and seen.images is not None:
            parts.insert(0, self.cameras(seen.images, condition))
        if self.objects is not None and seen.objects is not None:
            parts.insert(0, self.objects(seen.objects))
        # Under autocast float32, the widest of the parts: the trunk's sum runs on in it.
        return torch.cat(parts, 2)
