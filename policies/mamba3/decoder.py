"""Stepping a batch of episodes quickly, on whatever device the stack lies.

    decode = decoder(stack, batch=64)
    decode.states = stack.scan(prefix)[1]     # or from rest
    y = decode.step(x, reset=ended)           # [B, D] to [B, D]

The hidden state belongs to the episodes of one decoder, never to the network: two decoders of one stack share weights only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from nsctl.errors import InvalidValue, UnknownName
from policies.mamba3.checks import check_cuts, check_state
from policies.mamba3.config import require_count
from policies.mamba3.kernels.available import why_not
from policies.mamba3.norm import wide
from policies.mamba3.recurrence import Mamba3State
from policies.mamba3.stack import Mamba3Language, Mamba3Stack, States, weight_of


class Decoder(ABC):
    """Steps ``batch`` episodes of ``stack``, from rest unless :attr:`states` are given.

    Weights changed in place are seen, except by kind ``numpy``, which copies them; after anything else that gives the stack
    other tensors (``to``, ``cast``), make another decoder.
    """

    report: str
    """What runs, for a person."""

    def __init__(self, stack: Mamba3Stack, batch: int) -> None:
        require_count("batch", batch, least=1)
        self.stack, self.batch = stack, batch
        self._weight = weight_of(stack)

    def step(self, x: Tensor, reset: Tensor | None = None) -> Tensor:
        """One moment of every episode, [B, D] to [B, D] (float32 at least); where ``reset`` [B] is true, from rest.

        Raises :class:`InvalidValue` for a wrong shape, device or precision, and on a CPU for NaN.
        """
        wanted, weight = (self.batch, self.stack.config.block.d_model), self._weight
        if tuple(x.shape) != wanted or x.device != weight.device:
            raise InvalidValue(
                f"the input must be {list(wanted)} on {weight.device} for this decoder, got {list(x.shape)} on {x.device}"
            )
        if x.dtype not in (weight.dtype, wide(weight.dtype)):
            raise InvalidValue(f"the input is {x.dtype}, the stack's weights are {weight.dtype}: convert one of them")
        if reset is not None:
            check_cuts(reset, x.shape[:1], x.device)
        with torch.no_grad():
            return self._step(x, reset)

    @property
    def states(self) -> list[Mamba3State]:
        """The layers' states in the form of :meth:`Mamba3Stack.step`, as copies."""
        return self._states()

    @states.setter
    def states(self, states: States) -> None:
        if len(states) != len(self.stack.layers):
            raise InvalidValue(f"a stack of {len(self.stack.layers)} layers needs as many states, got {len(states)}")
        for state in states:
            check_state(state, self.stack.config.block, self._weight.new_empty(self.batch, 1), self._weight)
        with torch.no_grad():
            self._load(states)

    @abstractmethod
    def _step(self, x: Tensor, reset: Tensor | None) -> Tensor: ...

    @abstractmethod
    def _states(self) -> list[Mamba3State]: ...

    @abstractmethod
    def _load(self, states: States) -> None: ...


class TorchDecoder(Decoder):
    """:meth:`Mamba3Stack.step` as it is."""

    report = "PyTorch"

    def __init__(self, stack: Mamba3Stack, batch: int) -> None:
        super().__init__(stack, batch)
        self._now = stack.rest(batch)

    def _step(self, x: Tensor, reset: Tensor | None) -> Tensor:
        y, self._now = self.stack.step(x, self._now, reset=reset)
        return y

    def _states(self) -> list[Mamba3State]:
        return _copied(self._now)

    def _load(self, states: States) -> None:
        self._now = _copied(states)


class NumpyDecoder(Decoder):
    """The CPU's quick path, for float32 weights."""

    report = "NumPy"

    def __init__(self, stack: Mamba3Stack, batch: int) -> None:
        super().__init__(stack, batch)
        if self._weight.device.type != "cpu" or self._weight.dtype != torch.float32:
            raise InvalidValue(
                f"kind 'numpy' steps float32 stacks on a CPU, this one is {self._weight.dtype} on {self._weight.device}"
            )
        from policies.mamba3.numpy_step import NumpyStack

        self._numpy = NumpyStack.of(stack)
        self._now = self._numpy.rest(batch)

    def _step(self, x: Tensor, reset: Tensor | None) -> Tensor:
        if reset is not None and reset.any():
            self._now[reset.numpy()] = 0
        y, self._now = self._numpy.step(x.detach().numpy(), self._now)
        return torch.from_numpy(y)

    def _states(self) -> list[Mamba3State]:
        return self._numpy.unpack(self._now)

    def _load(self, states: States) -> None:
        self._now = self._numpy.pack(states)


class InPlace(Protocol):
    """A step on tensors that stay where they are, so that a CUDA graph can repeat it."""

    x: Tensor  # [B, D], the input before run, the output after
    reset: Tensor  # [B], bool
    states: list[Mamba3State]

    def run(self) -> None: ...


class PlainStack:
    """:meth:`Mamba3Stack.step` on tensors that stay where they are."""

    def __init__(self, stack: Mamba3Stack, batch: int) -> None:
        weight = weight_of(stack)
        self.x = weight.new_zeros(batch, stack.config.block.d_model, dtype=wide(weight.dtype))
        self.reset = torch.zeros(batch, dtype=torch.bool, device=weight.device)
        self._stack, self._now = stack, stack.rest(batch)

    @torch.no_grad()
    def run(self) -> None:
        y, states = self._stack.step(self.x, self._now, reset=self.reset)
        self.x.copy_(y)
        self.states = states

    @property
    def states(self) -> list[Mamba3State]:
        return _copied(self._now)

    @states.setter
    def states(self, states: States) -> None:
        for held, state in zip(self._now, states, strict=True):
            for mine, given in zip(vars(held).values(), vars(state).values(), strict=True):
                mine.copy_(given)


class BufferedDecoder(Decoder):
    """Copies in, runs, copies out: what ``inner`` does, by ``run``."""

    def __init__(self, stack: Mamba3Stack, batch: int, inner: InPlace, run: Callable[[], None], report: str) -> None:
        super().__init__(stack, batch)
        self._inner, self.run, self.report = inner, run, report
        self._clean = True

    def _step(self, x: Tensor, reset: Tensor | None) -> Tensor:
        self._inner.x.copy_(x)
        if reset is not None:
            self._inner.reset.copy_(reset)
        elif not self._clean:
            self._inner.reset.zero_()
        self._clean = reset is None
        self.run()
        return self._inner.x.clone()

    def _states(self) -> list[Mamba3State]:
        return self._inner.states

    def _load(self, states: States) -> None:
        self._inner.states = list(states)


def decoder(stack: Mamba3Stack, batch: int, kind: str = "auto") -> Decoder:
    """What steps ``batch`` episodes of ``stack`` in the way called ``kind``.

    ``torch`` is the plain step, anywhere. ``numpy`` is quickest on a CPU. ``graph`` is a CUDA graph of the fused kernels, or
    of the plain step where they cannot step this stack. ``auto`` takes the quickest that can.
    Raises :class:`InvalidValue` where a kind cannot step this stack.
    """
    if isinstance(stack, Mamba3Language):
        raise InvalidValue("a decoder steps features, not tokens: give it a Mamba3Stack")
    if kind not in (kinds := {"auto": _quickest, **KINDS}):
        raise UnknownName("kind of decoder", kind, kinds)
    return kinds[kind](stack, batch)


def graph(stack: Mamba3Stack, batch: int) -> Decoder:
    """A CUDA graph of the fused kernels where they can step ``stack``, else of the plain step."""
    weight = weight_of(stack)
    require_count("batch", batch, least=1)
    if weight.device.type != "cuda":
        raise InvalidValue(f"kind 'graph' needs the stack on a CUDA device, it is on {weight.device}: take 'auto'")
    inner, what = in_place(stack, batch)
    with torch.cuda.device(weight.device):
        replay = captured(inner.run)
    inner.states = stack.rest(batch)
    return BufferedDecoder(stack, batch, inner, replay, f"CUDA graph of {what}")


KINDS: dict[str, Callable[[Mamba3Stack, int], Decoder]] = {
    "torch": TorchDecoder,
    "numpy": NumpyDecoder,
    "graph": graph,
}


def _quickest(stack: Mamba3Stack, batch: int) -> Decoder:
    weight = weight_of(stack)
    if weight.device.type == "cuda":
        return graph(stack, batch)
    return NumpyDecoder(stack, batch) if weight.dtype == torch.float32 else TorchDecoder(stack, batch)


def in_place(stack: Mamba3Stack, batch: int) -> tuple[InPlace, str]:
    """What steps ``batch`` episodes of ``stack`` so that a graph can repeat it, and its name.

    The fused kernels where they can step this stack, where it lies; else the plain step.
    """
    if (reason := why_not(weight_of(stack))) is None:
        from policies.mamba3.kernels.decode import FusedStack, why_not_stepped

        if (reason := why_not_stepped(stack)) is None:
            return FusedStack(stack, batch), "the fused kernels"
    return PlainStack(stack, batch), f"the PyTorch step (not of the fused kernels: {reason})"


def captured(run: Callable[[], None]) -> Callable[[], None]:
    """A replay of ``run`` as a CUDA graph of the current device, which is run a few times first: kernels are compiled and
    libraries set up outside the graph.
    """
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graphed = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graphed):
        run()
    return graphed.replay


def _copied(states: States) -> list[Mamba3State]:
    return [Mamba3State(*(part.clone() for part in vars(state).values())) for state in states]
