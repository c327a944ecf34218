"""The shipped weights act as they did when they were trained, whatever has since become of the code around them."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from nsctl.errors import InvalidValue, NsctlError
from policies.skills.config import BACKBONES, Backbone, SkillNetworkConfig
from policies.skills.network import SkillNetwork
from policies.skills.neural import NeuralSkill
from policies.skills.numpy_network import NumpySkillNetwork

SIXTH = {
    "pick": ([0.0568596, -0.0032912, 0.7868920, 0.3629245, -1.0], -26.397209),
    "place": ([0.4348735, 0.1759921, 0.6469123, 0.4603456, 1.0], -23.390583),
}
"""The first action of the sixth chunk and the logit of the end, after six moments whose features are all 0.1, 0.2 to 0.6:
from the code of commit f6dde4f, of which `sixth` below is the maker."""


def sixth(operator: str) -> tuple[list[float], float]:
    network = NeuralSkill(operator).network
    states = network.rest(1)
    with torch.inference_mode():
        for t in range(6):
            actions, logit, states = network.step(torch.full((1, network.config.features), 0.1 * (t + 1)), states)
    return actions[0, 0].tolist(), logit.item()


@pytest.mark.parametrize("operator", SIXTH)
def test_shipped_weights_go_on_acting(operator: str) -> None:
    action, logit = sixth(operator)
    assert action == pytest.approx(SIXTH[operator][0], abs=1e-6)
    assert logit == pytest.approx(SIXTH[operator][1], abs=1e-4)


def sixth_as_played(operator: str) -> tuple[list[float], float]:
    player = NeuralSkill(operator).player
    hidden = player.rest(1)
    for t in range(6):
        actions, logits, hidden = player.step(np.full((1, player.config.features), 0.1 * (t + 1), np.float32), hidden)
    return actions[0].tolist(), float(logits[0])


@pytest.mark.parametrize("operator", SIXTH)
def test_what_plays_acts_as_what_was_trained(operator: str) -> None:
    action, logit = sixth_as_played(operator)
    assert action == pytest.approx(SIXTH[operator][0], abs=1e-6)
    assert logit == pytest.approx(SIXTH[operator][1], abs=1e-4)


@pytest.mark.parametrize("operator", SIXTH)
def test_over_a_whole_execution_too(operator: str) -> None:
    skill = NeuralSkill(operator)
    features = torch.randn(80, 1, skill.network.config.features, generator=torch.Generator().manual_seed(0))
    states, hidden = skill.network.rest(1), skill.player.rest(1)
    with torch.inference_mode():
        for moment in features:
            actions, logits, states = skill.network.step(moment, states)
            played, logit, hidden = skill.player.step(moment.numpy(), hidden)
            np.testing.assert_allclose(played, actions[:, 0].numpy(), rtol=0, atol=2e-5)
            np.testing.assert_allclose(logit, logits.numpy(), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("backbone", ["mamba3", "mlp"])
def test_any_network_plays_as_it_learns_alone_and_in_batches(backbone: Backbone) -> None:
    config = SkillNetworkConfig(("pick", "open", "push"), backbone)
    torch.manual_seed(1)
    network = SkillNetwork(config).eval()
    player = NumpySkillNetwork(config, {name: w.numpy() for name, w in network.state_dict().items()})
    features = torch.randn(12, 5, config.features)
    states, hidden, single = network.rest(5), player.rest(5), player.rest(1)
    with torch.inference_mode():
        for moment in features:
            actions, logits, states = network.step(moment, states)
            played, logit, hidden = player.step(moment.numpy(), hidden)
            alone, _, single = player.step(moment[3:4].numpy(), single)
            np.testing.assert_allclose(played, actions[:, 0].numpy(), rtol=0, atol=2e-5)
            np.testing.assert_allclose(logit, logits.numpy(), rtol=1e-4, atol=1e-4)
            np.testing.assert_array_equal(played[3:4], alone)


def test_the_mlp_is_as_large_as_the_recurrent_network() -> None:
    sizes = [sum(p.numel() for p in SkillNetwork(SkillNetworkConfig(backbone=b)).parameters()) for b in BACKBONES]
    assert max(sizes) < 1.01 * min(sizes)


def test_a_shared_network_is_told_its_operator_and_sees_zeros_where_it_lacks_features() -> None:
    config = SkillNetworkConfig(("pick", "open"))
    encoded = config.encode("open", np.ones(71, np.float32)), config.encode("pick", np.ones(45, np.float32))
    assert [list(e[71:]) for e in encoded] == [[0.0, 1.0], [1.0, 0.0]]
    assert encoded[1][:71].sum() == 45.0
    assert config.features == 73


@pytest.mark.parametrize(
    ("operators", "message"),
    [
        (("stack",), "no operator that a network can learn is called 'stack'"),
        ((), "one operator at least and none twice"),
    ],
)
def test_operators_that_no_network_learns_are_refused(operators: tuple[str, ...], message: str) -> None:
    with pytest.raises(NsctlError, match=message):
        SkillNetworkConfig(operators)


def test_features_of_another_size_are_refused() -> None:
    player = NeuralSkill("pick").player
    with pytest.raises(InvalidValue, match=re.escape("the features must be [B, 45], got [1, 44]")):
        player.step(np.zeros((1, 44), np.float32), player.rest(1))


def test_weights_of_another_network_are_refused() -> None:
    weights = {name: w.numpy() for name, w in NeuralSkill("pick").network.state_dict().items()}
    with pytest.raises(InvalidValue, match=re.escape("head.weight must be [26, 128], got [21, 128]")):
        NumpySkillNetwork(SkillNetworkConfig(chunk=5), weights)


def test_playing_needs_no_torch() -> None:
    code = (
        "import sys, numpy as np; from policies.skills import pick; player = pick().player; "
        "player.step(np.zeros((1, 45), np.float32), player.rest(1)); print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("operator", SIXTH)
def test_a_sequence_is_its_moments(operator: str) -> None:
    """Training sees whole sequences, the robot one moment after the other."""
    network = NeuralSkill(operator).network
    features = torch.randn(2, 90, network.config.features, generator=torch.Generator().manual_seed(0))
    states, steps = network.rest(2), []
    with torch.inference_mode():
        for t in range(90):
            actions, _, states = network.step(features[:, t], states)
            steps.append(actions)
        torch.testing.assert_close(network(features)[0], torch.stack(steps, 1), rtol=0, atol=1e-4)
