"""Mamba-3 blocks on top of each other: from features to features, or from tokens to the next one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nsctl.errors import InvalidValue
from policies.mamba3.block import Mamba3
from policies.mamba3.config import StackConfig
from policies.mamba3.norm import RMSNorm, wide, widened
from policies.mamba3.recurrence import Mamba3State

States = Sequence[Mamba3State]
_Mix = Callable[[Mamba3, Tensor, Mamba3State], tuple[Tensor, Mamba3State]]


def weight_of(stack: Mamba3Stack) -> Tensor:
    """One of the weights that give ``stack`` its device and precision."""
    layer = stack.layers[0]
    assert isinstance(layer, Layer)
    return layer.mixer.witness


class SwiGLU(nn.Module):
    """fc2(a silu(b)) with a, b = fc1(x): D to D through two times ``hidden``."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 2 * hidden, bias=False)
        self.fc2 = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.fc1(x).chunk(2, -1)
        out: Tensor = self.fc2(a * F.silu(b))
        return out


class Layer(nn.Module):
    """A block behind its norm, then, in a language model, a SwiGLU behind its own; both added to what came in."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        width = config.block.d_model
        self.norm, self.mixer = RMSNorm(width), Mamba3(config.block)
        if config.mlp:
            self.norm2, self.mlp = RMSNorm(width), SwiGLU(width, config.mlp)
        self._branches = [self.mixer.out_proj] + ([self.mlp.fc2] if config.mlp else [])

    def forward(self, x: Tensor, state: Mamba3State, mix: _Mix) -> tuple[Tensor, Mamba3State]:
        y, state = mix(self.mixer, self.norm(x), state)
        x = x + y
        return (x + self.mlp(self.norm2(x)) if hasattr(self, "mlp") else x), state

    @torch.no_grad()
    def soften(self, layers: int) -> None:
        """Scale what is added by 1 / sqrt(additions in the whole stack), so that the sum stays of one size."""
        for branch in self._branches:
            branch.weight /= math.sqrt(layers * len(self._branches))


class Mamba3Stack(nn.Module):
    """[B, L, D] to [B, L, D]; the sum that runs through the layers is float32 at least."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        for layer in self._each():
            layer.soften(config.layers)

    def forward(
        self, x: Tensor, states: States | None = None, *, reset: Tensor | None = None, lengths: Tensor | None = None
    ) -> Tensor:
        """What :meth:`scan` gives, without the states."""
        return self.scan(x, states, reset=reset, lengths=lengths)[0]

    def scan(
        self, x: Tensor, states: States | None = None, *, reset: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, list[Mamba3State]]:
        """A whole sequence and the states after it; ``reset`` and ``lengths`` as in :meth:`Mamba3.scan`."""
        return self._through(x, states, lambda block, u, s: block.scan(u, s, reset=reset, lengths=lengths))

    def sequential(
        self, x: Tensor, states: States | None = None, *, reset: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, list[Mamba3State]]:
        """The reference for :meth:`scan`."""
        return self._through(x, states, lambda block, u, s: block.sequential(u, s, reset=reset, lengths=lengths))

    def step(self, x: Tensor, states: States, *, reset: Tensor | None = None) -> tuple[Tensor, list[Mamba3State]]:
        """One moment, [B, D] to [B, D], and the next states."""
        return self._through(x, states, lambda block, u, s: block.step(u, s, reset=reset))

    def rest(self, batch: int) -> list[Mamba3State]:
        """The states at the start of ``batch`` episodes."""
        return [layer.mixer.rest(batch) for layer in self._each()]

    def _through(self, x: Tensor, states: States | None, mix: _Mix) -> tuple[Tensor, list[Mamba3State]]:
        states = self.rest(len(x)) if states is None else states
        if len(states) != len(self.layers):
            raise InvalidValue(f"a stack of {len(self.layers)} layers needs as many states, got {len(states)}")
        weight = weight_of(self)
        if x.dtype not in (weight.dtype, wide(weight.dtype)):
            raise InvalidValue(f"the input is {x.dtype}, the stack's weights are {weight.dtype}: convert one of them")
        x, after = widened(x), []
        for layer, state in zip(self._each(), states, strict=True):
            x, moved = layer(x, state, mix)
            after.append(moved)
        return x, after

    def _each(self) -> list[Layer]:
        return [layer for layer in self.layers if isinstance(layer, Layer)]


class Mamba3Language(Mamba3Stack):
    """Tokens [B, L] to the logits [B, L, V] of the next one; the embedding reads and writes."""

    def __init__(self, config: StackConfig) -> None:
        if not config.vocabulary:
            raise InvalidValue("a language model needs a vocabulary of at least 1, got 0")
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocabulary, config.block.d_model)
        self.norm_f = RMSNorm(config.block.d_model)
        nn.init.normal_(self.embedding.weight, std=0.02)

    def _through(self, x: Tensor, states: States | None, mix: _Mix) -> tuple[Tensor, list[Mamba3State]]:
        if x.dtype not in (torch.int32, torch.int64):
            raise InvalidValue(f"tokens must be int32 or int64, got {x.dtype}")
        if x.device.type == "cpu" and x.numel() and not 0 <= int(x.min()) <= int(x.max()) < self.config.vocabulary:
            raise InvalidValue(
                f"tokens must lie in 0..{self.config.vocabulary - 1}, got {int(x.min())}..{int(x.max())}"
            )
        y, after = super()._through(self.embedding(x), states, mix)
        return F.linear(self.norm_f(y), self.embedding.weight), after
