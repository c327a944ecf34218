"""Stacks: one function in three forms, and sizes that count what they say."""

from __future__ import annotations

import re

import pytest
import torch
from mamba3_samples import off

from nsctl.errors import InvalidValue, UnknownName
from policies.mamba3.block import cast
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.sizes import stack_size
from policies.mamba3.stack import Mamba3Language, Mamba3Stack

BLOCK = Mamba3Config(16, d_state=8, head_dim=8, mimo_rank=2)
LANGUAGE = StackConfig(2, BLOCK, mlp=24, vocabulary=11)


def parameters(config: StackConfig) -> float:
    """Millions of parameters, without any memory for them."""
    with torch.device("meta"):
        stack = Mamba3Language(config) if config.vocabulary else Mamba3Stack(config)
    return sum(p.numel() for p in stack.parameters()) / 1e6


@pytest.mark.parametrize(
    ("name", "rank", "millions"),
    [
        ("180M", None, 186), ("440M", None, 443), ("880M", None, 892), ("1.5B", None, 1495),
        ("180M", 4, 186), ("440M", 4, 443), ("880M", 4, 892), ("1.5B", 4, 1495),
    ],
)  # fmt: skip
def test_the_papers_sizes(name: str, rank: int | None, millions: float) -> None:
    assert parameters(stack_size(name, rank)) == pytest.approx(millions, rel=5e-3)


@pytest.mark.parametrize(("name", "millions"), [("nano", 0.22), ("micro", 0.88), ("small", 20.0)])
def test_our_sizes(name: str, millions: float) -> None:
    assert parameters(stack_size(name)) == pytest.approx(millions, rel=0.02)
    assert stack_size(name, 2).block.mimo_rank == 2


def test_unknown_sizes_are_refused() -> None:
    with pytest.raises(UnknownName, match=r"no size of Mamba-3 is called 'mikro'\. Did you mean 'micro'"):
        stack_size("mikro")
    with pytest.raises(
        InvalidValue, match=re.escape("the paper has 180M as SISO (mimo_rank=None) and with mimo_rank=4")
    ):
        stack_size("180M", 2)


@pytest.mark.parametrize("config", [StackConfig(3, BLOCK), LANGUAGE], ids=["policy", "language"])
def test_stacks_are_one_function_in_three_forms(config: StackConfig) -> None:
    torch.manual_seed(0)
    stack = (Mamba3Language(config) if config.vocabulary else Mamba3Stack(config)).double()
    x = torch.randint(11, (2, 70)) if config.vocabulary else torch.randn(2, 70, 16, dtype=torch.float64)
    reset = torch.rand(2, 70) < 0.1
    whole, whole_after = stack.scan(x, reset=reset)
    right, right_after = stack.sequential(x, reset=reset)
    states, outputs = stack.rest(2), []
    for t in range(70):
        y, states = stack.step(x[:, t], states, reset=reset[:, t])
        outputs.append(y)
    assert off(whole, right) < 1e-12
    assert off(torch.stack(outputs, 1), right) < 1e-12
    for one, other, reference in zip(whole_after, states, right_after, strict=True):
        assert max(off(one.h, reference.h), off(other.h, reference.h)) < 1e-12


def test_rows_may_have_lengths_of_their_own() -> None:
    stack, x = Mamba3Stack(StackConfig(2, BLOCK)).double(), torch.randn(2, 9, 16, dtype=torch.float64)
    y, after = stack.scan(x, lengths=torch.tensor([9, 4]))
    alone, alone_after = stack.scan(x[1:, :4])
    assert off(y[1:, :4], alone) < 1e-12
    assert off(after[1].h[1:], alone_after[1].h) < 1e-12


def test_a_stack_in_bfloat16_adds_in_float32() -> None:
    torch.manual_seed(0)
    stack, tokens = Mamba3Language(LANGUAGE), torch.randint(11, (2, 40))
    exact = stack(tokens)
    cast(stack, torch.bfloat16)
    logits, states = stack.scan(tokens)
    assert (logits.dtype, states[0].h.dtype) == (torch.bfloat16, torch.float32)
    assert off(logits.float(), exact) < 2e-2
    policy = Mamba3Stack(StackConfig(1, BLOCK))
    cast(policy, torch.bfloat16)
    assert policy(torch.randn(1, 3, 16)).dtype == torch.float32


def test_a_language_model_learns_to_repeat() -> None:
    """Twenty steps down the gradient's signs, on one sequence, bring its loss far below that of guessing."""
    torch.manual_seed(0)
    stack, tokens = Mamba3Language(LANGUAGE), torch.randint(11, (1, 30))
    losses = []
    for _ in range(20):
        loss = torch.nn.functional.cross_entropy(stack(tokens[:, :-1])[0], tokens[0, 1:])
        for p, slope in zip(stack.parameters(), torch.autograd.grad(loss, list(stack.parameters())), strict=True):
            p.data -= 0.01 * slope.sign()
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(2.4, abs=0.3)  # log 11
    assert losses[-1] < 0.5 * losses[0]


def test_nonsense_is_refused() -> None:
    stack, language = Mamba3Stack(StackConfig(2, BLOCK)), Mamba3Language(LANGUAGE)
    x = torch.zeros(1, 3, 16)
    for call, message in [
        (lambda: StackConfig(0, BLOCK), "layers must be an integer of at least 1, got 0"),
        (lambda: StackConfig(1, BLOCK, mlp=-1), "mlp must be an integer of at least 0, got -1"),
        (lambda: Mamba3Language(StackConfig(1, BLOCK)), "a language model needs a vocabulary of at least 1, got 0"),
        (lambda: stack.step(x[:, 0], stack.rest(1)[:1]), "a stack of 2 layers needs as many states, got 1"),
        (lambda: stack(x.double()), "the input is torch.float64, the stack's weights are torch.float32"),
        (lambda: language(x), "tokens must be int32 or int64, got torch.float32"),
        (lambda: language(torch.tensor([[0, 11]])), "tokens must lie in 0..10, got 0..11"),
        (lambda: language(torch.tensor([[-1, 3]])), "tokens must lie in 0..10, got -1..3"),
    ]:
        with pytest.raises(InvalidValue, match=re.escape(message)):
            call()
