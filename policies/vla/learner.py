"""Fits a network to episodes: behaviour cloning of chunks, beside it what the auxiliary heads are asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from policies.vla.batch import Seen
from policies.vla.compact import LAG, pack, unpack
from policies.vla.config import VLAConfig
from policies.vla.dataset import Batch, Frames
from policies.vla.network import VLANetwork
from policies.vla.weights import write_network

AUXILIARY: Mapping[str, float] = {
    "actions": 1.0,
    "positions": 1.0,
    "atoms": 0.1,
    "stage": 0.02,
    "step": 0.05,
    "target": 1.0,
}
"""What each loss counts: metres, nats, nats, nats and metres against an action's mean error."""


@dataclass(frozen=True)
class Recipe:
    """Optimisation: ``steps`` of each round, by turns of ``rows`` sequences of ``decisions`` and of decisions ``alone``;
    AdamW, warm-up, then a cosine.
    """

    steps: tuple[int, ...] = (4000, 2000, 2000)
    rows: int = 32
    decisions: int = 16
    """Twice as many as attention reaches back: trained on its window alone, it errs as soon as an episode is longer."""
    alone: int = 512
    """Every other step learns from so many single decisions instead, which have no past to copy an action from.

    As many as ``rows * decisions``, so that the eyes see batches of one size.
    """
    rate: float = 6e-4
    later_rate: float = 3e-4
    """Of the rounds after the first."""
    final: float = 0.02
    """Share of the rate at a round's end."""
    warm_up: int = 300
    decay: float = 0.05
    average: float = 0.999
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0
    checkpoint: int = 500
    """Steps between checkpoints."""
    weights: Mapping[str, float] = field(default_factory=lambda: dict(AUXILIARY))

    def rate_at(self, number: int, step: int) -> float:
        """The learning rate at a step of a round."""
        steps, peak = self.steps[number], self.rate if number == 0 else self.later_rate
        warm = min(self.warm_up, max(1, steps // 10))
        progress = max(0.0, (step - warm) / max(1, steps - warm))
        cosine = self.final + (1.0 - self.final) * 0.5 * (1.0 + math.cos(math.pi * progress))
        return peak * min(1.0, (step + 1) / warm) * cosine


class Learner:
    """A network, its moving average and its optimiser, on a ``device``; in mixed precision where that is a GPU."""

    def __init__(self, config: VLAConfig, recipe: Recipe, seed: int, device: str = "cpu", *, compiled: bool = False):
        torch.manual_seed(seed)
        self.network = VLANetwork(config).to(device)
        self.average = VLANetwork(config).to(device).eval()
        self.average.load_state_dict(self.network.state_dict())
        self.steps = 0
        self._recipe, self._seed, self._device = recipe, seed, device
        self._encode: Callable[[Tensor, Seen], Tensor] = self.network.encode
        if compiled:
            self._encode = torch.compile(self.network.encode, dynamic=False)
        plain = [p for p in self.network.parameters() if p.ndim < 2]
        matrices = [p for p in self.network.parameters() if p.ndim >= 2]
        groups = [{"params": matrices, "weight_decay": recipe.decay}, {"params": plain, "weight_decay": 0.0}]
        self._optimiser = torch.optim.AdamW(groups, lr=recipe.rate, betas=recipe.betas)

    def standardise(self, frames: Frames) -> None:
        """Take the statistics of the inputs, once, before the first step; they stay with the weights."""
        for senses in (self.network.senses, self.average.senses):
            senses.standardise.fit(frames.proprio)
            if senses.objects is not None:
                senses.objects.standardise.fit(frames.poses)

    def fit(self, frames: Frames, number: int, first: int, last: int, tick: Callable[[], None]) -> dict[str, float]:
        """Steps ``first`` to before ``last`` of a round; the mean of each loss, and of the gradient's norm before it is
        clipped, in one value for the whole stretch.
        """
        self.network.train()
        sums: dict[str, Tensor] = {}
        for step in range(first, last):
            self._set_rate(self._recipe.rate_at(number, step))
            size = (self._recipe.alone, 1) if step % 2 else (self._recipe.rows, self._recipe.decisions)
            batch = frames.batch(*size, (self._seed, number, step))
            for name, loss in self._step(batch, (number, step)).items():
                sums[name] = sums.get(name, torch.zeros((), device=loss.device)) + loss
            tick()
        return {name: float(total) / (last - first) for name, total in sums.items()}

    def export(self, folder: Path) -> str:
        """Write the averaged weights as a network that can be played; returns their SHA-256."""
        return write_network(self.average, folder)

    def state(self) -> dict[str, Tensor]:
        """Everything that training goes on from, made small; from now on the learner itself goes on from no more."""
        packed = pack({f"network.{k}": v for k, v in self.network.state_dict().items()})
        kept = _under("network.", unpack(packed))
        tensors = {f"{LAG}{k}": v.cpu() - kept[k] for k, v in self.average.state_dict().items()}
        for i, moments in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.{k}": torch.as_tensor(v) for k, v in moments.items()}
        packed |= pack(tensors) | {"steps": torch.tensor(self.steps)}
        self.restore(packed)
        return packed

    def restore(self, packed: Mapping[str, Tensor]) -> None:
        """Go on from what :meth:`state` gave."""
        tensors = unpack(packed)
        network, lag = _under("network.", tensors), _under(LAG, tensors)
        self.network.load_state_dict(network)
        self.average.load_state_dict({name: part + lag[name] for name, part in network.items()})
        state = self._optimiser.state_dict()
        state["state"] = {}
        for key, value in _under("optimiser.", tensors).items():
            index, name = key.split(".")
            state["state"].setdefault(int(index), {})[name] = value
        self._optimiser.load_state_dict(state)
        self.steps = int(tensors["steps"])

    def _step(self, batch: Batch, key: tuple[int, int]) -> dict[str, Tensor]:
        seed = int(np.random.SeedSequence((self._seed, *key)).generate_state(1, np.uint64)[0] >> np.uint64(1))
        draw = torch.Generator(self._device).manual_seed(seed)
        with self._precision():
            features = self._encode(batch.text, batch.seen)
            losses = self.network.losses(features, batch.targets, draw)
            total = torch.stack([self._recipe.weights[name] * loss for name, loss in losses.items()]).sum()
        self._optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self._recipe.clip)
        self._optimiser.step()
        self._follow()
        self.steps += 1
        return {name: loss.detach() for name, loss in losses.items()} | {"gradient_norm": norm}

    def _precision(self) -> AbstractContextManager[object]:
        cuda = self._device.startswith("cuda")
        return torch.autocast("cuda", torch.bfloat16) if cuda else nullcontext()

    def _set_rate(self, rate: float) -> None:
        for group in self._optimiser.param_groups:
            group["lr"] = rate

    @torch.no_grad()
    def _follow(self) -> None:
        weight = min(self._recipe.average, (1 + self.steps) / (10 + self.steps))
        means: list[Tensor] = list(self.average.parameters())
        values: list[Tensor] = list(self.network.parameters())
        torch._foreach_lerp_(means, values, 1 - weight)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
