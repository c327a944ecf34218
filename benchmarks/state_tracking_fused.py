"""Models of `state_tracking.py` through the fused kernels of `policies.mamba3.kernels`: the full rule, on a GPU.

The mathematics of the `Ensemble`, which stacks its models and computes in PyTorch; but every model by itself, with a CUDA
graph of its step on a stream of its own, and rows cut to the next 32 tokens of what it has come to. M models, B rows.
"""

from __future__ import annotations

from collections.abc import Callable
from math import gcd
from typing import Any

import torch
from state_tracking_models import CLIP, Member, Trainees, build, captured, decays, descend, pace, wait
from state_tracking_models import Pinned as Plain
from state_tracking_tasks import Rows
from torch import Tensor, nn
from torch.nn import functional as F

from policies.mamba3.config import StackConfig
from policies.mamba3.norm import RMSNorm

STRIDE = 32
"""Widths are multiples of a chunk: kernels are compiled for whole chunks and for others apart."""
PARTS = 32
"""The slope of a weight is a sum over all tokens: done as so many sums side by side, or few processors would be at work."""
DICE = 100
"""Steps for which rows are chosen at once."""


def many(rows: Tensor, weight: Tensor) -> Tensor:
    """``rows`` [B, ..., D] times ``weight`` [D, K]."""
    parts = gcd(len(rows), PARTS)
    out = torch.bmm(rows.reshape(parts, -1, rows.shape[-1]), weight.expand(parts, -1, -1))
    return out.view(*rows.shape[:-1], -1)


class Linear(nn.Linear):
    def forward(self, u: Tensor) -> Tensor:
        return many(u, self.weight.t())


class Embedding(nn.Embedding):
    """As a product: a dozen tokens have few rows of weights to add slopes to."""

    def forward(self, tokens: Tensor) -> Tensor:
        chosen = tokens[..., None] == torch.arange(self.num_embeddings, device=tokens.device)
        return many(chosen.to(self.weight.dtype), self.weight)


class Norm(RMSNorm):
    """In one launch; same eps."""

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, 1e-5)


QUICKER: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: Linear, Plain: Linear, nn.Embedding: Embedding, RMSNorm: Norm,
}  # fmt: skip
"""The same functions of the same weights, for tens of thousands of tokens at once."""


class Single:
    """One model with its weights in a row, [n], and AdamW on them; ``told`` [2] and ``limit`` [1] are the owner's."""

    def __init__(
        self, member: Member, config: StackConfig, classes: int, decay: float, device: str, told: Tensor, limit: Tensor
    ) -> None:
        self.model = build(member, config, classes)
        self.rate, self.told, self.limit = member.rate, told, limit
        names = [name for name, weight in self.model.named_parameters()]
        self.model.to(device)
        self.parameters = list(self.model.parameters())
        self.weights = torch.cat([weight.detach().flatten() for weight in self.parameters])
        sizes = [weight.numel() for weight in self.parameters]
        for weight, part in zip(self.parameters, self.weights.split(sizes), strict=True):
            weight.data = part.view_as(weight)
        self.decay = torch.cat(
            [torch.full((size,), decay * decays(name)) for name, size in zip(names, sizes, strict=True)]
        ).to(device)
        self.first, self.second = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        self.step = torch.zeros((), device=device)
        for module in self.model.modules():
            if getattr(module, "bias", None) is None:  # which the readout has, of a few rows
                module.__class__ = QUICKER.get(type(module), type(module))
        for layer in self.model.stack.layers:
            mixer: Any = layer.mixer
            mixer.backend = "triton"

    def losses(self, tokens: Tensor, lengths: Tensor, answers: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy, and the share of right answers."""
        logits = self.model(tokens, lengths)
        return F.cross_entropy(logits, answers), (logits.argmax(-1) == answers).float().mean()

    def slopes(self, loss: Tensor) -> Tensor:
        """Of all weights, [n]."""
        return torch.cat([slope.flatten() for slope in torch.autograd.grad(loss, self.parameters)])

    def train(self, rows: Rows, width: int, dice: Tensor, steps: int, brake: Tensor) -> None:
        """One step on the first ``width`` tokens of rows that ``dice`` [DICE, B] chooses; none is longer than the limit."""
        within = torch.searchsorted(rows.lengths, self.limit, right=True)
        thrown = dice.index_select(0, (self.step % len(dice)).long().view(1))[0]
        chosen = (thrown * within).long()
        loss, right = self.losses(rows.tokens[:, :width][chosen], rows.lengths[chosen], rows.answers[chosen])
        slope = self.slopes(loss)
        with torch.no_grad():
            self.step += 1
            scale = (CLIP / slope.square().sum().sqrt().clamp(min=CLIP)).nan_to_num(0.0)
            rate = pace(self.step, steps, self.step.new_full((), self.rate), brake)
            slope = slope.nan_to_num(0.0) * scale
            descend(self.weights, slope, self.first, self.second, self.step, rate, self.decay)
            self.told += torch.stack((loss, right))

    def state(self) -> list[Tensor]:
        return [self.weights, self.first, self.second, self.step, self.told, self.limit]


class Fused(Trainees):
    """All members, in the place of an `Ensemble`."""

    def __init__(
        self, members: list[Member], config: StackConfig, classes: int, decay: float, steps: int, device: str
    ) -> None:
        super().__init__(members, steps, device)
        self.singles = [
            Single(member, config, classes, decay, device, self.told[:, i], self.limits[i : i + 1])
            for i, member in enumerate(members)
        ]

    def state(self) -> list[Tensor]:
        return [part for single in self.singles for part in single.state()]

    def room(self, length: int) -> int:
        return -(-length // STRIDE) * STRIDE

    def stepper(self, rows: Rows, batch: int) -> Callable[[], None]:
        return Steps(self, rows, batch)

    def right(self, rows: Rows) -> Tensor:
        found = (single.model(rows.tokens, rows.lengths).argmax(-1) == rows.answers for single in self.singles)
        return torch.stack([each.sum() for each in found])


class Steps:
    """One step of each model whenever it is called: on a GPU side by side, as graphs; else one after the other."""

    def __init__(self, fused: Fused, rows: Rows, batch: int) -> None:
        self.fused, self.rows, self.done = fused, rows, 0
        self.dice = torch.empty(len(fused.singles), DICE, batch, device=fused.device)
        self.cuda = fused.device != "cpu"
        self.streams = [torch.cuda.Stream() for _ in fused.singles] if self.cuda else []
        self.pools = [torch.cuda.graph_pool_handle() for _ in self.streams]
        self.graphs: dict[tuple[int, int], torch.cuda.CUDAGraph] = {}
        self.chosen: list[Callable[[], None]] = []

    def __call__(self) -> None:
        if self.done % DICE == 0:
            self.choose()
        self.done += 1
        for i, step in enumerate(self.chosen):
            if self.cuda:
                with torch.cuda.stream(self.streams[i]):
                    step()
            else:
                step()

    def choose(self) -> None:
        """Throw the dice, and take the steps that are as wide as the models' limits now ask for."""
        wait(self.fused.device)
        self.dice.uniform_()
        limits = self.fused.limits.tolist()
        self.chosen = [self.step(i, self.fused.room(limit)) for i, limit in enumerate(limits)]
        wait(self.fused.device)

    def step(self, i: int, width: int) -> Callable[[], None]:
        fused, single = self.fused, self.fused.singles[i]

        def train() -> None:
            single.train(self.rows, width, self.dice[i], fused.steps, fused.brake)

        if not self.cuda:
            return train
        if (i, width) not in self.graphs:
            wait(fused.device)
            self.graphs[i, width] = captured(train, single.state(), self.streams[i], self.pools[i])
        return self.graphs[i, width].replay
