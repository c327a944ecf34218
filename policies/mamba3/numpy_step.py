"""A Mamba-3 stack's step in NumPy: on one core at batch 1 several times as quick as PyTorch's, and without PyTorch.

The state of an episode is one row of float32 numbers, so episodes are joined by ``np.concatenate`` and parted by slices;
a row of a batch is computed as it would be alone, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nsctl.errors import InvalidValue
from policies.mamba3.config import StackConfig
from policies.mamba3.numpy_layer import LayerStep
from policies.mamba3.numpy_weights import Floats, LayerWeights, Weights, channels, prepare, rows, under

if TYPE_CHECKING:  # playing needs no torch
    from policies.mamba3.recurrence import Mamba3State
    from policies.mamba3.stack import Mamba3Stack

_KEPT = 16
"""Batch sizes for which buffers are kept."""


class NumpyStack:
    """Steps what a :class:`~policies.mamba3.stack.Mamba3Stack` of ``config`` with these ``weights`` steps, in float32.

    ``weights`` are arrays under the names of the stack's ``state_dict``; they are copied. Buffers are kept between steps:
    a stack serves one thread at a time.
    """

    def __init__(self, config: StackConfig, weights: Weights) -> None:
        if config.vocabulary:
            raise InvalidValue(
                f"the NumPy step goes from features to features: give it a stack without a vocabulary, "
                f"not one of {config.vocabulary} tokens"
            )
        self.config, c = config, config.block
        self._layers = [prepare(under(f"layers.{i}.", weights), c, config.mlp) for i in range(config.layers)]
        heads = config.layers * c.heads
        sizes = [heads * part for part in (c.angles, c.rank * c.d_state, c.head_dim, c.head_dim * c.d_state)]
        self._cuts = (sizes[0], sum(sizes[:2]), sum(sizes[:3]))
        self.size = sum(sizes)
        self._desks: dict[int, _Desk] = {}

    @classmethod
    def of(cls, stack: Mamba3Stack) -> NumpyStack:
        """The same function as ``stack``, whatever the precision of its weights."""
        return cls(stack.config, {name: p.detach().double().cpu().numpy() for name, p in stack.state_dict().items()})

    def rest(self, batch: int) -> Floats:
        """The state [B, size] at the start of ``batch`` episodes."""
        return np.zeros((batch, self.size), np.float32)

    def step(self, x: Floats, state: Floats, out: Floats | None = None) -> tuple[Floats, Floats]:
        """One moment, [B, D] to [B, D], and the next state [B, size]; ``x`` and ``state`` stay as they are.

        The next state is written to ``out`` where one is given, which may be ``state`` itself: a large state is then
        moved through the caches once instead of twice.
        """
        self._check(x, state, out)
        batch = len(x)
        if batch not in self._desks:
            if len(self._desks) == _KEPT:
                self._desks.clear()
            self._desks[batch] = _Desk(self._layers, self._cuts, batch)
        return self._desks[batch].step(x, state, np.empty(state.shape, np.float32) if out is None else out)

    def pack(self, states: Sequence[Mamba3State]) -> Floats:
        """The layers' ``states`` as one array [B, size]."""
        if len(states) != self.config.layers:
            raise InvalidValue(f"a stack of {self.config.layers} layers needs as many states, got {len(states)}")
        order = channels(self.config.block)
        angle, k, x, h = (
            np.stack([getattr(state, name).detach().double().cpu().numpy() for state in states], 1)
            for name in ("angle", "k", "x", "h")
        )
        parts = (angle / (2 * np.pi), k[..., order], x, h[..., order])
        packed = np.concatenate([part.reshape(len(part), -1) for part in parts], 1).astype(np.float32)
        if packed.shape[1] != self.size:
            raise InvalidValue(f"these states have {packed.shape[1]} numbers a row, those of this stack {self.size}")
        return packed

    def unpack(self, state: Floats) -> list[Mamba3State]:
        """The layers' states that ``state`` [B, size] holds, in float32 on the CPU."""
        import torch

        from policies.mamba3.recurrence import Mamba3State

        c, back = self.config.block, np.argsort(channels(self.config.block))
        shapes = ((c.angles,), (c.rank, c.d_state), (c.head_dim,), (c.head_dim, c.d_state))
        angle, k, x, h = (
            part.reshape(len(state), self.config.layers, c.heads, *shape)
            for part, shape in zip(np.split(state, self._cuts, 1), shapes, strict=True)
        )
        angle = (np.remainder(angle.astype(np.float64), 1) * 2 * np.pi).astype(np.float32)
        parts = [torch.from_numpy(part.copy()) for part in (angle, h[..., back], k[..., back], x)]
        return [Mamba3State(*(part[:, i] for part in parts)) for i in range(self.config.layers)]

    def _check(self, x: NDArray[Any], state: NDArray[Any], out: NDArray[Any] | None) -> None:
        D = self.config.block.d_model
        if x.ndim != 2 or x.shape[1] != D or x.dtype != np.float32 or not len(x):
            raise InvalidValue(f"the input must be float32 [B, {D}] with B >= 1, got {x.dtype} {list(x.shape)}")
        for name, array in (("state", state), ("out", state if out is None else out)):
            if array.shape != (len(x), self.size) or array.dtype != np.float32:
                raise InvalidValue(
                    f"the {name} must be float32 [{len(x)}, {self.size}] for this stack and input, "
                    f"got {array.dtype} {list(array.shape)}"
                )
        if out is not None and out.strides[1] != out.itemsize:
            raise InvalidValue("the rows of out must be contiguous: give it a C-ordered array")
        if not math.isfinite(np.add.reduce(x, None)) and not np.isfinite(x).all():  # a finite sum settles it
            raise InvalidValue(f"the input [{len(x)}, {D}] holds NaN or infinity")


class _Desk:
    """The layers at work on B rows, and what lies between them and the state: angles, keys and inputs of all layers."""

    def __init__(self, layers: list[LayerWeights], cuts: tuple[int, int, int], batch: int) -> None:
        c, count = layers[0].config, len(layers)
        E, R = c.d_inner, c.rank
        self._past = np.empty((batch, cuts[2]), np.float32)
        angle, k, x = np.split(self._past, cuts[:2], 1)
        lead = (batch, count, c.heads)
        lines = np.empty((batch, count, E + rows(layers[0].rows)), np.float32)
        kkq = np.empty((*lead, 3 * R, c.d_state), np.float32)
        self._k, self._last_k, self._next_k = k.reshape(*lead, R, -1), kkq[..., :R, :], kkq[..., R : 2 * R, :]
        self._x, self._last_x, self._next_x = x.reshape(batch, count, E), lines[..., :E], lines[..., E : 2 * E]
        angle = angle.reshape(*lead, c.angles)
        self._layers = [LayerStep(w, angle[:, i], lines[:, i], kkq[:, i]) for i, w in enumerate(layers)]
        self._h = (*lead, c.head_dim, c.d_state)

    def step(self, x: Floats, state: Floats, after: Floats) -> tuple[Floats, Floats]:
        y, past = x.copy(), self._past
        cut = past.shape[1]
        past[...] = state[:, :cut]
        self._last_k[...], self._last_x[...] = self._k, self._x
        h, h_after = state[:, cut:].reshape(self._h), after[:, cut:].reshape(self._h)
        for i, layer in enumerate(self._layers):
            layer(y, h[:, i], h_after[:, i])
        self._k[...], self._x[...] = self._next_k, self._next_x
        after[:, :cut] = past
        return y, after
