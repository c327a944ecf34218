"""What an episode remembers between decisions: the instruction, and the trunk's keys and values or its states.

A cache belongs to its episodes, never to the network. Its size does not grow, and its rows may be at different decisions,
so that caches of several episodes can be joined into one batch and taken apart again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nsctl.errors import InvalidValue

Layers = tuple[tuple[Tensor, ...], ...]
"""For each layer of a trunk the tensors [B, ...] that it remembers."""


@dataclass(frozen=True, eq=False)
class TrunkCache:
    """What a trunk remembers: ``decision`` [B] (int64) counts the decisions made, ``real`` [B, T] are tokens of the text.

    ``layers`` hold (keys, values), each [B, heads, T + window * K, head size], or the four parts of a Mamba-3 state.
    """

    decision: Tensor
    real: Tensor
    layers: Layers

    def map(self, change: Callable[[Tensor], Tensor]) -> TrunkCache:
        """The same with every tensor changed, in the order of :attr:`tensors`."""
        decision, real = change(self.decision), change(self.real)
        return TrunkCache(decision, real, tuple(tuple(change(part) for part in layer) for layer in self.layers))

    @property
    def tensors(self) -> list[Tensor]:
        """All that is remembered."""
        return [self.decision, self.real, *(part for layer in self.layers for part in layer)]


@dataclass(frozen=True, eq=False)
class Cache:
    """``condition`` [B, text_width], the instruction as the eyes are conditioned on it, and what the trunk remembers."""

    condition: Tensor
    trunk: TrunkCache

    def map(self, change: Callable[[Tensor], Tensor]) -> Cache:
        """The same with every tensor changed."""
        return Cache(change(self.condition), self.trunk.map(change))

    def rows(self, index: Sequence[int]) -> Cache:
        """The caches of some of the episodes, copied."""
        return self.map(lambda part: part[list(index)])

    @staticmethod
    def join(caches: Sequence[Cache]) -> Cache:
        """One cache of all episodes of ``caches``, in their order; refuses caches of different networks."""
        if not caches:
            raise InvalidValue("join needs one cache at least, got none")
        shapes = [[part.shape[1:] for part in cache.tensors] for cache in caches]
        if any(shape != shapes[0] for shape in shapes):
            raise InvalidValue("caches of different networks cannot be joined: their shapes differ")
        parts = iter([torch.cat(same) for same in zip(*(cache.tensors for cache in caches), strict=True)])
        return caches[0].map(lambda _: next(parts))

    @property
    def tensors(self) -> list[Tensor]:
        """All that is remembered, in the order of :meth:`map`."""
        return [self.condition, *self.trunk.tensors]

    @property
    def nbytes(self) -> int:
        """Bytes that the cache holds."""
        return sum(part.numel() * part.element_size() for part in self.tensors)
