"""The network of a skill as it plays on a GPU: a whole step, features in and heads out, in one CUDA graph a size of batch.

A graph repeats its launches on the tensors that it was captured with. So the hidden states of the executions that it steps
lie in it: whoever was stepped last sits there, and goes on without anything being copied. When others come, those who sit
there take their states with them. No state is ever shared, and none stays behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from weakref import ref

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from nsctl.errors import InvalidValue
from policies.mamba3.block import cast
from policies.mamba3.decoder import InPlace, captured, in_place
from policies.mamba3.recurrence import Mamba3State
from policies.mamba3.stack import Mamba3Stack
from policies.skills.config import CONTROLS
from policies.skills.network import SkillNetwork

Floats = NDArray[np.float32]


def cuda_device(name: str) -> torch.device:
    """The device of this name; refuses what is no CUDA device, or is not here."""
    if not re.fullmatch(r"cuda(:\d+)?", name):
        raise InvalidValue(f"a skill plays on cpu, cuda or cuda:N, not on {name!r}")
    if not torch.cuda.is_available():
        raise InvalidValue(
            f"a skill cannot play on {name}: no CUDA device is here, or this build of PyTorch ({torch.__version__}) knows "
            "none; leave --device out"
        )
    device, count = torch.device(name), torch.cuda.device_count()
    if (device.index or 0) >= count:
        raise InvalidValue(f"a skill cannot play on {name}: the last of {count} CUDA devices is cuda:{count - 1}")
    return device


class Memory:
    """What one execution remembers: a row of a running graph while it sits there, else states of its own."""

    def __init__(self) -> None:
        self.states: list[Mamba3State] | None = None
        """Of batch 1; None at rest, or while it sits in a graph."""


class GraphedSkillNetwork:
    """Steps what a ``network`` steps, in graphs on its device: eagerly where that is a CPU, which is for tests.

    The backbone computes in ``dtype`` (float32 or bfloat16); the embedding and the heads, a few thousand weights, always in
    float32, so that millimetres in the features are not rounded off. Of a chunk only the first action is computed.
    """

    def __init__(self, network: SkillNetwork, device: torch.device, dtype: torch.dtype) -> None:
        self.config = network.config
        self._network = network.float().to(device).eval()
        cast(self._network.backbone, dtype)
        rows = [*range(len(CONTROLS)), -1]  # the first action, and whether the skill is done
        self._head = (network.head.weight[rows].detach().clone(), network.head.bias[rows].detach().clone())
        self._dtype, self._running = dtype, dict[int, _Running]()

    def begin(self) -> Memory:
        """What an execution remembers at its start: nothing."""
        return Memory()

    def act(self, features: Floats, memories: Sequence[Memory]) -> tuple[Floats, Floats]:
        """One moment of several executions: features [B, F] to actions [B, 5] in [-1, 1] and termination logits [B].

        The ``memories`` are brought forward.
        """
        if features.shape != (len(memories), self.config.features):
            raise InvalidValue(
                f"the features must be [{len(memories)}, {self.config.features}], got {list(features.shape)}"
            )
        running = self._running_of(len(memories))
        if not running.seats(memories):
            for other in self._running.values():
                other.leave()
            running.sit(memories)
        heads = running.step(features)
        return heads[:, :-1], heads[:, -1]

    def report(self, batch: int = 1) -> str:
        """What runs, for a person."""
        return self._running_of(batch).report

    def launches(self, batch: int) -> tuple[Callable[[], None], Callable[[], None]]:
        """What a step of ``batch`` executions launches, as it is played and one launch after the other; for measurements.

        They go on with whatever features and states there are; neither waits for the device.
        """
        running = self._running_of(batch)
        return running.run, torch.no_grad()(running.moment)

    @torch.no_grad()
    def _running_of(self, batch: int) -> _Running:
        if batch not in self._running:
            self._running[batch] = _Running(self._network, self._head, batch, self._dtype)
        return self._running[batch]


class _Running:
    """A step of ``batch`` executions on tensors that stay where they are."""

    def __init__(self, network: SkillNetwork, head: tuple[Tensor, Tensor], batch: int, dtype: torch.dtype) -> None:
        self._network, self._head = network, head
        self._device = network.embed.weight.device
        on_gpu = self._device.type == "cuda"
        self._features = torch.zeros(batch, network.config.features, pin_memory=on_gpu)
        self._heads = torch.zeros(batch, len(CONTROLS) + 1, pin_memory=on_gpu)
        self._inner, what = _backbone(network, batch, dtype)
        self._seated: list[ref[Memory]] = []
        self.run: Callable[[], None] = self.moment
        if on_gpu:
            with torch.cuda.device(self._device):
                self.run = captured(self.moment)
        self.report = f"CUDA graph of {what}" if on_gpu else f"no graph on a CPU, but {what}"

    def seats(self, memories: Sequence[Memory]) -> bool:
        """Whether exactly these sit here, in this order."""
        return len(self._seated) == len(memories) and all(a() is b for a, b in zip(self._seated, memories, strict=True))

    def leave(self) -> None:
        """Let those who sit here, if there still are any, take what they remember with them."""
        living = [memory for seat in self._seated if (memory := seat()) is not None]
        states = self._inner.states if living else []
        for i, seat in enumerate(self._seated):
            if (memory := seat()) is not None:
                memory.states = [_row(state, i) for state in states]
        self._seated = []

    def sit(self, memories: Sequence[Memory]) -> None:
        """Take these in."""
        rest = self._network.rest(1)
        several = [rest if memory.states is None else memory.states for memory in memories]
        self._inner.states = [_joined(layer) for layer in zip(*several, strict=True)]
        for memory in memories:
            memory.states = None
        self._seated = [ref(memory) for memory in memories]

    @torch.no_grad()
    def step(self, features: Floats) -> Floats:
        """[B, F] to the first action and the logit, [B, 6]."""
        self._features.copy_(torch.from_numpy(features))
        self.run()
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
        found: Floats = self._heads.numpy().copy()
        return found

    def moment(self) -> None:
        """What a graph repeats, the copies from and to the host included."""
        network, inner = self._network, self._inner
        inner.x.copy_(network.embed(self._features.to(self._device, non_blocking=True)))
        inner.run()
        heads = F.linear(F.silu(network.widen(inner.x)), *self._head)
        heads[:, :-1].tanh_()
        self._heads.copy_(heads, non_blocking=True)


class _Memoryless:
    """A backbone without states, on a tensor that stays where it is."""

    def __init__(self, network: SkillNetwork, batch: int, dtype: torch.dtype) -> None:
        embed = network.embed
        self.x = embed.weight.new_zeros(batch, embed.out_features)
        self.reset = torch.zeros(batch, dtype=torch.bool, device=self.x.device)
        self.states: list[Mamba3State] = []
        self._stack, self._dtype = network.backbone, dtype

    def run(self) -> None:
        self.x.copy_(self._stack(self.x.to(self._dtype)))


def _backbone(network: SkillNetwork, batch: int, dtype: torch.dtype) -> tuple[InPlace, str]:
    """The backbone on tensors that stay where they are, and what steps it."""
    if isinstance(network.backbone, Mamba3Stack):
        return in_place(network.backbone, batch)
    return _Memoryless(network, batch, dtype), "the PyTorch step"


def _row(state: Mamba3State, i: int) -> Mamba3State:
    return Mamba3State(*(part[i : i + 1].clone() for part in vars(state).values()))


def _joined(states: Sequence[Mamba3State]) -> Mamba3State:
    return Mamba3State(*(torch.cat(parts) for parts in zip(*(vars(s).values() for s in states), strict=True)))
