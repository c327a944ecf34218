"""Every way of stepping is the stack's step, keeps its own episodes, and goes on from a scan and back."""

from __future__ import annotations

import re

import pytest
import torch
from mamba3_samples import off, state_off
from torch import Tensor

from nsctl.errors import InvalidValue, UnknownName
from policies.mamba3.block import cast
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.decoder import BufferedDecoder, Decoder, PlainStack, decoder
from policies.mamba3.stack import Mamba3Language, Mamba3Stack

CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")
KINDS = ["torch", "buffered", "auto", "graph"] if CUDA else ["torch", "numpy", "buffered", "auto"]


def stack(device: torch.device = DEVICE, **options: object) -> Mamba3Stack:
    """Two layers of D 16, N 8, P 8; step sizes of about 2, so that angles span full turns."""
    torch.manual_seed(5)
    made = Mamba3Stack(StackConfig(2, Mamba3Config(16, d_state=8, head_dim=8, **options)))  # type: ignore[arg-type]
    for name, parameter in made.named_parameters():
        if name.endswith("dt_bias"):
            parameter.data = 2.0 + 0.5 * torch.randn_like(parameter)
    return made.to(device)


def build(kind: str, made: Mamba3Stack, batch: int) -> Decoder:
    """Of a kind; ``buffered`` is the graph's way of stepping PyTorch, without a graph."""
    if kind != "buffered":
        return decoder(made, batch, kind)
    inner = PlainStack(made, batch)
    return BufferedDecoder(made, batch, inner, inner.run, "buffers")


def inputs(batch: int, length: int) -> Tensor:
    return torch.randn(batch, length, 16, generator=torch.Generator().manual_seed(1)).to(DEVICE)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_the_stacks(kind: str) -> None:
    made, x = stack(), inputs(3, 40)
    decode, states = build(kind, made, 3), made.rest(3)
    reset = (torch.rand(3, 40, generator=torch.Generator().manual_seed(2)) < 0.1).to(DEVICE)
    for t in range(40):
        cut = reset[:, t] if t % 2 else None  # none after some must not reset again
        with torch.no_grad():
            right, states = made.step(x[:, t], states, reset=cut)
        assert off(decode.step(x[:, t], cut), right) < 1e-5
    assert max(map(state_off, decode.states, states)) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_goes_on_in_a_decoder_and_back(kind: str) -> None:
    made, x, decode = stack(), inputs(2, 12), build(kind, stack(), 2)
    with torch.no_grad():
        right = made.scan(x)[0]
        decode.states = made.scan(x[:, :5])[1]
        steps = torch.stack([decode.step(x[:, t]) for t in range(5, 8)], 1)
        rest = made.scan(x[:, 8:], decode.states)[0]
    assert off(torch.cat((steps, rest), 1), right[:, 5:]) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_a_decoder_keeps_its_episodes_to_itself(kind: str) -> None:
    made, x = stack(), inputs(2, 3)
    one, other = build(kind, made, 2), build(kind, made, 2)
    first = one.step(x[:, 0])
    kept, held = first.clone(), one.states
    before = [part.clone() for state in held for part in vars(state).values()]
    second = one.step(x[:, 1])
    assert torch.equal(first, kept)
    assert all(torch.equal(a, b) for a, b in zip([p for s in held for p in vars(s).values()], before, strict=True))
    assert torch.equal(other.step(x[:, 0]), first)
    one.states = held
    assert off(one.step(x[:, 1]), second) < 1e-6  # NumPy counts angles in turns


def test_auto_takes_the_quickest_there_is() -> None:
    cpu = torch.device("cpu")
    assert decoder(stack(cpu), 1).report == "NumPy"
    assert decoder(stack(cpu, mimo_rank=2), 1).report == "NumPy"
    assert decoder(stack(cpu).double(), 1).report == "PyTorch"
    half = stack(cpu)
    cast(half, torch.bfloat16)
    assert decoder(half, 1).step(torch.zeros(1, 16)).dtype == torch.float32


@pytest.mark.skipif(not CUDA, reason="CUDA graphs need a GPU")
def test_a_graph_says_what_it_repeats() -> None:
    assert decoder(stack(), 2, "graph").report == "CUDA graph of the fused kernels"
    made = stack(mimo_rank=2)
    decode, x = decoder(made, 2, "graph"), inputs(2, 1)[:, 0]
    assert decode.report == "CUDA graph of the PyTorch step (not of the fused kernels: its blocks are MIMO of rank 2)"
    with torch.no_grad():
        assert off(decode.step(x), made.step(x, made.rest(2))[0]) < 1e-5


def test_nonsense_is_refused() -> None:
    cpu = torch.device("cpu")
    made, decode = stack(cpu), decoder(stack(cpu), 2)
    x = torch.zeros(2, 16)
    language = Mamba3Language(StackConfig(1, Mamba3Config(16, d_state=8, head_dim=8), vocabulary=5))
    for call, message in [
        (lambda: decoder(made, 1, "graph"), "kind 'graph' needs the stack on a CUDA device, it is on cpu: take 'auto'"),
        (
            lambda: decoder(made.double(), 1, "numpy"),
            "kind 'numpy' steps float32 stacks on a CPU, this one is torch.float64",
        ),
        (lambda: decoder(made, 0), "batch must be an integer of at least 1, got 0"),
        (lambda: decoder(language, 1), "a decoder steps features, not tokens"),
        (lambda: decode.step(x[:1]), "the input must be [2, 16] on cpu for this decoder, got [1, 16] on cpu"),
        (lambda: decode.step(x.double()), "the input is torch.float64, the stack's weights are torch.float32"),
        (lambda: decode.step(x * torch.nan), "holds NaN"),
        (
            lambda: decode.step(x, torch.ones(2)),
            "reset must be a bool tensor of shape [2], got torch.float32 of shape [2]",
        ),
        (lambda: setattr(decode, "states", made.rest(2)[:1]), "a stack of 2 layers needs as many states, got 1"),
        (lambda: setattr(decode, "states", stack(cpu).rest(1)), "the state's angle must be [2, 4, 2] for this block"),
    ]:
        with pytest.raises(InvalidValue, match=re.escape(message)):
            call()
    with pytest.raises(UnknownName, match=r"no kind of decoder is called 'grph'\. Did you mean 'graph'"):
        decoder(made, 1, "grph")
