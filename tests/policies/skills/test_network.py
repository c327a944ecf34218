"""The shipped weights act as they did when they were trained, whatever has since become of the code around them."""

from __future__ import annotations

import pytest
import torch

from policies.skills.neural import NeuralSkill

SIXTH = {
    "pick": ([0.4989073, -0.0626575, 0.2824602, 0.2799871, -0.9999989], -8.224227),
    "place": ([0.2582847, 0.1576869, 0.7599247, 0.3907095, 1.0], -22.237627),
}
"""The first action of the sixth chunk and the logit of the end, after six moments whose features are all 0.1, 0.2 to 0.6:
from the code of commit 26fbea4, of which `sixth` below is the maker."""


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
