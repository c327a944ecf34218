"""What the report says of each layer is what plays it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nsctl.errors import InvalidValue
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.stack import Mamba3Stack
from policies.nvfp4 import played
from policies.nvfp4.kernels import choose
from policies.nvfp4.kernels.choose import Plan
from policies.nvfp4.played import Played, played_by
from policies.nvfp4.roles import quantisable, quantise_network
from policies.skills.mlp import MlpStack


def layers(network: nn.Module, exclude: tuple[str, ...] = ()) -> dict[str, nn.Module]:
    names = quantisable(network)
    quantise_network(network, "max", exclude)
    return {name: network.get_submodule(name) for name in names}


def stack() -> Mamba3Stack:
    return Mamba3Stack(StackConfig(1, Mamba3Config(32, d_state=8, head_dim=16), mlp=16))


def test_on_a_cpu_all_is_decoded_but_what_is_whole() -> None:
    told = played_by(layers(stack(), ("layers.0.mlp.fc1",)), torch.device("cpu"))
    assert told.pop("layers.0.mlp.fc1") == Played("whole", "it is excluded, and stays in bfloat16")
    assert set(told.values()) == {Played("decoded", "a CPU multiplies float32 quicker than it decodes")}
    assert len(told) == 3


def test_on_a_gpu_it_is_the_plan_for_the_shape_and_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def planned(device: torch.device, shape: tuple[int, int], batch: int, dtype: torch.dtype, normed: bool) -> Plan:
        asked[shape] = (str(device), batch, dtype, normed)
        return Plan("step" if normed else "dense", f"{shape}")

    monkeypatch.setattr(played, "step_plan", planned)
    network = stack()
    rows = sum(network.layers[0].mixer.sizes)  # type: ignore[union-attr]
    told = played_by(layers(network), torch.device("cuda"), batch=4)
    common = ("cuda", 4, torch.bfloat16)
    assert asked == {
        (rows, 32): (*common, True), (32, 64): (*common, False), (32, 32): (*common, True), (32, 16): (*common, False),
    }  # fmt: skip
    assert told["layers.0.mixer.in_proj"] == Played("packed", f"({rows}, 32)")
    assert told["layers.0.mixer.out_proj"] == Played("decoded", "(32, 64)")


def test_an_mlp_s_layers_are_products_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(played, "plan", lambda device, shape, batch: Plan("gemv", f"{shape} {batch}"))
    told = played_by(layers(MlpStack(1, 32, 48)), torch.device("cuda"))
    assert told == {"rise.0": Played("packed", "(48, 32) 1"), "fall.0": Played("packed", "(32, 48) 1")}


def test_without_kernels_the_reason_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    made = layers(stack())
    monkeypatch.setattr(choose, "why_not", lambda _: "Triton is not installed")
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    choose.step_plan.cache_clear()
    told = played_by(made, torch.device("cuda", 7))
    assert set(told.values()) == {Played("decoded", "Triton is not installed")}
    choose.step_plan.cache_clear()


def test_what_is_no_linear_map_is_refused() -> None:
    with pytest.raises(InvalidValue, match="the layer act is a SiLU, and no linear map"):
        played_by({"act": nn.SiLU()}, torch.device("cpu"))
