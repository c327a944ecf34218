"""The action error and the scan: a planted sensitive layer is found, and only that one is excluded."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from nsctl.errors import InvalidValue
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.stack import Mamba3Stack
from policies.nvfp4.sensitivity import action_error, exclusions, scan


def test_the_error_is_in_units_of_each_control_s_spread() -> None:
    teacher = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 100.0, 0.01])
    student = teacher + 0.1 * teacher.std(0) * torch.tensor([1.0, -1.0, 1.0])
    assert action_error(student, teacher) == pytest.approx(0.1, rel=1e-4)
    assert action_error(teacher, teacher) == 0


def test_a_control_that_stands_still_is_left_out() -> None:
    teacher = torch.cat([torch.randn(100, 1), torch.ones(100, 1)], 1)
    student = teacher + torch.tensor([0.0, 0.5])
    assert action_error(student, teacher) == 0
    with pytest.raises(InvalidValue, match="do not vary"):
        action_error(teacher[:, 1:], teacher[:, 1:])


@pytest.mark.parametrize("shape", [(3, 2), (4, 3)])
def test_actions_of_another_shape_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(InvalidValue, match=r"both \[n, d\]"):
        action_error(torch.zeros(shape), torch.zeros(4, 2))


def network() -> tuple[Mamba3Stack, Tensor]:
    """Two layers, the second of which adds next to nothing, and an input."""
    torch.manual_seed(0)
    made = Mamba3Stack(StackConfig(2, Mamba3Config(32, d_state=16, head_dim=16))).eval()
    with torch.no_grad():
        made.get_parameter("layers.1.mixer.out_proj.weight").mul_(1e-4)
    return made, torch.randn(4, 30, 32)


def test_the_layer_that_matters_is_found_and_the_network_left_alone() -> None:
    made, x = network()
    before = copy.deepcopy(made.state_dict())

    def act(module: nn.Module) -> Tensor:
        out: Tensor = module(x) - x
        return out.flatten(0, 1)

    errors = scan(made, act)
    assert list(errors) == [f"layers.{i}.mixer.{part}" for i in (0, 1) for part in ("in_proj", "out_proj")]
    assert min(errors[name] for name in errors if "layers.0" in name) > 0.01
    assert max(errors[name] for name in errors if "layers.1" in name) < 0.001
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())
    assert set(exclusions(errors, 0.01)) == {"layers.0.mixer.in_proj", "layers.0.mixer.out_proj"}


def test_what_is_excluded_says_why_and_nan_always_is() -> None:
    told = exclusions({"a": 0.05, "b": 0.2, "c": math.nan}, 0.1)
    assert told["b"] == "alone it errs by 0.2 of the action's spread, and the threshold is 0.1"
    assert set(told) == {"b", "c"}
    for threshold in (0.0, -1.0, math.nan):
        with pytest.raises(InvalidValue, match="must be positive"):
            exclusions({}, threshold)
