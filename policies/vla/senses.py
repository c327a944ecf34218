"""What is seen at a decision as the tokens of a block: cameras or objects, the robot's own state, and one to read out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from policies.vla.batch import Seen
from policies.vla.config import VLAConfig
from policies.vla.layers import precisely
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


class ObjectTokens(nn.Module):
    """The poses of the objects, one token a slot, and all of them as numbers."""

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        self.standardise = Standardise(config.pose)
        self.embed = nn.Sequential(
            nn.Linear(config.pose, config.width), nn.GELU(), nn.Linear(config.width, config.width)
        )
        self.slot = nn.Parameter(0.02 * torch.randn(config.slots, config.width))
        self.absent = nn.Parameter(0.02 * torch.randn(config.width))

    def forward(self, objects: Tensor) -> tuple[Tensor, Tensor]:
        """Objects [B, S, slots, pose] to tokens [B, S, slots, width] and numbers [B, S, slots * pose].

        A slot of zeros holds no object.
        """
        there = (objects != 0).any(-1, keepdim=True)
        poses = self.standardise(objects).to(self.slot.dtype)
        tokens = torch.where(there, precisely(self.embed, poses), self.absent) + self.slot
        return tokens, (poses * there).flatten(2)


class CameraTokens(nn.Module):
    """The pictures of the cameras, ``grid`` x ``grid`` tokens each, and their keypoints."""

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        self.eyes = Eyes(config)
        cameras = len(config.cameras)
        self.seen_by = nn.Parameter(0.02 * torch.randn(cameras, config.text_width))
        self.camera = nn.Parameter(0.02 * torch.randn(cameras, 1, config.width))
        self.place = nn.Parameter(0.02 * torch.randn(config.grid**2, config.width))

    def forward(self, images: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Images [B, S, C, H, W, 3] and ``condition`` [B, D] to tokens [B, S, C * grid * grid, width], places [B, S, -1]."""
        lead = images.shape[:3]
        each = (condition[:, None, None] + self.seen_by).expand(*lead, -1)  # [B, S, C, D]
        tokens, places = (torch.unflatten(x, 0, lead) for x in self.eyes(images.flatten(0, 2), each.flatten(0, 2)))
        return (tokens + self.camera + self.place).flatten(2, 3), places.flatten(2)


class Overview(nn.Module):
    """What is told by numbers, as the token to read out begins with it; the instruction scales and shifts it on the way.

    Through attention alone it would take long to learn which of many tokens holds the place that the instruction is about.
    """

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        width = config.overview
        self.first, self.second = nn.Linear(config.numbers, width), nn.Linear(width, width)
        self.modulate = nn.Linear(config.text_width, 2 * width)
        self.out = nn.Linear(width, config.width)
        nn.init.normal_(self.modulate.weight, std=0.02)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, numbers: Tensor, condition: Tensor) -> Tensor:
        """Numbers [B, S, N] and ``condition`` [B, D] to [B, S, width]."""
        scale, shift = self.modulate(condition)[:, None].chunk(2, -1)
        x = F.gelu(precisely(self.first, numbers)) * (1 + scale) + shift
        out: Tensor = self.out(F.gelu(self.second(x)))
        return out


class Senses(nn.Module):
    """All tokens of a block, the one that is read out last."""

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        self.cameras = CameraTokens(config) if config.inputs == "pixels" else None
        self.objects = ObjectTokens(config) if config.inputs == "state" else None
        self.standardise = Standardise(config.proprio)
        self.own = nn.Linear(config.proprio, config.width)
        self.read = nn.Parameter(0.02 * torch.randn(config.width))
        self.overview = Overview(config)

    def forward(self, seen: Seen, condition: Tensor) -> Tensor:
        """What is seen [B, S, ...] and ``condition`` [B, D] to blocks [B, S, K, width]."""
        numbers = self.standardise(seen.proprio).to(self.own.weight.dtype)
        own = precisely(self.own, numbers)
        if self.cameras is not None and seen.images is not None:
            tokens, places = self.cameras(seen.images, condition)
        elif self.objects is not None and seen.objects is not None:
            tokens, places = self.objects(seen.objects)
        numbers = torch.cat((numbers, places.to(numbers.dtype)), -1)
        read = self.read + self.overview(numbers, condition)
        # Under autocast float32, the widest of the parts: the trunk's sum runs on in it.
        return torch.cat((tokens, own[:, :, None], read[:, :, None]), 2)
