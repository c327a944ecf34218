"""Mamba-3 over decisions, token by token: its state is its cache, of one size and with no window.

A decision's tokens come one after the other and the one that is read out is the last, so that it has seen all others.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from policies.mamba3.block import converted
from policies.mamba3.recurrence import Mamba3State
from policies.mamba3.stack import Mamba3Stack, weight_of
from policies.vla.cache import TrunkCache
from policies.vla.config import VLAConfig


class MambaTrunk(nn.Module):
    """The trunk ``mamba3``: the same shapes as :class:`policies.vla.trunk.AttentionTrunk`.

    Its kernels compute in one precision throughout, without autocast. Under autocast a whole sequence has its weights
    converted beforehand, those that must stay wide excepted; what goes step by step keeps the weights' own precision.
    """

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        self.config = config
        self.stack = Mamba3Stack(config.stack)

    def forward(self, prefix: Tensor, real: Tensor, blocks: Tensor) -> Tensor:
        """Prefix [B, T, D], ``real`` [B, T] and blocks [B, S, K, D] to what becomes of the blocks [B, S, K, D]."""
        tokens = torch.cat((led(prefix, real), blocks.flatten(1, 2)), 1)
        kind = tokens.device.type
        if torch.is_autocast_enabled(kind):
            weights = converted(self.stack, torch.get_autocast_dtype(kind))
            with torch.autocast(kind, enabled=False):
                out = functional_call(self.stack, weights, (tokens.float(),))
        else:
            out, _ = self._scan(tokens)
        return torch.unflatten(out[:, prefix.shape[1] :], 1, blocks.shape[1:3])

    def begin(self, prefix: Tensor, real: Tensor) -> TrunkCache:
        """The states after the instruction."""
        _, states = self._scan(led(prefix, real))
        return TrunkCache(torch.zeros(len(real), dtype=torch.int64, device=real.device), real, _parts(states))

    def step(self, block: Tensor, cache: TrunkCache) -> tuple[Tensor, TrunkCache]:
        """One block [B, K, D] and the states after it."""
        out, states = self._scan(block, [Mamba3State(*layer) for layer in cache.layers])
        return out, TrunkCache(cache.decision + 1, cache.real, _parts(states))

    def step_(self, block: Tensor, cache: TrunkCache) -> Tensor:
        """The same in place."""
        out, after = self.step(block, cache)
        for mine, given in zip(cache.tensors, after.tensors, strict=True):
            mine.copy_(given)
        return out

    def _scan(self, x: Tensor, states: list[Mamba3State] | None = None) -> tuple[Tensor, list[Mamba3State]]:
        """A sequence [B, L, D] in the precision of the weights."""
        with torch.autocast(x.device.type, enabled=False):
            return self.stack.scan(x.to(weight_of(self.stack).dtype), states)


def led(prefix: Tensor, real: Tensor) -> Tensor:
    """The instruction [B, T, D] moved to the end of its row, behind zeros.

    From rest a zero changes nothing: neither projection of a block has a bias, so nothing enters and no angle turns. The
    sequence can stay whole then, which the kernels' gradients need.
    """
    T = prefix.shape[1]
    index = (torch.arange(T, device=prefix.device) + real.sum(1, keepdim=True)) % T  # [B, T]
    return torch.take_along_dim(prefix.masked_fill(~real[..., None], 0.0), index[..., None], 1)


def _parts(states: list[Mamba3State]) -> tuple[tuple[Tensor, ...], ...]:
    return tuple(tuple(vars(state).values()) for state in states)
