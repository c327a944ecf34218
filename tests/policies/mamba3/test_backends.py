"""Backends take the same parameters and compute the same, refuse by name, and are chosen by time."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch
from mamba3_samples import anywhere, block, inputs, off, state_off
from torch import Tensor
from torch.nn import functional as F

from nsctl.errors import InvalidValue
from policies.mamba3 import backends, recurrence
from policies.mamba3.backends import BackendReport, fastest_backend, official_core, official_scan, why_not_official
from policies.mamba3.block import Mamba3
from policies.mamba3.recurrence import Drive, Mamba3State

VARIANTS = [{}, {"groups": 2}, {"rope_fraction": 1.0}, {"a_activation": "heavy_tail"}]
FLOAT32 = 1e-5


def official_siso(**given: Any) -> tuple[Tensor, ...]:
    """What the official function is documented to compute, by our own reference: lambda and the angles come raw."""
    q, k, x, z = (given[name] for name in ("Q", "K", "V", "Z"))
    heads = x.shape[2]

    def biased(groups: Tensor, bias: Tensor) -> Tensor:
        return (groups.repeat_interleave(heads // groups.shape[2], 2) + bias).unsqueeze(3)

    adt, dt, trap = (given[name].transpose(1, 2) for name in ("ADT", "DT", "Trap"))
    turn = torch.pi * torch.tanh(given["Angles"]) * dt[..., None]
    q, k = biased(q, given["Q_bias"]), biased(k, given["K_bias"])
    drive = Drive(q, k, x, adt, dt, torch.sigmoid(trap), turn, None, "neighbours")
    rest = [
        x.new_zeros(len(x), heads, *shape)
        for shape in (turn.shape[3:], (x.shape[3], k.shape[4]), k.shape[4:], x.shape[3:])
    ]
    angle, h, last_k, last_x = given["Input_States"] or rest
    never = torch.zeros(x.shape[:2], dtype=torch.bool)
    y, after = recurrence.sequential(drive, Mamba3State(angle, h, last_k.unsqueeze(2), last_x), never, ~never)
    y = (y.squeeze(3) + given["D"][:, None] * x) * F.silu(z)
    assert given["return_final_states"]
    return y, after.angle, after.h, after.k.squeeze(2), after.x


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A package that answers as the official one."""
    module = ModuleType(backends.OFFICIAL)
    module.mamba3_siso_combined = official_siso  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, backends.OFFICIAL, module)
    return module


def by_official(mamba: Mamba3, u: Tensor, state: Mamba3State | None = None) -> tuple[Tensor, Mamba3State]:
    y, state = official_core(mamba, mamba.in_proj(u), state)
    return mamba.out_proj(y), state


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_the_official_function_is_called_as_it_is_documented(official: ModuleType, options: dict[str, object]) -> None:
    mamba, u = block(**options), inputs(2, 12)
    right, last = mamba.sequential(u)
    float32 = block(**options).float()
    got, state = by_official(float32, u.float())
    assert off(got, right) < FLOAT32
    assert state_off(state, last) < FLOAT32
    start = anywhere(mamba, 2)
    right, last = mamba.sequential(u, start)
    got, state = by_official(float32, u.float(), Mamba3State(*(part.float() for part in vars(start).values())))
    assert off(got, right) < FLOAT32
    assert state_off(state, last) < FLOAT32


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("Trap", torch.sigmoid),
        ("Angles", torch.tanh),
        ("Q", lambda q: q.roll(1, -1)),
        ("K_bias", torch.zeros_like),
        ("DT", lambda dt: dt.flip(-1)),
    ],
)
def test_calling_it_otherwise_shows(official: ModuleType, name: str, spoil: Any) -> None:
    mamba, u = block(groups=2), inputs(2, 12)
    official.mamba3_siso_combined = lambda **given: official_siso(**given | {name: spoil(given[name])})  # type: ignore[attr-defined]
    assert off(by_official(mamba.float(), u.float())[0], block(groups=2)(u)) > 1e-2


def test_gradients_come_through(official: ModuleType) -> None:
    mamba, u = block(), inputs(2, 12)
    wanted = torch.autograd.grad(mamba.sequential(u)[0].square().sum(), list(mamba.parameters()))
    float32 = block().float()
    got = torch.autograd.grad(by_official(float32, u.float())[0].square().sum(), list(float32.parameters()))
    assert max(map(off, got, wanted)) < 1e-4


def test_what_the_official_package_cannot_run_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    u = inputs(1, 4)
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    with pytest.raises(
        InvalidValue, match=r"mamba-ssm cannot run this sequence: it is not installed; the backend torch can"
    ):
        official_scan(block(), u, None, None, None)
    monkeypatch.setattr(backends, "find_spec", lambda name: object())
    assert "the input lies on cpu" in str(why_not_official(block(), u))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mimo_rank": 2}, "its function of whole sequences is taken for SISO only"),
        ({"pre_gate_norm": True}, "a pre-gate norm is not taken"),
        ({}, "it computes in bfloat16, the weights are torch.float64"),
    ],
)
def test_blocks_that_it_cannot_run(options: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not_official(block(**options), on_gpu(inputs(1, 4), monkeypatch)) == message


def test_sequences_that_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    u = on_gpu(inputs(1, 4).bfloat16(), monkeypatch)
    assert why_not_official(block(), u) == "N = 8 and P = 8 must be powers of two of at least 16"
    wide = block()
    wide.config = replace(wide.config, d_state=16, head_dim=16)
    cuts, ends = torch.zeros(1, 4, dtype=torch.bool), torch.tensor([4])
    assert why_not_official(wide, u, reset=cuts) == "it has no resets within a sequence"
    assert why_not_official(wide, u, lengths=ends) == "it has no lengths within a batch"
    assert re.match(f"importing {backends.OFFICIAL} failed", str(why_not_official(wide, u)))


def on_gpu(u: Tensor, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """``u``, which says that it lies on a GPU, where the package is installed."""

    class Elsewhere(Tensor):
        is_cuda = True  # type: ignore[assignment]

    monkeypatch.setattr(backends, "find_spec", lambda name: object())
    return u.as_subclass(Elsewhere)


def test_the_fastest_is_measured_and_the_others_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    mamba = block().float()
    mamba.backend = "auto"
    report = fastest_backend(mamba, 2, 16, rounds=2)
    assert report.fastest == "torch"
    assert set(report.seconds) == {"torch"}
    assert report.seconds["torch"] > 0
    assert set(report.refused) == {"triton", "mamba-ssm"}
    assert mamba.backend == "auto"
    assert all(parameter.grad is None for parameter in mamba.parameters())
    assert "not mamba-ssm: mamba-ssm cannot run this sequence" in str(report)


def test_a_report_names_the_quickest() -> None:
    report = BackendReport({"torch": 2e-3, "triton": 1e-3}, {"mamba-ssm": "it is not installed"})
    assert report.fastest == "triton"
    assert str(report) == "triton 1.000 ms; torch 2.000 ms; not mamba-ssm: it is not installed"
