"""The network of a skill as it learns: features in, a chunk of actions and a termination probability out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from policies.mamba3.config import StackConfig
from policies.mamba3.stack import Mamba3Stack
from policies.skills.config import CONTROLS, SkillNetworkConfig
from policies.skills.mlp import MlpStack


class SkillNetwork(nn.Module):
    """A Mamba-3 stack, or an MLP, between an embedding and two heads."""

    def __init__(self, config: SkillNetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.block.d_model
        self.embed = nn.Linear(config.features, width)
        self.backbone: Mamba3Stack | MlpStack = (
            Mamba3Stack(StackConfig(config.layers, config.block))
            if config.backbone == "mamba3"
            else MlpStack(config.layers, width, config.hidden)
        )
        self.widen = nn.Linear(width, 2 * width)
        self.head = nn.Linear(2 * width, config.chunk * len(CONTROLS) + 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[B, L, F] to actions [B, L, chunk, 5] in [-1, 1] and termination logits [B, L]."""
        return self._heads(self.backbone(self.embed(features)))

    def step(self, features: Tensor, states: list[Any]) -> tuple[Tensor, Tensor, list[Any]]:
        """One moment: [B, F] to actions [B, chunk, 5], termination logits [B] and the next states."""
        x, after = self.backbone.step(self.embed(features), states)
        return *self._heads(x), after

    def rest(self, batch: int) -> list[Any]:
        """The states at the start of ``batch`` executions; an MLP has none."""
        return list(self.backbone.rest(batch))

    def _heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out = self.head(F.silu(self.widen(x)))
        actions, logit = out[..., :-1], out[..., -1]
        return torch.tanh(actions.unflatten(-1, (self.config.chunk, len(CONTROLS)))), logit
