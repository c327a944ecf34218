"""What the Transformers of this package are made of."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FeedForward(nn.Module):
    """x + W2 gelu(W1 norm(x)), four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.down(F.gelu(self.up(self.norm(x))))
        return out


class EncoderLayer(nn.Module):
    """Attention to all tokens that are there, then a feed-forward; each behind its norm and added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = FeedForward(width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``x`` [B, L, D] and ``mask`` [B, 1, 1, L], true where a token may be looked at."""
        q, k, v = (split(part, self.heads) for part in self.qkv(self.norm(x)).chunk(3, -1))
        out: Tensor = self.mlp(x + self.out(merged(attend(q, k, v, mask))))
        return out


def split(x: Tensor, heads: int) -> Tensor:
    """[B, L, D] to [B, heads, L, D / heads]."""
    return torch.unflatten(x, -1, (heads, -1)).transpose(1, 2)


def merged(x: Tensor) -> Tensor:
    """[B, heads, L, d] to [B, L, heads * d]."""
    return x.transpose(1, 2).flatten(-2)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(q k^T / sqrt d) v of [B, heads, L, d]; ``mask`` (bool, broadcast to [B, heads, Lq, Lk]) is true where seen."""
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the first half of the channels of ``x`` [B, heads, L, d] by the cosines and sines of :func:`turns`.

    Rotary positions (arXiv 2104.09864) on half of the channels: two tokens' score depends on how far apart they are.
    """
    cos, sin = turn
    a, b, rest = x.tensor_split((x.shape[-1] // 4, x.shape[-1] // 2), -1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos, rest), -1).to(x.dtype)


def turns(place: Tensor, channels: int, base: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The cosines and sines [..., channels / 4] of the angles of integer positions ``place`` [...].

    Frequencies fall from 1 to nearly 1 / ``base`` radians a position. They are made anew each time in ``dtype``, because
    weights in bfloat16 would round them.
    """
    count = channels // 4
    frequency = base ** (-torch.arange(count, device=place.device, dtype=dtype) / count)
    angle = place[..., None].to(dtype) * frequency
    return angle.cos(), angle.sin()


def precisely(layer: nn.Module, x: Tensor) -> Tensor:
    """``layer`` of ``x`` without autocast: in bfloat16 a place half a metre away would be known to 2 mm."""
    kind = x.device.type
    lowered = kind != "meta" and torch.is_autocast_enabled(kind)  # which knows nothing of the device meta
    with torch.autocast(kind, enabled=False) if lowered else nullcontext():
        out: Tensor = layer(x)
    return out
