"""A policy to NVFP4 and back: through a file, the numbers of the module that was quantised."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nsctl.errors import InvalidValue
from policies.nvfp4.file import QuantisedWeights, read_quantised, write_quantised
from policies.nvfp4.policy import dense_weights, load_policy, quantise_policy
from policies.skills.config import BACKBONES, Backbone, SkillNetworkConfig
from policies.skills.network import SkillNetwork

TEACHER = "ab" * 32


def made(backbone: Backbone, excluded: dict[str, str] | None = None) -> tuple[SkillNetwork, QuantisedWeights]:
    torch.manual_seed(0)
    network = SkillNetwork(SkillNetworkConfig(backbone=backbone)).eval()
    weights, _ = quantise_policy(network, TEACHER, excluded=excluded)
    return network, weights


@pytest.mark.parametrize("backbone", BACKBONES)
@torch.no_grad()
def test_file_and_modules_are_the_same_policy(backbone: Backbone, tmp_path: Path) -> None:
    network, weights = made(backbone)
    write_quantised(tmp_path / "model.safetensors", weights)
    read = read_quantised(tmp_path / "model.safetensors")
    dense, loaded = (SkillNetwork(network.config).eval() for _ in range(2))
    dense.load_state_dict(dense_weights(read))
    load_policy(loaded, read)
    features = torch.randn(3, 12, network.config.features)
    for one, two, three in zip(network(features), dense(features), loaded(features), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
        assert torch.equal(one, three)
    assert read.teacher == TEACHER


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_file_holds_as_many_bytes_as_the_report_says(backbone: Backbone) -> None:
    torch.manual_seed(0)
    weights, report = quantise_policy(SkillNetwork(SkillNetworkConfig(backbone=backbone)), TEACHER)
    told = sum(t.nbytes for t in weights.exact.values()) + sum(t.nbytes for t in weights.layers.values())
    assert report.after == told


def test_what_is_excluded_stays_whole_and_says_why() -> None:
    name = "backbone.layers.0.mixer.in_proj"
    torch.manual_seed(0)
    teacher = SkillNetwork(SkillNetworkConfig()).get_parameter(f"{name}.weight").detach()
    _, weights = made("mamba3", {name: "on purpose"})
    assert weights.exclusions == {f"{name}.weight": "on purpose"}
    assert name not in weights.layers
    assert torch.equal(dense_weights(weights)[f"{name}.weight"], teacher.bfloat16().float())


def test_quantising_is_deterministic() -> None:
    one, two = made("mamba3")[1], made("mamba3")[1]
    assert list(one.layers) == list(two.layers)
    assert all(torch.equal(one.layers[name].codes, two.layers[name].codes) for name in one.layers)
    assert all(torch.equal(one.exact[name], two.exact[name]) for name in one.exact)


def test_stray_rows_and_other_configurations_are_refused() -> None:
    _, weights = made("mamba3")
    exact = {**weights.exact, "ghost.kept": torch.zeros(1, 64)}
    with pytest.raises(InvalidValue, match=r"ghost\.kept are rows of no NVFP4 layer"):
        dense_weights(QuantisedWeights(weights.layers, exact, "search", TEACHER))
    with pytest.raises(InvalidValue, match="not of this configuration"):
        load_policy(SkillNetwork(SkillNetworkConfig(layers=1)), weights)
