"""Quantisation-aware distillation: weights in float32 that learn to act, once they are NVFP4, as their teacher does.

The student is the teacher's own weights. In each forward pass they are rounded by the quantiser that packs them, and the
gradient passes straight through to what is not rounded (arXiv 2601.20088 for language models). Its targets are the
teacher's outputs, not the data's labels: quantisation-aware *training* on labels moves a policy on, distillation keeps it
where it was. With labels as targets the same loop is that training, for comparison.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import cos, pi
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from nsctl.errors import InvalidValue
from policies.nvfp4.quantise import fake_quantise, scales_of
from policies.nvfp4.roles import quantisable, stored_dtype
from policies.nvfp4.scales import Rule
from policies.nvfp4.sensitivity import LEAST_SPREAD


@dataclass(frozen=True)
class Recipe:
    """Optimisation: ``steps`` batches a round, AdamW without decay, the rate falling to 0 by a cosine over all rounds."""

    steps: int = 200
    batch: int = 32
    unroll: int = 64
    """Moments of the recurrence, from the start of an episode, through which gradients flow."""
    rate: float = 2e-4
    features: float = 0.1
    """Weight of the feature loss."""
    end: float = 1.0
    """Weight of the termination loss."""
    later: float = 0.02
    """Weight of a chunk's later actions, which are not executed, against the first."""
    clip: float = 1.0


@dataclass(frozen=True, eq=False)
class Answer:
    """What a policy makes of a batch: ``actions`` [B, L, K, d], ``ends`` [B, L] as logits, and its layers' ``features``."""

    actions: Tensor
    ends: Tensor
    features: tuple[Tensor, ...] = ()  # each [B, L, D]


@dataclass(frozen=True, eq=False)
class Batch:
    """Inputs [B, L, F], the ``wanted`` answer to them (its ends are probabilities) and which moments are real [B, L]."""

    inputs: Tensor
    wanted: Answer
    mask: Tensor


def answer(network: nn.Module, inputs: Tensor, layers: Collection[str], weights: Mapping[str, Tensor]) -> Answer:
    """What ``network`` makes of ``inputs`` with these ``weights``, and what its ``layers``, named, give out on the way."""
    with _listening(network, layers) as heard:
        actions, logits = functional_call(network, dict(weights), (inputs,))
    return Answer(actions, logits, tuple(heard))


def loss(got: Answer, batch: Batch, spread: Tensor, recipe: Recipe) -> dict[str, Tensor]:
    """The ``total`` and its parts ``action``, ``end`` and ``feature``, each 0 for a student that answers as is wanted.

    Actions err in units of their ``spread`` [d]; a control that hardly moves is left out. The termination head errs by its
    Kullback-Leibler divergence; features, if any are wanted, in units of their variance over the batch.
    """
    wanted, mask = batch.wanted, batch.mask / batch.mask.sum()
    moves = spread > LEAST_SPREAD
    error = ((got.actions - wanted.actions)[..., moves] / spread[moves]).square().mean(-1)  # [B, L, K]
    weight = torch.full((error.shape[-1],), recipe.later, device=error.device)
    weight[0] = 1.0
    cross = F.binary_cross_entropy_with_logits(got.ends, wanted.ends, reduction="none")
    entropy = torch.special.entr(wanted.ends) + torch.special.entr(1 - wanted.ends)
    parts = {"action": ((error * weight).sum(-1) * mask).sum(), "end": ((cross - entropy) * mask).sum()}
    pairs = zip(got.features, wanted.features, strict=True)
    features = [_feature_error(ours, theirs, mask) for ours, theirs in pairs]
    parts["feature"] = torch.stack(features).mean() if features else torch.zeros_like(mask.sum())
    total = parts["action"] + recipe.end * parts["end"] + recipe.features * parts["feature"]
    return {"total": total, **parts}


class Student:
    """The float32 weights of a policy that is to be NVFP4, and their optimiser.

    ``network`` is copied; its layers named in ``excluded`` and all that is not quantised are rounded to bfloat16 in the
    forward pass, where that is how they are stored. ``scales`` are chosen once, by ``rule`` for the teacher's weights: to
    choose them anew during training moves whole blocks of weights at each choice, which costs more than it brings.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, total: int, rule: Rule, excluded: Collection[str]) -> None:
        if total < 1:
            raise InvalidValue(f"a distillation takes at least one step, got {total}")
        self.network = copy.deepcopy(network).train().requires_grad_(True)
        self.roles = {n: rows for n, rows in quantisable(network).items() if n not in excluded}
        self.steps = 0
        self.scales = {n: scales_of(self.network.get_parameter(f"{n}.weight")[:k], rule) for n, k in self.roles.items()}
        self._recipe, self._total = recipe, total
        self._optimiser = torch.optim.AdamW(self.network.parameters(), lr=recipe.rate, weight_decay=0.0)

    def weights(self) -> dict[str, Tensor]:
        """All weights as they will be worth, by name; gradients pass straight through to those that they are made of."""
        found = {}
        for name, p in self.network.named_parameters():
            layer, _, part = name.rpartition(".")
            rows = self.roles.get(layer, 0) if part == "weight" else 0
            kept = p[rows:] - p[rows:].detach() + p[rows:].detach().to(stored_dtype(name)).to(p.dtype)
            found[name] = torch.cat([fake_quantise(p[:rows], self.scales[layer]), kept]) if rows else kept
        return found

    @torch.no_grad()
    def rounded(self) -> nn.Module:
        """A copy of the network as it would play: with its weights rounded."""
        made, weights = copy.deepcopy(self.network).eval(), self.weights()
        made.load_state_dict(weights)
        return made.requires_grad_(False)

    def fit(
        self, batches: Iterator[Batch], steps: int, spread: Tensor, tick: Callable[[], None] = lambda: None
    ) -> list[dict[str, float]]:
        """Learn from ``steps`` of the ``batches``; returns the mean losses of each tenth of them."""
        taken = []
        for _ in range(steps):
            taken.append(self._step(next(batches), spread))
            tick()
        size = max(1, steps // 10)
        tenths = [taken[i : i + size] for i in range(0, steps, size)]
        return [{name: float(torch.stack([t[name] for t in tenth]).mean()) for name in tenth[0]} for tenth in tenths]

    def _step(self, batch: Batch, spread: Tensor) -> dict[str, Tensor]:
        for group in self._optimiser.param_groups:
            group["lr"] = self._recipe.rate * (1 + cos(pi * min(1.0, self.steps / self._total))) / 2
        layers = self.roles if batch.wanted.features else ()
        parts = loss(answer(self.network, batch.inputs, layers, self.weights()), batch, spread, self._recipe)
        self._optimiser.zero_grad()
        parts["total"].backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self._recipe.clip)
        self._optimiser.step()
        self.steps += 1
        return {name: part.detach() for name, part in parts.items()}

    def state(self) -> dict[str, Tensor]:
        """All that a training needs in order to go on, flat."""
        tensors = {f"network.{name}": p.detach().clone() for name, p in self.network.named_parameters()}
        for index, state in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": value.clone() for name, value in state.items()}
        return {name: tensor.cpu() for name, tensor in tensors.items()} | {"steps": torch.tensor(self.steps)}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what :meth:`state` gave."""
        self.network.load_state_dict(_under("network.", tensors))
        saved: dict[str, Any] = self._optimiser.state_dict()
        for key, value in _under("optimiser.", tensors).items():
            index, name = key.split(".")
            saved["state"].setdefault(int(index), {})[name] = value
        self._optimiser.load_state_dict(saved)
        self.steps = int(tensors["steps"])


def spread_of(actions: Sequence[Tensor]) -> Tensor:
    """[d]: the standard deviation of each control over all moments of the ``actions``, each [T, d]."""
    whole = torch.cat(list(actions))
    if len(whole) < 2:
        raise InvalidValue(f"the spread of actions needs two moments at least, got {len(whole)}")
    return whole.std(0)


def _feature_error(ours: Tensor, theirs: Tensor, mask: Tensor) -> Tensor:
    """The squared error of features [B, L, D] over their variance, by mean over moments and channels."""
    weight = mask[..., None]
    mean = (theirs * weight).sum((0, 1))
    variance = ((theirs - mean).square() * weight).sum((0, 1)).mean()
    return ((ours - theirs).square().mean(-1) * mask).sum() / variance.clamp(min=1e-12)


@contextmanager
def _listening(network: nn.Module, layers: Collection[str]) -> Iterator[list[Tensor]]:
    heard: list[Tensor] = []
    hooks = [network.get_submodule(n).register_forward_hook(lambda m, i, out: heard.append(out)) for n in layers]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
