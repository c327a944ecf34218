"""A Transformer over decisions with a key-value cache: block-causal attention in a window, and to the instruction.

Inside a block every token sees every other; a block sees those of the ``window`` - 1 decisions before it, and the
instruction, which sees itself only. Positions count decisions and turn half of each head's channels. The instruction's
keys have zeros there instead, so that nothing depends on how many decisions have gone by, only on how far apart two are:
a cache may slide for ever, and a sequence cut from the middle of an episode is like one from its start.

T tokens of the instruction, K of a decision, H heads of d channels, W decisions in the window.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from policies.mamba3.norm import wide
from policies.vla.cache import TrunkCache
from policies.vla.config import VLAConfig
from policies.vla.layers import FeedForward, attend, merged, rotate, split, turns

ROTARY_BASE = 100.0
"""A window is short: the slowest channels must still turn in it."""
Turn = tuple[Tensor, Tensor]
Projected = tuple[Tensor, Tensor, Tensor]


class TrunkLayer(nn.Module):
    """Attention, then a feed-forward; each behind its norm and added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = FeedForward(width)

    def project(self, x: Tensor, turn: Turn, key_turn: Turn) -> Projected:
        """Queries and keys, each turned by its own, and values [B, H, L, d] of ``x`` [B, L, D]."""
        q, k, v = (split(part, self.heads) for part in self.qkv(self.norm(x)).chunk(3, -1))
        return rotate(q, turn), rotate(k, key_turn), v

    def finish(self, x: Tensor, seen: Tensor) -> Tensor:
        """``x`` with what attention saw [B, H, L, d], through the feed-forward."""
        out: Tensor = self.mlp(x + self.out(merged(seen)))
        return out


class AttentionTrunk(nn.Module):
    """The trunk ``attention``."""

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(TrunkLayer(config.width, config.heads) for _ in range(config.layers))

    def forward(self, prefix: Tensor, real: Tensor, blocks: Tensor) -> Tensor:
        """Prefix [B, T, D], ``real`` [B, T] and blocks [B, S, K, D] to what becomes of the blocks [B, S, K, D]."""
        T, S = prefix.shape[1], blocks.shape[1]
        place = decisions_of(T, S, blocks.shape[2], prefix.device)  # [T + SK], -1 for the instruction
        mask = visible(place, self.config.window) & _keys(real, S * blocks.shape[2])
        x = torch.cat((prefix, blocks.flatten(1, 2)), 1)
        turn = self._turn(place, x)
        key_turn = _unplaced(turn, place)
        for layer in self._each():
            q, k, v = layer.project(x, turn, key_turn)
            x = layer.finish(x, attend(q, k, v, mask))
        return torch.unflatten(x[:, T:], 1, (S, -1))

    def begin(self, prefix: Tensor, real: Tensor) -> TrunkCache:
        """The cache with the instruction's keys and values, and room for a window."""
        B, T = prefix.shape[:2]
        x, held = prefix, []
        place = decisions_of(T, 0, 1, prefix.device)
        turn = self._turn(place, x)
        for layer in self._each():
            q, k, v = layer.project(x, turn, _unplaced(turn, place))
            x = layer.finish(x, attend(q, k, v, real[:, None, None, :]))
            room = k.new_zeros(*k.shape[:2], self.config.window * self.config.tokens, k.shape[-1])
            held.append((torch.cat((k, room), 2), torch.cat((v, room), 2)))
        return TrunkCache(torch.zeros(B, dtype=torch.int64, device=prefix.device), real, tuple(held))

    def step(self, block: Tensor, cache: TrunkCache) -> tuple[Tensor, TrunkCache]:
        """One block [B, K, D] and the next cache, whose window has slid on by one decision: the newest block is the last."""
        T, K, W = cache.real.shape[1], block.shape[1], self.config.window
        age = torch.arange(W - 1, -1, -1, device=block.device)  # [W], of the blocks in the cache
        mask = self._mask(cache, age <= cache.decision[:, None])
        turn, x, held = self._turn_now(cache, block), block, []
        for layer, parts in zip(self._each(), cache.layers, strict=True):
            q, k, v = layer.project(x, turn, turn)
            keys, values = (
                torch.cat((part[:, :, :T], part[:, :, T + K :], new), 2)
                for part, new in zip(parts, (k, v), strict=True)
            )
            x = layer.finish(x, attend(q, keys, values, mask))
            held.append((keys, values))
        return x, TrunkCache(cache.decision + 1, cache.real, tuple(held))

    def step_(self, block: Tensor, cache: TrunkCache) -> Tensor:
        """The same in place: decision t overwrites place t mod W of a ring."""
        T, K, W = cache.real.shape[1], block.shape[1], self.config.window
        mask = self._mask(cache, torch.arange(W, device=block.device) <= cache.decision[:, None])
        at = T + (cache.decision % W * K)[:, None] + torch.arange(K, device=block.device)  # [B, K]
        turn, x = self._turn_now(cache, block), block
        for layer, (keys, values) in zip(self._each(), cache.layers, strict=True):
            q, k, v = layer.project(x, turn, turn)
            index = at[:, None, :, None].expand_as(k)
            keys.scatter_(2, index, k.to(keys.dtype))
            values.scatter_(2, index, v.to(values.dtype))
            x = layer.finish(x, attend(q, keys, values, mask))
        cache.decision.add_(1)
        return x

    def _mask(self, cache: TrunkCache, filled: Tensor) -> Tensor:
        """[B, 1, 1, T + WK]: the instruction, and the blocks of the cache that ``filled`` [B, W] says there are."""
        return torch.cat((cache.real, filled.repeat_interleave(self.config.tokens, 1)), 1)[:, None, None, :]

    def _turn(self, place: Tensor, like: Tensor) -> Turn:
        return turns(place, self.config.width // self.config.heads, ROTARY_BASE, wide(like.dtype))

    def _turn_now(self, cache: TrunkCache, block: Tensor) -> Turn:
        """The turn of the decision that is being made, [B, 1, 1, d / 4]."""
        return self._turn(cache.decision[:, None, None], block)

    def _each(self) -> list[TrunkLayer]:
        return [layer for layer in self.layers if isinstance(layer, TrunkLayer)]


def decisions_of(prefix: int, decisions: int, tokens: int, device: torch.device) -> Tensor:
    """[T + SK]: to which decision each token of a sequence belongs; -1 is the instruction."""
    place = torch.arange(-prefix, decisions * tokens, device=device)
    return torch.div(place, tokens, rounding_mode="floor").clamp(min=-1)


def visible(place: Tensor, window: int) -> Tensor:
    """[L, L]: whether the token of each row may look at that of each column, by their decisions ``place`` [L]."""
    query, key = place[:, None], place[None, :]
    return (key == -1) | ((query >= key) & (query - key < window) & (query >= 0))


def _keys(real: Tensor, others: int) -> Tensor:
    """[B, 1, 1, T + others]: which keys are there at all."""
    return torch.cat((real, real.new_ones(len(real), others)), 1)[:, None, None, :]


def _unplaced(turn: Turn, place: Tensor) -> Turn:
    """``turn`` [L, d / 4] with zeros for the keys of the instruction, whose turning channels vanish by it."""
    cos, sin = turn
    there = (place >= 0)[:, None]
    return cos * there, sin * there
