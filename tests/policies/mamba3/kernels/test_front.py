"""The front end against the plain one, number by number."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from mamba3_samples import block, inputs, off
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.mamba3.kernels.front import Front, channel_order, front

OPTIONS = [{}, {"groups": 2, "rope_fraction": 1.0}, {"a_activation": "heavy_tail"}]


def prepared(proj: Tensor, options: dict[str, object], device: torch.device, lengths: Tensor | None = None) -> Front:
    mamba = block(**options).float().to(device)
    return front(
        proj.to(device), mamba.config, mamba.dt_bias, mamba.B_norm.weight, mamba.C_norm.weight,
        None if lengths is None else lengths.to(device),
    )  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_it_is_the_plain_front_end(options: dict[str, object], device: torch.device) -> None:
    mamba = block(**options).float().double()  # the weights that the kernel has
    proj = mamba.in_proj(inputs(2, 11)).float()
    mamba.in_proj.register_forward_hook(lambda *_: proj.double())
    mamba.B_bias.data.zero_()
    mamba.C_bias.data.zero_()
    drive, got = mamba._drive(inputs(2, 11))[0], prepared(proj, options, device)
    order, spread = channel_order(mamba.config), mamba.config.heads // mamba.config.groups
    for made, right in [(got.keys, drive.k), (got.queries, drive.q)]:
        assert off(made.cpu().double(), right[:, :, ::spread, 0, order]) < 3e-7
    for made, right in [(got.log_alpha, drive.log_alpha), (got.dt, drive.dt), (got.lam, drive.trapezoid)]:
        torch.testing.assert_close(made.cpu().double(), right, rtol=2e-6, atol=0)
    turn = got.rate[:, :, None, :] * got.dt[..., None]
    torch.testing.assert_close(turn.cpu().double(), drive.turn, rtol=2e-6, atol=0)


@pytest.mark.parametrize("size", [1e-4, 0.1, 1.0, 30.0])
def test_small_and_large_numbers_keep_their_digits(size: float, device: torch.device) -> None:
    """Of softplus of -30 and of tanh of 0.0001, the hardware's own functions would leave few."""
    mamba = block().float()
    proj = size * torch.linspace(-1.0, 1.0, 94 * 4).view(1, 4, 94)
    got, c = prepared(proj, {}, device), mamba.config
    dd_dt, dd_a, _, angle = proj.double()[..., -14:].split_with_sizes([c.heads, c.heads, c.heads, c.angles], -1)
    dt = torch.nn.functional.softplus(dd_dt + mamba.dt_bias.double(), threshold=1e9)
    decay = torch.nn.functional.softplus(dd_a, threshold=1e9).clamp(min=1e-4)
    torch.testing.assert_close(got.dt.cpu().double(), dt, rtol=4e-6, atol=0)
    log_alpha = (-decay * dt).clamp(min=-111.0)  # whose exponential is zero
    torch.testing.assert_close(got.log_alpha.cpu().double(), log_alpha, rtol=8e-6, atol=0)
    torch.testing.assert_close(got.rate.cpu().double(), torch.pi * torch.tanh(angle), rtol=1e-6, atol=0)


def test_time_stands_still_where_a_row_has_ended(device: torch.device) -> None:
    proj, lengths = torch.randn(3, 5, 94), torch.tensor([5, 0, 2])
    whole, cut = prepared(proj, {}, device), prepared(proj, {}, device, lengths)
    for name in ("log_alpha", "dt", "rate"):
        right = getattr(whole, name).clone()
        right[1], right[2, 2:] = 0, 0
        torch.testing.assert_close(getattr(cut, name), right, rtol=0, atol=0)


def test_the_channels_order_is_a_permutation() -> None:
    assert channel_order(block().config) == [0, 2, 1, 3, 4, 5, 6, 7]
    assert channel_order(replace(block().config, rope_fraction=1.0)) == [0, 2, 4, 6, 1, 3, 5, 7]


def test_a_cpu_tensor_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    message = "the kernels cannot compute with the projections: it lies on cpu, and kernels run on a CUDA device"
    with pytest.raises(InvalidValue, match=re.escape(message)):
        prepared(torch.zeros(1, 1, 94), {}, torch.device("cpu"))
