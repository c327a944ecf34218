"""Models of `state_tracking.py` that are trained side by side: each with its own seed, learning rate and rule.

Their weights are stacked, so that one launch serves all M of them; that is all that they share. Shapes: M models, B rows,
W tokens (the width that a stage of the curriculum needs), V vocabulary.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from state_tracking_tasks import Rows, Task
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.nn import functional as F

from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.norm import RMSNorm
from policies.mamba3.stack import Mamba3Stack

RULES = ("full", "no-rotation", "mamba-2")
"""Mamba-3; without rotation; without rotation and with lambda = 1, which is Mamba-2's discretisation."""
WARM_UP, COOL_DOWN, CLIP, EPS = 200, 0.3, 1.0, 1e-8
START, GROWTH = 4, 4
"""Rows of up to 4 tokens at first; whoever masters them goes on to rows a quarter longer."""
BETAS = (0.9, 0.99)
SURE = 30.0
"""sigmoid(30) is 1 in float32: lambda = 1."""

Weights = dict[str, Tensor]


def pace(step: Tensor, steps: int, rates: Tensor, brake: Tensor) -> Tensor:
    """Learning rates at ``step`` of ``steps``: a linear warm-up and a linear end; ``brake`` in 0..1 slows all down."""
    left = (steps - step + 1) / (COOL_DOWN * steps)
    return rates * torch.minimum(step / WARM_UP, left).clamp(0, 1) * brake


def descend(
    weight: Tensor, slope: Tensor, first: Tensor, second: Tensor, step: Tensor, rate: Tensor, decay: Any
) -> None:
    """AdamW, in place."""
    first.lerp_(slope, 1 - BETAS[0])
    second.lerp_(slope.square(), 1 - BETAS[1])
    one, two = (1 - torch.pow(beta, step) for beta in BETAS)
    weight.sub_(rate * (first / one / ((second / two).sqrt() + EPS) + decay * weight))


def decays(name: str) -> bool:
    """Whether the weight called ``name`` is one that AdamW makes smaller."""
    return name.rpartition(".")[2] not in ("dt_bias", "D")


def longer(limits: Tensor, width: int, accuracy: list[float], good: float, bad: float) -> Tensor:
    """The next ``limits`` [M]: rows a quarter longer for who was ``good``, up to ``width``; who was ``bad`` goes back."""
    had = torch.tensor(accuracy, device=limits.device)
    some = (limits // GROWTH).clamp(min=1)
    changed = torch.where(had >= good, limits + some, torch.where(had < bad, limits - some, limits))
    return changed.clamp(START, width)


@dataclass(frozen=True)
class Member:
    """One model of the ensemble."""

    rule: str
    rate: float
    seed: int
    dt_max: float

    def told(self) -> dict[str, Any]:
        return asdict(self)


class Pinned(nn.Linear):
    """An in-projection some of whose outputs are fixed at a value, whatever the input."""

    def pin(self, outputs: slice, value: float) -> None:
        self.keep[outputs], self.put[outputs] = 0.0, value

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self.register_buffer("keep", torch.ones(self.out_features))
        self.register_buffer("put", torch.zeros(self.out_features))

    def forward(self, u: Tensor) -> Tensor:
        return super().forward(u) * self.keep + self.put


class Reader(nn.Module):
    """Tokens [B, W] and lengths [B] to logits [B, classes] at each row's last token.

    Embeddings are of size one and not shared with the readout: with a language model's small, shared ones nothing was
    learned in thousands of steps.
    """

    def __init__(self, config: StackConfig, classes: int) -> None:
        super().__init__()
        width = config.block.d_model
        self.embedding, self.stack = nn.Embedding(config.vocabulary, width), Mamba3Stack(config)
        self.norm, self.head = RMSNorm(width), nn.Linear(width, classes)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        seen = self.stack(self.embedding(tokens))  # [B, W, D]
        last = torch.take_along_dim(seen, (lengths - 1)[:, None, None], 1)[:, 0]
        logits: Tensor = self.head(self.norm(last))
        return logits


def build(member: Member, config: StackConfig, classes: int) -> Reader:
    """A model as ``member`` wants it; the in-projection's last rows are trap (H) and angle (S)."""
    torch.manual_seed(member.seed)
    model = Reader(config, classes)
    for layer in model.stack.layers:
        block: Any = layer.mixer
        c: Mamba3Config = block.config
        block.backend = "torch"  # stacked weights go through plain PyTorch
        dt = torch.exp(torch.empty(c.heads).uniform_(math.log(c.dt_min), math.log(member.dt_max)))
        block.dt_bias.data = dt + torch.log(-torch.expm1(-dt))
        pinned = Pinned(c.d_model, block.in_proj.out_features, bias=False)
        pinned.weight = block.in_proj.weight
        if member.rule != "full":
            pinned.pin(slice(-c.angles, None), 0.0)
        if member.rule == "mamba-2":
            pinned.pin(slice(-c.angles - c.heads, -c.angles), SURE)
        block.in_proj = pinned
    return model


class Trainees(ABC):
    """What is common to M models that are trained side by side: what they have come to, and how good they are."""

    def __init__(self, members: list[Member], steps: int, device: str) -> None:
        self.members, self.steps, self.device = members, steps, device
        self.told = torch.zeros(2, len(members), device=device)  # sums of loss and right answers since last looked at
        self.limits = torch.full((len(members),), START, device=device)  # the longest rows that each is trained on
        self.brake = torch.ones((), device=device)

    @abstractmethod
    def state(self) -> list[Tensor]:
        """Everything that training changes."""

    @abstractmethod
    def stepper(self, rows: Rows, batch: int) -> Callable[[], None]:
        """What makes one training step of all on ``rows`` when called; all must be done before rows may change."""

    @abstractmethod
    def right(self, rows: Rows) -> Tensor:
        """How many of ``rows`` each model answers rightly, [M]."""

    def room(self, length: int) -> int:
        """How wide rows of up to ``length`` tokens are to be."""
        return length

    def look(self, steps: int) -> tuple[list[float], list[float]]:
        """Mean loss and accuracy of the last ``steps`` steps, for each model."""
        wait(self.device)
        loss, right = (self.told / steps).tolist()
        self.told.zero_()
        return loss, right

    def grow(self, width: int, accuracy: list[float], good: float, bad: float) -> None:
        """Models that were ``good`` on the last rows get longer ones, up to ``width`` tokens; ``bad`` ones go back."""
        self.limits.copy_(longer(self.limits, width, accuracy, good, bad))

    @torch.no_grad()
    def accuracy(self, task: Task, length: int, count: int, seed: int, at_once: int) -> list[float]:
        """Share of right answers of each model on the same ``count`` fresh rows of ``length`` tokens, [M]."""
        generator = torch.Generator(self.device).manual_seed(seed + length)
        right = torch.zeros(len(self.members), device=self.device)
        for start in range(0, count, at_once):
            right += self.right(task.rows(min(at_once, count - start), length, length, self.room(length), generator))
        return (right / count).tolist()


def wait(device: str) -> None:
    """Until all streams are done."""
    if device != "cpu":
        torch.cuda.synchronize()


class Ensemble(Trainees):
    """The stacked weights of all members, and AdamW on them."""

    def __init__(
        self, members: list[Member], config: StackConfig, classes: int, decay: float, steps: int, device: str
    ) -> None:
        super().__init__(members, steps, device)
        models = [build(member, config, classes) for member in members]
        self.decay = decay
        self.shape = build(members[0], config, classes).to("meta")
        self.weights, self.fixed = (
            {n: t.detach().to(device) for n, t in s.items()} for s in stack_module_state(models)
        )
        for weight in self.weights.values():
            weight.requires_grad_()
        self.first = [torch.zeros_like(w) for w in self.weights.values()]
        self.second = [torch.zeros_like(w) for w in self.weights.values()]
        self.rates = torch.tensor([m.rate for m in members], device=device)
        self.step = torch.zeros((), device=device)
        self.measure: Callable[..., tuple[Tensor, Tensor]] = self.losses  # or the same, compiled

    def answers(self, weights: Weights, fixed: Weights, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits [B, classes] of one model at the last token of each row [B, W]."""
        logits: Tensor = functional_call(self.shape, (weights, fixed), (tokens, lengths))
        return logits

    def losses(self, tokens: Tensor, lengths: Tensor, answers: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy and share of right answers of every model, both [M]; rows are [M, B, ...]."""

        def one(
            weights: Weights, fixed: Weights, tokens: Tensor, lengths: Tensor, answers: Tensor
        ) -> tuple[Tensor, Tensor]:
            logits = self.answers(weights, fixed, tokens, lengths)
            right = (logits.argmax(-1) == answers).float().mean()
            return F.cross_entropy(logits, answers), right

        return self.each(one, tokens, lengths, answers)

    def each(self, one: Callable[..., Any], *rows: Tensor) -> Any:
        """What ``one`` makes of each model's weights and of its own ``rows`` [M, ...].

        On a CPU one model after the other: there is nothing to gain, and the blocks there look at what they are given.
        """
        if self.rates.device.type != "cpu":
            return torch.vmap(one)(self.weights, self.fixed, *rows)
        alone = ({n: t[i] for n, t in self.weights.items()} for i in range(len(self.members)))
        fixed = ({n: t[i] for n, t in self.fixed.items()} for i in range(len(self.members)))
        found = [one(w, f, *(r[i] for r in rows)) for i, (w, f) in enumerate(zip(alone, fixed, strict=True))]
        if isinstance(found[0], Tensor):
            return torch.stack(found)
        return tuple(torch.stack(parts) for parts in zip(*found, strict=True))

    def update(self, grads: tuple[Tensor, ...]) -> None:
        """AdamW with every model's gradient clipped by itself."""
        self.step += 1
        rates = pace(self.step, self.steps, self.rates, self.brake)
        square = torch.stack([g.flatten(1).square().sum(1) for g in grads]).sum(0)
        scale = (CLIP / square.sqrt().clamp(min=CLIP)).nan_to_num(0.0)
        parts = zip(self.weights.items(), grads, self.first, self.second, strict=True)
        for (name, weight), grad, first, second in parts:
            each = (-1, *(1,) * (weight.ndim - 1))
            slope, decay = grad.nan_to_num(0.0) * scale.view(each), self.decay if decays(name) else 0.0
            descend(weight, slope, first, second, self.step, rates.view(each), decay)

    def train(self, rows: Rows, batch: int) -> None:
        """One step of every model, each on ``batch`` rows of its own choice among ``rows``, which are sorted by length."""
        within = torch.searchsorted(rows.lengths, self.limits, right=True)
        chosen = (torch.rand(len(self.members), batch, device=within.device) * within[:, None]).long()
        loss, right = self.measure(rows.tokens[chosen], rows.lengths[chosen], rows.answers[chosen])
        grads = torch.autograd.grad(loss.sum(), list(self.weights.values()))
        with torch.no_grad():
            self.update(grads)
            self.told += torch.stack((loss, right))

    def state(self) -> list[Tensor]:
        return [*self.weights.values(), *self.first, *self.second, self.step, self.told, self.limits]

    def stepper(self, rows: Rows, batch: int) -> Callable[[], None]:
        """On a GPU, the replay of a CUDA graph."""
        if rows.tokens.device.type != "cuda":
            return lambda: self.train(rows, batch)
        return captured(lambda: self.train(rows, batch), self.state(), torch.cuda.Stream()).replay

    def right(self, rows: Rows) -> Tensor:
        shared = (t.expand(len(self.members), *t.shape) for t in (rows.tokens, rows.lengths))
        found: Tensor = (self.each(self.answers, *shared).argmax(-1) == rows.answers).sum(1)
        return found


@torch.no_grad()
def restore(state: list[Tensor], before: list[Tensor]) -> None:
    """Put back what ``state`` was."""
    for tensor, value in zip(state, before, strict=True):
        tensor.copy_(value)


def captured(train: Callable[[], None], state: list[Tensor], side: Any, pool: Any = None) -> torch.cuda.CUDAGraph:
    """One step of ``train`` as a CUDA graph; what it changes, its ``state``, stays as it is.

    It is recorded on the stream ``side``. Graphs that are to run at once need one each: cuBLAS has a workspace a stream.
    """
    before = [t.detach().clone() for t in state]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            train()
    torch.cuda.current_stream().wait_stream(side)
    restore(state, before)  # the steps that made libraries ready do not count
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool, stream=side):
        train()
    return graph
