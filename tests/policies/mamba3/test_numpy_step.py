"""The NumPy step is PyTorch's in float64 to float32's precision, row by row, and holds no state of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from mamba3_samples import DT_BIAS, FLOORED, FORGETTING, MORE, VARIANTS, off, state_off
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.mamba3.block import Mamba3, cast
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.layout import change_pairing
from policies.mamba3.numpy_layer import LayerStep
from policies.mamba3.numpy_step import NumpyStack
from policies.mamba3.numpy_weights import Floats, blocks
from policies.mamba3.recurrence import Mamba3State
from policies.mamba3.sizes import stack_size
from policies.mamba3.stack import Mamba3Stack

SKILL = StackConfig(2, Mamba3Config(64, d_state=16))
MIMO = StackConfig(2, Mamba3Config(16, d_state=8, head_dim=8, mimo_rank=2, groups=2))


def random_stack(config: StackConfig) -> Mamba3Stack:
    """A float64 stack whose every parameter is random, with angles that span full turns, remembering 30 moments."""
    torch.manual_seed(1)
    stack = Mamba3Stack(config).double()
    for name, parameter in stack.named_parameters():
        if not name.endswith(("proj.weight", "fc1.weight", "fc2.weight")):
            parameter.data += 0.3 * torch.randn_like(parameter)
    c = config.block
    forget = 2 * c.d_inner + 2 * c.rank * c.groups * c.d_state + c.heads
    for mixer in (module for module in stack.modules() if isinstance(module, Mamba3)):
        mixer.dt_bias.data = DT_BIAS + 0.5 * torch.randn_like(mixer.dt_bias)
        mixer.in_proj.weight.data[forget : forget + c.heads, 0] = FORGETTING[c.a_activation]
        mixer.in_proj.weight.data[forget, 0] = FLOORED[c.a_activation]
    return stack.eval()


def moments(config: StackConfig, length: int, batch: int = 2) -> Tensor:
    """[L, B, D] in float64, exact in float32, the first channel constant."""
    x = torch.randn(length, batch, config.block.d_model, generator=torch.Generator().manual_seed(0))
    x[..., 0] = 1.0
    return x.double()


def by_torch(stack: Mamba3Stack, x: Tensor) -> tuple[Tensor, list[Mamba3State]]:
    """[L, B, D] and the states after them."""
    states, outputs = stack.rest(x.shape[1]), []
    with torch.inference_mode():
        for u in x:
            y, states = stack.step(u, states)
            outputs.append(y)
    return torch.stack(outputs), states


def by_numpy(stack: NumpyStack, x: Tensor) -> tuple[Tensor, Floats]:
    """The same, [L, B, D] in float64 and the state [B, size]."""
    state, outputs = stack.rest(x.shape[1]), []
    for u in x.float().numpy():
        y, state = stack.step(u, state)
        outputs.append(y)
    return torch.from_numpy(np.stack(outputs)).double(), state


@pytest.mark.parametrize("config", [stack_size("micro"), SKILL, MIMO], ids=["micro", "skill", "mimo"])
def test_two_hundred_moments_are_exact(config: StackConfig) -> None:
    stack = random_stack(config)
    x = moments(config, 200, batch=1)
    fast = NumpyStack.of(stack)
    (right, after), (got, state) = by_torch(stack, x), by_numpy(fast, x)
    assert off(got, right) < 2e-6
    for one, other in zip(fast.unpack(state), after, strict=True):
        assert state_off(Mamba3State(*(part.double() for part in vars(one).values())), other) < 5e-4


@pytest.mark.parametrize("options", [*VARIANTS, *MORE], ids=str)
def test_every_variant(options: dict[str, Any]) -> None:
    config = StackConfig(1, Mamba3Config(16, d_state=8, head_dim=8, **options), mlp=24)
    stack, x = random_stack(config), moments(config, 60)
    assert off(by_numpy(NumpyStack.of(stack), x)[0], by_torch(stack, x)[0]) < 2e-6


def wrong_pairs(weights: dict[str, Tensor], config: Mamba3Config) -> dict[str, Tensor]:
    return change_pairing(weights, config, "halves")


def no_trapezoid(weights: dict[str, Tensor], config: Mamba3Config) -> dict[str, Tensor]:
    """lambda is 1 / 2 whatever the input."""
    rows = weights["in_proj.weight"].clone()
    rows[-config.angles - config.heads : -config.angles] = 0.0
    return weights | {"in_proj.weight": rows}


def no_bias(weights: dict[str, Tensor], config: Mamba3Config) -> dict[str, Tensor]:
    return weights | {"B_bias": torch.zeros_like(weights["B_bias"])}


@pytest.mark.parametrize("mistake", [wrong_pairs, no_trapezoid, no_bias])
def test_a_mistake_would_show(
    mistake: Callable[[dict[str, Tensor], Mamba3Config], dict[str, Tensor]],
) -> None:
    config = StackConfig(1, SKILL.block)
    stack, x = random_stack(config), moments(config, 30)
    right = by_torch(stack, x)[0]
    mixer = "layers.0.mixer."
    weights = stack.state_dict()
    changed = mistake({n.removeprefix(mixer): w for n, w in weights.items() if n.startswith(mixer)}, config.block)
    weights |= {mixer + name: w for name, w in changed.items()}
    assert off(by_numpy(NumpyStack(config, {n: w.numpy() for n, w in weights.items()}), x)[0], right) > 1e-3


@pytest.mark.parametrize("config", [stack_size("micro"), SKILL, MIMO], ids=["micro", "skill", "mimo"])
def test_a_row_of_a_batch_is_as_it_would_be_alone_to_the_bit(config: StackConfig) -> None:
    fast, x = NumpyStack.of(random_stack(config)), moments(config, 6, batch=5)
    together, state = by_numpy(fast, x)
    for i in range(5):
        alone, own = by_numpy(fast, x[:, i : i + 1])
        assert torch.equal(alone, together[:, i : i + 1])
        np.testing.assert_array_equal(own, state[i : i + 1])


def test_episodes_join_and_part() -> None:
    fast, x = NumpyStack.of(random_stack(SKILL)), moments(SKILL, 9, batch=3)
    right = by_numpy(fast, x)[0]
    rows = [by_numpy(fast, x[:4, i : i + 1])[1] for i in range(3)]  # three episodes, each in its own time
    u = x.float().numpy()
    y, state = fast.step(u[4], np.concatenate(rows))
    np.testing.assert_array_equal(y, right[4].numpy())
    y, last = fast.step(u[5, 1:], state[1:])  # one of them ends
    np.testing.assert_array_equal(y, right[5, 1:].numpy())
    assert last.shape == (2, fast.size)


def test_a_step_changes_nothing_that_it_was_given() -> None:
    fast, x = NumpyStack.of(random_stack(SKILL)), moments(SKILL, 3, batch=1)
    state = by_numpy(fast, x)[1]
    u, before = x[0].float().numpy(), state.copy()
    first, after = fast.step(u, state)
    kept = first.copy(), after.copy()
    fast.step(first, after)
    again, _ = fast.step(u, state)
    np.testing.assert_array_equal(state, before)
    np.testing.assert_array_equal(u, x[0].float().numpy())
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(np.concatenate((first, after), 1), np.concatenate(kept, 1))


def test_a_state_may_be_replaced() -> None:
    fast, x = NumpyStack.of(random_stack(MIMO)), moments(MIMO, 5)
    right, last = by_numpy(fast, x)
    state = fast.rest(2)
    for t, u in enumerate(x.float().numpy()):
        y, after = fast.step(u, state, out=state)
        np.testing.assert_array_equal(y, right[t].numpy())
    assert after is state
    np.testing.assert_array_equal(state, last)


@pytest.mark.parametrize("config", [SKILL, MIMO], ids=["siso", "mimo"])
def test_an_episode_goes_on_from_the_states_of_pytorch(config: StackConfig) -> None:
    stack, x = random_stack(config), moments(config, 20)
    fast = NumpyStack.of(stack)
    right, _ = by_torch(stack, x)
    _, states = by_torch(stack, x[:12])
    state = fast.pack(states)
    np.testing.assert_allclose(fast.pack(fast.unpack(state)), state, rtol=0, atol=1e-6)
    for t in range(12, 20):
        y, state = fast.step(x[t].float().numpy(), state)
        assert off(torch.from_numpy(y).double(), right[t]) < 5e-6


def test_weights_of_lower_precision_are_read() -> None:
    stack = Mamba3Stack(SKILL)
    cast(stack, torch.bfloat16)
    y, _ = NumpyStack.of(stack).step(np.ones((1, 64), np.float32), np.zeros((1, NumpyStack.of(stack).size), np.float32))
    assert off(torch.from_numpy(y), stack.float().step(torch.ones(1, 64), stack.rest(1))[0]) < 2e-6


def test_buffers_are_kept_for_a_few_batch_sizes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    init = LayerStep.__init__
    monkeypatch.setattr(LayerStep, "__init__", lambda self, *a: (made.append(1), init(self, *a))[1])
    fast = NumpyStack.of(Mamba3Stack(MIMO))
    for _ in range(2):
        for batch in range(1, 17):
            fast.step(np.zeros((batch, 16), np.float32), fast.rest(batch))
    assert len(made) == 16 * MIMO.layers
    fast.step(np.zeros((17, 16), np.float32), fast.rest(17))
    assert len(fast._desks) == 1


@pytest.mark.parametrize("shape", [(1, 3), (45, 64), (304, 64), (1216, 256), (130, 5000)])
def test_blocks_hold_the_matrix_and_wake_no_threads(shape: tuple[int, int]) -> None:
    matrix = np.arange(shape[0] * shape[1], dtype=np.float64).reshape(shape)
    parts = blocks(matrix)
    assert parts.shape[2] * shape[1] <= max(9216, 4 * shape[1])
    whole = parts.reshape(-1, shape[1])
    np.testing.assert_array_equal(whole[: shape[0]], matrix.astype(np.float32))
    assert not whole[shape[0] :].any()
    assert len(whole) <= 1.2 * shape[0] + 4


def test_weights_of_another_stack_are_refused() -> None:
    weights = {name: w.numpy() for name, w in Mamba3Stack(SKILL).state_dict().items()}
    for change, message in [
        ({"layers.0.mixer.D": np.ones(5)}, "not of this configuration: mixer.D must be [4], got [5]"),
        ({"layers.1.norm2.weight": np.ones(64)}, "norm2.weight must be absent, got [64]"),
    ]:
        with pytest.raises(InvalidValue, match=re.escape(message)):
            NumpyStack(SKILL, weights | change)
    del weights["layers.1.mixer.B_bias"]
    with pytest.raises(InvalidValue, match=re.escape("mixer.B_bias must be [4, 1, 16], got absent")):
        NumpyStack(SKILL, weights)


def test_a_state_may_lie_in_any_order() -> None:
    fast, x = NumpyStack.of(random_stack(SKILL)), moments(SKILL, 2, batch=3)
    state, u = by_numpy(fast, x)[1], x[0].float().numpy()
    across = np.asfortranarray(state)
    for one, other in zip(fast.step(u, state), fast.step(np.asfortranarray(u), across), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(InvalidValue, match="the rows of out must be contiguous: give it a C-ordered array"):
        fast.step(u, across, out=across)


def test_it_needs_no_torch() -> None:
    code = "import sys, policies.mamba3.numpy_step; print([m for m in ('torch', 'mujoco') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_nonsense_is_refused() -> None:
    fast = NumpyStack.of(Mamba3Stack(SKILL))
    x, state, size = np.zeros((2, 64), np.float32), fast.rest(2), fast.size
    bad = x.copy()
    bad[1, 3] = np.nan
    huge = np.full((2, 64), 3e38, np.float32)  # finite, though its sum is not
    language = StackConfig(1, SKILL.block, vocabulary=7)
    for call, message in [
        (lambda: fast.step(bad, state), "the input [2, 64] holds NaN or infinity"),
        (lambda: fast.step(x[:, :3], state), "the input must be float32 [B, 64] with B >= 1, got float32 [2, 3]"),
        (lambda: fast.step(x[0], state), "the input must be float32 [B, 64] with B >= 1, got float32 [64]"),
        (lambda: fast.step(x.astype(np.float64), state), "with B >= 1, got float64 [2, 64]"),
        (lambda: fast.step(x[:0], state[:0]), "with B >= 1, got float32 [0, 64]"),
        (
            lambda: fast.step(x, state[:1]),
            f"the state must be float32 [2, {size}] for this stack and input, got float32",
        ),
        (lambda: fast.step(x, state.astype(np.float64)), f"for this stack and input, got float64 [2, {size}]"),
        (lambda: fast.step(x, state, state[:1]), f"the out must be float32 [2, {size}] for this stack and input"),
        (lambda: fast.pack([]), "a stack of 2 layers needs as many states, got 0"),
        (lambda: fast.pack(Mamba3Stack(stack_size("nano")).rest(1)), f"those of this stack {size}"),
        (lambda: NumpyStack(language, {}), "give it a stack without a vocabulary, not one of 7 tokens"),
    ]:
        with pytest.raises(InvalidValue, match=re.escape(message)):
            call()
    with np.errstate(over="ignore"):
        fast.step(huge, state)
