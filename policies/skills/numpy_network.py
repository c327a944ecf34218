"""The network of a skill as it plays: one moment at a time, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsctl.errors import InvalidValue
from policies.mamba3.config import StackConfig
from policies.mamba3.numpy_step import NumpyStack
from policies.mamba3.numpy_weights import Floats, Weights, blocks, check_shapes, under
from policies.skills.config import CONTROLS, SkillNetworkConfig


class NumpySkillNetwork:
    """Steps what a :class:`~policies.skills.network.SkillNetwork` with these ``weights`` steps.

    ``weights`` are arrays under the names of that network's ``state_dict``. Of a chunk only the first action is computed:
    the others serve training.
    """

    def __init__(self, config: SkillNetworkConfig, weights: Weights) -> None:
        self.config, D, F = config, config.block.d_model, config.features
        heads = {"embed": (D, F), "widen": (2 * D, D), "head": (config.chunk * len(CONTROLS) + 1, 2 * D)}
        shapes = {f"{n}.weight": s for n, s in heads.items()} | {f"{n}.bias": s[:1] for n, s in heads.items()}
        check_shapes({n: w for n, w in weights.items() if not n.startswith("backbone.")}, shapes)
        inner = under("backbone.", weights)
        self.backbone: NumpyStack | _NumpyMlp = (
            NumpyStack(StackConfig(config.layers, config.block), inner)
            if config.backbone == "mamba3"
            else _NumpyMlp(config, inner)
        )
        self._embed = _Linear(weights["embed.weight"], weights["embed.bias"])
        self._widen = _Linear(weights["widen.weight"] / 2, weights["widen.bias"] / 2)
        rows = [*range(len(CONTROLS)), -1]  # the first action, and whether the skill is done
        self._head = _Linear(weights["head.weight"][rows], weights["head.bias"][rows])

    def rest(self, batch: int) -> Floats:
        """The hidden states [B, size] at the start of ``batch`` executions."""
        return self.backbone.rest(batch)

    def begin(self) -> Floats:
        """What an execution remembers at its start: its hidden states [1, size]."""
        return self.rest(1)

    def act(self, features: Floats, memories: Sequence[Floats]) -> tuple[Floats, Floats]:
        """One moment of several executions: features [B, F] to actions [B, 5] in [-1, 1] and termination logits [B].

        The ``memories`` are brought forward.
        """
        hidden = memories[0] if len(memories) == 1 else np.concatenate(memories)  # [B, size]
        actions, logits, _ = self.step(features, hidden, out=hidden)
        for i, memory in enumerate(memories if len(memories) > 1 else ()):
            memory[:] = hidden[i : i + 1]
        return actions, logits

    def report(self) -> str:
        """What runs, for a person."""
        return "NumPy"

    def step(self, features: Floats, hidden: Floats, out: Floats | None = None) -> tuple[Floats, Floats, Floats]:
        """One moment: [B, F] to actions [B, 5] in [-1, 1], termination logits [B] and the next hidden states [B, size].

        The latter are written to ``out``, if given, which may be ``hidden`` itself.
        """
        if features.shape[1:] != (self.config.features,):
            raise InvalidValue(f"the features must be [B, {self.config.features}], got {list(features.shape)}")
        x, after = self.backbone.step(self._embed(features), hidden, out)
        heads = self._head(_silu(self._widen(x)))
        return np.tanh(heads[:, :-1]), heads[:, -1], after


class _NumpyMlp:
    """Steps what a :class:`~policies.skills.mlp.MlpStack` with these ``weights`` steps; its hidden states are empty."""

    def __init__(self, config: SkillNetworkConfig, weights: Weights) -> None:
        D, N = config.block.d_model, config.hidden
        layers = range(config.layers)
        shapes = {f"rise.{i}": (N, D) for i in layers} | {f"fall.{i}": (D, N) for i in layers}
        check_shapes(
            weights, {f"{n}.weight": s for n, s in shapes.items()} | {f"{n}.bias": s[:1] for n, s in shapes.items()}
        )
        self._layers = [
            (
                _Linear(weights[f"rise.{i}.weight"] / 2, weights[f"rise.{i}.bias"] / 2),
                _Linear(weights[f"fall.{i}.weight"], weights[f"fall.{i}.bias"]),
            )
            for i in layers
        ]

    def rest(self, batch: int) -> Floats:
        return np.zeros((batch, 0), np.float32)

    def step(self, x: Floats, hidden: Floats, out: Floats | None = None) -> tuple[Floats, Floats]:
        for rise, fall in self._layers:
            x = x + fall(_silu(rise(x)))
        return x, hidden if out is None else out


def _silu(half: Floats) -> Floats:
    """silu(2 h) of h."""
    y: Floats = half + half * np.tanh(half)
    return y


class _Linear:
    """weight [out, in] times each row of [B, in] by itself, plus bias [out]: a product of all rows rounds each anew."""

    def __init__(self, weight: NDArray[Any], bias: NDArray[Any]) -> None:
        self._blocks, self._bias = blocks(weight), bias.astype(np.float32)

    def __call__(self, x: Floats) -> Floats:
        y: Floats = np.matmul(self._blocks, x[:, :, None]).swapaxes(0, 1).reshape(len(x), -1)
        return y[:, : len(self._bias)] + self._bias
