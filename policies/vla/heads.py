"""From what was read out to a chunk of actions: by regression, or by flow matching. A third is one more class here."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from policies.mamba3.norm import wide
from policies.vla.config import VLAConfig
from policies.vla.layers import EncoderLayer
from policies.vla.masks import mean_where

TIME_BIAS = 1.5
"""Training times come from 1 - Beta(1.5, 1), as in pi0 (arXiv 2410.24164) but up to 1: biased to noise, mean 0.4."""
_FREQUENCIES = 8


class Head(nn.Module, ABC):
    """Features [..., width] to actions [..., chunk, 7] in [-1, 1]."""

    @abstractmethod
    def act(self, features: Tensor, noise: Tensor | None = None) -> Tensor:
        """The chunks; ``noise`` [..., chunk, 7] is for heads that draw them. Float32 at least."""

    @abstractmethod
    def loss(
        self, features: Tensor, actions: Tensor, real: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """The mean loss [] over the steps of chunks that are ``real`` [..., chunk]."""


class L1Head(Head):
    """The chunk at once, held to the expert's by the mean absolute error (OpenVLA-OFT, arXiv 2502.19645)."""

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        self.shape = (config.chunk, config.action)
        width = config.width
        self.net = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, config.chunk * config.action)
        )

    def act(self, features: Tensor, noise: Tensor | None = None) -> Tensor:
        out: Tensor = self.net(features)
        return torch.tanh(torch.unflatten(out.to(wide(out.dtype)), -1, self.shape))

    def loss(
        self, features: Tensor, actions: Tensor, real: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        return mean_where((self.act(features) - actions).abs(), None if real is None else real[..., None])


class FlowHead(Head):
    """Flow matching (arXiv 2210.02747): a velocity field carries noise at time 0 to actions at time 1 in a few Euler steps.

    On the straight path x = (1 - t) noise + t actions the velocity is actions - noise, whatever t.
    """

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        self.shape, self.steps = (config.chunk, config.action), config.flow_steps
        width = config.flow_width
        self.embed = nn.Linear(config.action, width)
        self.place = nn.Parameter(0.02 * torch.randn(config.chunk, width))
        self.condition = nn.Linear(config.width, width)
        self.time = nn.Sequential(nn.Linear(2 * _FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(EncoderLayer(width, config.flow_heads) for _ in range(config.flow_layers))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, config.action)

    def velocity(self, x: Tensor, time: Tensor, features: Tensor) -> Tensor:
        """The velocity [N, chunk, 7] of ``x`` [N, chunk, 7] at ``time`` [N] in [0, 1], given ``features`` [N, width]."""
        dtype = self.embed.weight.dtype
        angle = torch.pi * time[:, None] * torch.arange(1, _FREQUENCIES + 1, device=time.device)
        told = self.time(torch.cat((angle.cos(), angle.sin()), -1).to(dtype)) + self.condition(features)
        y = self.embed(x.to(dtype)) + self.place + told[:, None]
        for layer in self.layers:
            y = layer(y)
        out: Tensor = self.out(self.norm(y))
        return out.to(wide(out.dtype))

    def act(self, features: Tensor, noise: Tensor | None = None) -> Tensor:
        flat, dtype = features.flatten(0, -2), wide(features.dtype)
        x = flat.new_zeros(len(flat), *self.shape, dtype=dtype) if noise is None else noise.flatten(0, -3).to(dtype)
        for i in range(self.steps):
            x = x + self.velocity(x, x.new_full((len(x),), i / self.steps), flat) / self.steps
        return torch.unflatten(x.clamp(-1, 1), 0, features.shape[:-1])

    def loss(
        self, features: Tensor, actions: Tensor, real: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        if real is not None:  # the steps of a chunk see each other: what is not real must tell nothing
            actions = torch.where(real[..., None], actions, 0.0)
        goal = actions.flatten(0, -3)  # [N, chunk, 7]
        noise = torch.empty_like(goal).normal_(generator=generator)
        time = noise_biased(torch.empty_like(goal[:, 0, 0]).uniform_(generator=generator))
        x = torch.lerp(noise, goal, time[:, None, None])
        error = (self.velocity(x, time, features.flatten(0, -2)) - (goal - noise)).square()
        return mean_where(error, None if real is None else real.flatten(0, -2)[..., None])


def noise_biased(uniform: Tensor) -> Tensor:
    """Times in [0, 1] from uniform numbers: density 1.5 sqrt(1 - t), which is highest at noise and nothing at data."""
    return 1 - uniform ** (1 / TIME_BIAS)


HEADS: dict[str, type[Head]] = {"l1": L1Head, "flow": FlowHead}
"""The heads by name."""
