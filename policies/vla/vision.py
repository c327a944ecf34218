"""One pair of eyes for all cameras: a residual network whose features the instruction and the camera scale and shift.

FiLM (arXiv 1709.07871) on GroupNorm; small batches and streams of one picture see the same network as training does.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from policies.mamba3.norm import widened
from policies.vla.config import GROUPS, VLAConfig


class FiLM(nn.Module):
    """GroupNorm whose scale and shift come from a condition."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels, affine=False)
        self.modulate = nn.Linear(condition, 2 * channels)
        nn.init.normal_(self.modulate.weight, std=0.02)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """``x`` [N, C, H, W] and ``condition`` [N, D]."""
        scale, shift = self.modulate(condition)[:, :, None, None].chunk(2, 1)
        out: Tensor = self.norm(x) * (1 + scale) + shift
        return out


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut; the first one may halve height and width."""

    def __init__(self, before: int, after: int, stride: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.norm = nn.GroupNorm(GROUPS, after)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.film = FiLM(after, condition)
        same = stride == 1 and before == after
        self.stride = stride
        self.shortcut = nn.Identity() if same else nn.Conv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        y = self.second(F.silu(self.norm(self.first(x))))
        # Thinned out before the 1 x 1 convolution: oneDNN's backward pass of one with a stride spoils memory on some CPUs.
        return F.silu(self.shortcut(x[:, :, :: self.stride, :: self.stride]) + self.film(y, condition))


class Keypoints(nn.Module):
    """Where in a picture some things are that it learns to look for: a softmax over places, and the mean place by it.

    As in arXiv 1504.00702. A place is then told by a number, finer than the map, and not by which token lights up.
    """

    def __init__(self, channels: int, points: int) -> None:
        super().__init__()
        self.looks = nn.Conv2d(channels, points, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` [N, C, H, W] to places [N, points, 2], down and right in [-1, 1]; float32 under autocast, too."""
        looks = widened(self.looks(x))
        weights = looks.flatten(2).softmax(-1).view_as(looks)
        down, right = (torch.linspace(-1, 1, size, device=x.device, dtype=looks.dtype) for size in looks.shape[2:])
        return torch.stack(((weights.sum(3) * down).sum(-1), (weights.sum(2) * right).sum(-1)), -1)


class Eyes(nn.Module):
    """Pictures to ``grid`` x ``grid`` tokens each, and to keypoints, which are found on the last map but one."""

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        c, condition = config, config.text_width
        self.stem = nn.Conv2d(3, c.stem, 5, 2, padding=2, bias=False)
        self.norm = nn.GroupNorm(GROUPS, c.stem)
        blocks, before = [], c.stem
        for channels, count in zip(c.vision, c.vision_blocks, strict=True):
            for i in range(count):
                blocks.append(ResidualBlock(before, channels, 2 if i == 0 else 1, condition))
                before = channels
        self.blocks = nn.ModuleList(blocks)
        self.found_after = sum(c.vision_blocks[:-1]) or len(blocks)
        self.points = Keypoints(c.vision[-2:][0], c.keypoints)
        pool = c.image // c.stride // c.grid
        self.pool = nn.Conv2d(before, c.width, pool, pool)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Images uint8 [N, H, W, 3] and ``condition`` [N, D] to tokens [N, grid * grid, width], row by row, and places
        [N, keypoints, 2].
        """
        # A permuted view of pictures as they come is channels-last already.
        x = images.permute(0, 3, 1, 2).to(self.stem.weight.dtype) / 127.5 - 1
        x = F.silu(self.norm(self.stem(x)))
        for done, block in enumerate(self.blocks, start=1):
            x = block(x, condition)
            if done == self.found_after:
                places = self.points(x)
        return self.pool(x).flatten(2).transpose(1, 2), places
