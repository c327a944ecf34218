"""Roles: which rows are quantised, what is kept, and that the bytes are those that are stored."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from nsctl.errors import InvalidValue, UnknownName
from policies.mamba3.block import Mamba3, cast
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.stack import Mamba3Stack
from policies.nvfp4.linear import NVFP4Linear
from policies.nvfp4.quantise import fake_quantise
from policies.nvfp4.roles import SplitLinear, quantisable, quantise_network, round_kept, stored_dtype
from policies.skills.mlp import MlpStack

BLOCKS = {
    "siso": Mamba3Config(32, d_state=16, head_dim=16),
    "mimo": Mamba3Config(32, d_state=16, head_dim=16, mimo_rank=2, groups=2, pre_gate_norm=True),
}


def stack(block: str = "siso", mlp: int = 48) -> Mamba3Stack:
    torch.manual_seed(0)
    return Mamba3Stack(StackConfig(2, BLOCKS[block], mlp)).eval()


@pytest.mark.parametrize("block", BLOCKS)
def test_the_quantised_rows_are_those_of_x_z_b_and_c(block: str) -> None:
    """By what they do: with the kept rows zeroed, the others still make the same z, x, B and C, and no step size."""
    mixer = Mamba3(BLOCKS[block])
    rows = quantisable(nn.Sequential(mixer))["0.in_proj"]
    z, x, b, c, dt, a, trap, angle = mixer.sizes
    assert rows == z + x + b + c
    assert mixer.in_proj.out_features - rows == dt + a + trap + angle
    u = torch.randn(2, 5, 32)
    before, gate = mixer._drive(u)
    with torch.no_grad():
        mixer.in_proj.weight[rows:] = 0
    after, same = mixer._drive(u)
    for name in ("q", "k", "x"):
        torch.testing.assert_close(getattr(after, name), getattr(before, name), rtol=0, atol=0)
    torch.testing.assert_close(same, gate, rtol=0, atol=0)
    torch.testing.assert_close(after.dt, nn.functional.softplus(mixer.dt_bias).expand_as(after.dt))
    assert float((before.dt - after.dt).detach().abs().max()) > 1e-3


def test_every_large_matrix_has_a_role_and_nothing_else() -> None:
    names = set(quantisable(stack()))
    mixers = {f"layers.{i}.mixer.{part}" for i in (0, 1) for part in ("in_proj", "out_proj")}
    assert names == mixers | {f"layers.{i}.mlp.{part}" for i in (0, 1) for part in ("fc1", "fc2")}
    assert set(quantisable(MlpStack(1, 32, 48))) == {"rise.0", "fall.0"}


@pytest.mark.parametrize("block", BLOCKS)
@torch.no_grad()
def test_a_quantised_network_is_the_dense_one_with_rounded_weights(block: str) -> None:
    network = stack(block)
    dense, roles = copy.deepcopy(network), quantisable(network)
    round_kept(dense)
    for name, rows in roles.items():
        weight = network.get_parameter(f"{name}.weight")
        dense.get_parameter(f"{name}.weight")[:rows] = fake_quantise(weight[:rows])
    quantise_network(network)
    x = torch.randn(3, 20, 32)
    torch.testing.assert_close(network(x), dense(x), rtol=1e-4, atol=1e-5)
    assert float((network(x) - stack(block)(x)).norm() / stack(block)(x).norm()) > 1e-3  # or nothing was quantised


@torch.no_grad()
def test_it_steps_as_it_scans_and_its_state_is_float32() -> None:
    network = stack()
    quantise_network(network)
    x, states, stepped = torch.randn(2, 9, 32), network.rest(2), []
    assert all(part.dtype == torch.float32 for state in states for part in vars(state).values())
    for moment in x.unbind(1):
        y, states = network.step(moment, states)
        stepped.append(y)
    torch.testing.assert_close(torch.stack(stepped, 1), network(x), rtol=1e-4, atol=1e-5)


def test_the_kept_rows_are_the_teacher_s_in_bfloat16() -> None:
    network, teacher = stack(), stack()
    rows = quantisable(network)["layers.0.mixer.in_proj"]
    quantise_network(network)
    split = network.get_submodule("layers.0.mixer.in_proj")
    assert isinstance(split, SplitLinear)
    kept = teacher.get_parameter("layers.0.mixer.in_proj.weight")[rows:]
    assert torch.equal(split.kept, kept.bfloat16().float())
    assert split.weight.shape == (rows + len(kept), 32)
    assert torch.equal(split.weight[rows:], split.kept)


def stored(network: nn.Module) -> int:
    """Bytes by another road: everything that the modules hold, each in the type that it is stored in."""
    tensors: list[Tensor] = []
    for module in network.modules():
        if isinstance(module, NVFP4Linear):
            tensors += [module.weight, module.weight_scale, module.weight_scale_2]
    tensors += [parameter.to(stored_dtype(name)) for name, parameter in network.named_parameters()]
    return sum(tensor.nbytes for tensor in tensors)


@pytest.mark.parametrize("exclude", [(), ("layers.1.mixer.in_proj", "layers.0.mlp.fc2")])
def test_the_books_balance(exclude: tuple[str, ...]) -> None:
    network = stack()
    before = stored(network)
    report = quantise_network(network, exclude=exclude)
    assert (report.before, report.after) == (before, stored(network))
    assert {layer.name for layer in report.layers if not layer.rows} == set(exclude)
    assert all(isinstance(network.get_submodule(name), nn.Linear) for name in exclude)
    assert report.quantised_ratio is not None
    assert 0.281 < report.quantised_ratio <= 0.285


def test_an_mlp_s_biases_are_counted_too() -> None:
    network = MlpStack(2, 32, 48)
    before = stored(network)
    report = quantise_network(network)
    assert (report.before, report.after) == (before, stored(network))


def test_the_weight_error_is_that_of_the_quantised_rows() -> None:
    network, teacher = stack(), stack()
    layer = next(each for each in quantise_network(network, "max").layers if each.kept)
    weight = teacher.get_parameter(f"{layer.name}.weight")[: layer.rows].detach()
    expected = float((fake_quantise(weight, "max") - weight).norm() / weight.norm())
    assert layer.weight_error == pytest.approx(expected, rel=1e-5)
    assert quantise_network(stack(), "search").layers[0].weight_error < layer.weight_error


def test_what_is_stored_in_float32_is_what_a_cast_keeps_so() -> None:
    network = stack("mimo")
    cast(network, torch.bfloat16)
    assert {name: p.dtype for name, p in network.named_parameters()} == {
        name: stored_dtype(name) for name, _ in network.named_parameters()
    }


def test_refusals() -> None:
    network = stack()
    with pytest.raises(UnknownName, match=r"layers\.0\.mixer\.in_proj"):
        quantise_network(network, exclude=["layers.0.mixer.inproj"])
    quantise_network(network)
    with pytest.raises(InvalidValue, match=r"in_proj is quantised already \(SplitLinear\): begin with its teacher"):
        quantise_network(network)
    with pytest.raises(InvalidValue, match=r"must be \[k, 16\], and no bias, got \[2, 8\]"):
        SplitLinear(NVFP4Linear.empty(16, 4), torch.zeros(2, 8))
