"""The pieces of a block, and what it refuses."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from mamba3_samples import block, inputs, off

from nsctl.errors import InvalidValue
from policies.mamba3.block import Mamba3, cast, heavy_tail
from policies.mamba3.config import Mamba3Config, Pairing
from policies.mamba3.recurrence import Drive, Mamba3State, rotate, step, turn_by
from policies.mamba3.scan import accumulate


def test_a_step_by_hand() -> None:
    """h = alpha h0 + (1 - lambda) dt alpha v0 k0^T + lambda dt v k^T, y = h q, all numbers chosen: P = 1, N = 2, R = 1."""
    one = torch.tensor
    start = Mamba3State(torch.zeros(1, 1, 1), one([[[[1.0, 2.0]]]]), one([[[[1.0, 0.0]]]]), one([[[3.0]]]))
    moment = Drive(
        q=one([[[[1.0, 1.0]]]]), k=one([[[[0.0, 1.0]]]]), x=one([[[4.0]]]), log_alpha=torch.log(one([[0.5]])),
        dt=one([[0.2]]), trapezoid=one([[0.25]]), turn=torch.zeros(1, 1, 1), psi=None, pairing="neighbours",
    )  # fmt: skip
    y, after = step(moment, start)
    torch.testing.assert_close(after.h, one([[[[0.5 + 0.75 * 0.2 * 0.5 * 3.0, 1.0 + 0.25 * 0.2 * 4.0]]]]))
    torch.testing.assert_close(y, one([[[[0.725 + 1.2]]]]))


def test_ranks_add_up_by_hand() -> None:
    """Two ranks write Psi_r x along keys of their own, and each is read along its own query."""
    one = torch.tensor
    start = Mamba3State(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1, 2), torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 1))
    moment = Drive(
        q=one([[[[1.0, 0.0], [0.0, 1.0]]]]), k=one([[[[1.0, 0.0], [1.0, 1.0]]]]), x=one([[[2.0]]]),
        log_alpha=torch.zeros(1, 1), dt=torch.ones(1, 1), trapezoid=torch.ones(1, 1), turn=torch.zeros(1, 1, 1),
        psi=one([[[3.0], [5.0]]]), pairing="halves",
    )  # fmt: skip
    y, after = step(moment, start)
    torch.testing.assert_close(after.h, one([[[[6.0 + 10.0, 10.0]]]]))
    torch.testing.assert_close(y, one([[[[16.0], [10.0]]]]))


@pytest.mark.parametrize(
    ("pairing", "right"),
    [
        ("neighbours", [0.0, 1.0, -4.0, 3.0, 5.0, 6.0]),
        ("halves", [-4.0, -5.0, 3.0, 1.0, 0.0, 6.0]),
    ],  # (0, 3) and (1, 4)
)
def test_rotation_turns_its_pairs_and_leaves_the_rest(pairing: Pairing, right: list[float]) -> None:
    quarter = torch.full((2,), torch.pi / 2)
    turned = rotate(torch.tensor([[1.0, 0.0, 3.0, 4.0, 5.0, 6.0]]), turn_by(quarter), pairing)[0]
    torch.testing.assert_close(turned, torch.tensor(right), atol=1e-6, rtol=0)


def test_angles_keep_their_digits_over_long_sequences() -> None:
    turn = torch.full((1, 20_000, 1, 1), 3.0)
    angle = accumulate(turn, torch.ones(1, 1, 1), torch.zeros(1, 20_000, dtype=torch.bool))
    assert float(angle[0, -1]) == pytest.approx((1 + 3.0 * 20_000) % (2 * torch.pi), abs=1e-6)


def test_heavy_tail() -> None:
    torch.testing.assert_close(heavy_tail(torch.tensor([-3.0, 0.0, 2.0])), torch.tensor([0.25, 1.0, 3.0]))


def test_a_fresh_block_is_initialised_as_the_official_one() -> None:
    mamba = Mamba3(Mamba3Config(16, d_state=8, head_dim=8, mimo_rank=4, dt_min=0.01, dt_max=0.05))
    dt = torch.nn.functional.softplus(mamba.dt_bias)
    assert bool(((dt >= 0.0099) & (dt <= 0.0501)).all())
    means = {
        name: getattr(mamba, name).mean().item() for name in ("B_bias", "C_bias", "D", "mimo_z", "mimo_x", "mimo_o")
    }
    assert means == {"B_bias": 1.0, "C_bias": 1.0, "D": 1.0, "mimo_z": 1.0, "mimo_x": 0.25, "mimo_o": 0.25}


def test_autocast_computes_nearly_the_same() -> None:
    mamba, u = block(mimo_rank=2).float(), inputs(2, 30).float()
    with torch.autocast("cpu", torch.bfloat16):
        y, after = mamba.scan(u)
    assert after.h.dtype == torch.float32
    assert off(y, mamba(u)) < 3e-2


def test_a_state_lives_without_its_graph() -> None:
    """A step in inference mode answers as one with gradients does."""
    mamba, u = block(), inputs(2, 1)[:, 0]
    y, _ = mamba.step(u, mamba.rest(2))
    with torch.inference_mode():
        torch.testing.assert_close(mamba.step(u, mamba.rest(2))[0], y.detach(), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head_dim": 7}, "must be a multiple of head_dim = 7"),
        ({"rope_fraction": 0.3}, "rope_fraction must be 0.5 or 1.0, got 0.3"),
        ({"d_state": 6}, "d_state must be a multiple of 4, got 6"),
        ({"d_state": 7}, "d_state must be a multiple of 4, got 7"),
        ({"a_activation": "relu"}, "a_activation must be softplus or heavy_tail, got 'relu'"),
        ({"dt_min": 0.2}, "0 < dt_min < dt_max < inf is needed, got 0.2 and 0.1"),
        ({"dt_max": math.inf}, "0 < dt_min < dt_max < inf is needed, got 0.001 and inf"),
        ({"groups": 3, "head_dim": 8}, "groups = 3 must divide the 4 heads"),
        ({"mimo_rank": 0}, "mimo_rank must be an integer of at least 1, got 0"),
        ({"expand": 1.5}, "expand must be an integer of at least 1, got 1.5"),
        ({"groups": True}, "groups must be an integer of at least 1, got True"),
    ],
)
def test_nonsense_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidValue, match=re.escape(message)):
        Mamba3Config(d_model=16, **options)  # type: ignore[arg-type]


U = torch.zeros(2, 5, 16, dtype=torch.float64)


@pytest.mark.parametrize(
    ("u", "options", "message"),
    [
        (U[0], {}, "the input must be [B, L, D] with D = 16, none of them 0, got [5, 16]"),
        (U[:, :0], {}, "the input must be [B, L, D] with D = 16, none of them 0, got [2, 0, 16]"),
        (U[..., :9], {}, "with D = 16, none of them 0, got [2, 5, 9]"),
        (U.float(), {}, "the input is torch.float32, the block's weights are torch.float64: convert one of them"),
        (U.to("meta"), {}, "the input is on meta, the block on cpu"),
        (U / 0, {}, "the input [2, 5, 16] holds NaN or infinity"),
        (
            U,
            {"reset": torch.zeros(2, 5)},
            "reset must be a bool tensor of shape [2, 5], got torch.float32 of shape [2, 5]",
        ),
        (
            U,
            {"reset": torch.zeros(2, dtype=torch.bool)},
            "reset must be a bool tensor of shape [2, 5], got torch.bool of shape [2]",
        ),
        (U, {"lengths": torch.tensor([5, 6])}, "lengths must lie in 0..5, got [5, 6]"),
        (U, {"lengths": torch.tensor([5])}, "lengths must be a tensor of 2 integers, got torch.int64 of shape [1]"),
        (U, {"reset": np.zeros((2, 5), bool)}, "reset must be a bool tensor of shape [2, 5], got ndarray"),
        (U, {"lengths": [5, 1]}, "lengths must be a tensor of 2 integers, got list"),
        (U, {"reset": torch.zeros(2, 5, dtype=torch.bool, device="meta")}, "reset is on meta, the input on cpu"),
        (U, {"lengths": torch.zeros(2, dtype=torch.int64, device="meta")}, "lengths are on meta, the input on cpu"),
        (
            U,
            {"lengths": torch.tensor([5.0, 1.0])},
            "lengths must be a tensor of 2 integers, got torch.float32 of shape [2]",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_refused(u: torch.Tensor, options: dict[str, torch.Tensor], message: str) -> None:
    mamba = block()
    for form in (mamba.scan, mamba.sequential):
        with pytest.raises(InvalidValue, match=re.escape(message)):
            form(u, **options)


@pytest.mark.parametrize("chunk", [0, -1, 2.0])
def test_a_chunk_of_nothing_is_refused(chunk: int) -> None:
    with pytest.raises(InvalidValue, match="chunk must be an integer of at least 1, got"):
        block().scan(U, chunk=chunk)


def test_a_wrong_cache_is_refused() -> None:
    mamba, u = block(), inputs(2, 1)[:, 0]
    state = mamba.rest(2)
    for wrong, message in [
        (mamba.rest(3), "the state's angle must be [2, 4, 2] for this block, got [3, 4, 2]"),
        (block(mimo_rank=2).rest(2), "the state's k must be [2, 4, 1, 8] for this block, got [2, 4, 2, 8]"),
        (replace(state, h=state.h.float()), "the state's h is torch.float32, the block computes in torch.float64"),
        (replace(state, h=state.h.to("meta")), "the state's h is on meta, the input on cpu"),
    ]:
        with pytest.raises(InvalidValue, match=re.escape(message)):
            mamba.step(u, wrong)
        with pytest.raises(InvalidValue, match=re.escape(message)):
            mamba.scan(u[:, None], wrong)
    with pytest.raises(InvalidValue, match=re.escape("reset must be a bool tensor of shape [2]")):
        mamba.step(u, state, reset=torch.zeros(2))
    with pytest.raises(InvalidValue, match=re.escape("the input must be [B, D] with D = 16")):
        mamba.step(u[0], state)


def test_casting_keeps_the_step_sizes() -> None:
    mamba = block(mimo_rank=2).float()
    before = mamba.dt_bias.detach().clone()
    cast(mamba, torch.bfloat16)
    torch.testing.assert_close(mamba.dt_bias.detach(), before, rtol=0, atol=0)
    assert mamba.in_proj.weight.dtype == mamba.B_norm.weight.dtype == torch.bfloat16
    assert mamba.rest(1).h.dtype == mamba.mimo_x.dtype == torch.float32
