"""Fits a skill network to trajectories: L1 on chunks of actions, cross-entropy on the end, weights averaged over time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

from policies.skills.config import SkillNetworkConfig, network_values
from policies.skills.network import SkillNetwork

if TYPE_CHECKING:
    from policies.skills.collect import Trajectory


@dataclass(frozen=True)
class Recipe:
    """Optimisation: ``steps`` per round (the last entry serves all later rounds), AdamW with a linear decay a round."""

    steps: tuple[int, ...] = (2000, 800)
    batch: int = 64
    window: int = 120
    rate: float = 2e-3
    final_rate: float = 0.02
    decay: float = 0.01
    average: float = 0.995
    later: float = 0.25
    """Weight of the chunk's later actions against the first."""
    end: float = 0.2
    """Weight of the termination loss."""


class Learner:
    """A network, its moving average and its optimiser, on a ``device``."""

    def __init__(self, config: SkillNetworkConfig, recipe: Recipe, seed: int, device: str = "cpu") -> None:
        torch.manual_seed(seed)
        self.network = SkillNetwork(config).to(device)
        self.average = SkillNetwork(config).to(device).eval()
        self.average.load_state_dict(self.network.state_dict())
        self.steps = 0
        self._config, self._recipe, self._seed, self._device = config, recipe, seed, device
        # Step sizes and skips are not decayed, as in the official recipe.
        plain = [p for p in self.network.parameters() if p.ndim < 2]
        matrices = [p for p in self.network.parameters() if p.ndim >= 2]
        groups = [{"params": matrices, "weight_decay": recipe.decay}, {"params": plain, "weight_decay": 0.0}]
        self._optimiser = torch.optim.AdamW(groups, lr=recipe.rate)

    def fit(self, data: Sequence[Trajectory], steps: int, tick: Callable[[], None]) -> list[float]:
        """Train for ``steps`` batches; returns the mean loss of each tenth of them."""
        draw = torch.Generator().manual_seed(self._seed + self.steps)
        frames = Frames(data, self._recipe.window, self._config.chunk, self._device)
        tensors = []
        for i in range(steps):
            self._set_rate(i / steps)
            loss = self._loss(*frames.batch(self._recipe.batch, draw))
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self._optimiser.step()
            self._follow()
            self.steps += 1
            tensors.append(loss.detach())
            tick()
        losses = torch.stack(tensors).tolist()  # only now, so that a GPU need not be waited for at every step
        size = max(1, steps // 10)
        return [sum(losses[i : i + size]) / len(losses[i : i + size]) for i in range(0, steps, size)]

    def export(self, folder: Path) -> None:
        """Write the averaged weights as a skill: ``model.safetensors`` and ``config.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.safetensors").write_bytes(save(self._averaged()))
        config = {"network": network_values(self._config)}
        (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")

    def fingerprint(self) -> str:
        """Twelve digits that tell these averaged weights from any others."""
        return hashlib.sha256(save(self._averaged())).hexdigest()[:12]

    def _averaged(self) -> dict[str, Tensor]:
        return {name: tensor.cpu() for name, tensor in self.average.state_dict().items()}

    def state(self) -> dict[str, Tensor]:
        """Everything that training goes on from, flat."""
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for i, moments in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.{k}": torch.as_tensor(v) for k, v in moments.items()}
        return {name: tensor.cpu() for name, tensor in tensors.items()} | {"steps": torch.tensor(self.steps)}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what :meth:`state` gave."""
        self.network.load_state_dict(_under("network.", tensors))
        self.average.load_state_dict(_under("average.", tensors))
        state = self._optimiser.state_dict()
        for key, value in _under("optimiser.", tensors).items():
            index, name = key.split(".")
            state["state"].setdefault(int(index), {})[name] = value
        self._optimiser.load_state_dict(state)
        self.steps = int(tensors["steps"])

    def _loss(self, features: Tensor, chunks: Tensor, ends: Tensor, mask: Tensor) -> Tensor:
        """features [B, L, F], chunks [B, L, K, 5], ends [B, L], mask [B, L] of real steps."""
        actions, logits = self.network(features)
        error = (actions - chunks).abs().mean(-1)  # [B, L, K]
        weight = torch.full((error.shape[-1],), self._recipe.later, device=error.device)
        weight[0] = 1.0
        action_loss = ((error * weight).sum(-1) * mask).sum() / mask.sum()
        end_loss = (F.binary_cross_entropy_with_logits(logits, ends, reduction="none") * mask).sum() / mask.sum()
        loss: Tensor = action_loss + self._recipe.end * end_loss
        return loss

    def _set_rate(self, progress: float) -> None:
        r = self._recipe
        for group in self._optimiser.param_groups:
            group["lr"] = r.rate * (1 - progress * (1 - r.final_rate))

    @torch.no_grad()
    def _follow(self) -> None:
        weight = min(self._recipe.average, (1 + self.steps) / (10 + self.steps))
        for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(value, 1 - weight)


class Frames:
    """Trajectories padded to one length; a batch is windows that start where episodes start."""

    def __init__(self, data: Sequence[Trajectory], window: int, chunk: int, device: str) -> None:
        length = max(len(t.ends) for t in data)
        count, size, controls = len(data), data[0].features.shape[1], data[0].labels.shape[1]
        # One length for all batches: kernels are compiled, and memory is laid out, for each length anew.
        self._window, self._lengths = min(window, length), torch.tensor([len(t.ends) for t in data])
        self._features = torch.zeros(count, length, size)
        self._ends, self._mask = torch.zeros(count, length), torch.zeros(count, length)
        self._chunks = torch.zeros(count, length, chunk, controls)
        for i, t in enumerate(data):
            n, labels = len(t.ends), torch.from_numpy(t.labels)
            self._features[i, :n], self._ends[i, :n] = torch.from_numpy(t.features), torch.from_numpy(t.ends)
            self._mask[i, :n] = 1.0
            ahead = (torch.arange(n)[:, None] + torch.arange(chunk)).clamp(max=n - 1)  # [n, chunk]
            self._chunks[i, :n] = labels[ahead]
        self._features, self._chunks = self._features.to(device), self._chunks.to(device)
        self._ends, self._mask = self._ends.to(device), self._mask.to(device)

    def batch(self, size: int, draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """``size`` random episodes, cut to the longest of all or to the window."""
        rows = torch.randint(len(self._lengths), (size,), generator=draw)
        n = self._window
        return self._features[rows, :n], self._chunks[rows, :n], self._ends[rows, :n], self._mask[rows, :n]


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
