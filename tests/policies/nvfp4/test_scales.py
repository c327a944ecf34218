"""The rules for block scales: what each promises, and what each leaves of the error."""

from __future__ import annotations

import pytest
import torch

from nsctl.errors import InvalidValue, UnknownName
from policies.nvfp4 import scales
from policies.nvfp4.elements import positive_e4m3
from policies.nvfp4.quantise import quantise, scales_of
from policies.nvfp4.scales import LARGEST, RULES, Scales, choose_scales, squared_error

DRAWS = {
    "gaussian": lambda: torch.randn(64, 16, 16),
    "uniform": lambda: torch.rand(64, 16, 16) * 2 - 1,
    "student": lambda: torch.distributions.StudentT(3.0).sample((64, 16, 16)),
}


@pytest.fixture(params=DRAWS)
def blocks(request: pytest.FixtureRequest) -> torch.Tensor:
    torch.manual_seed(1)
    drawn: torch.Tensor = DRAWS[request.param]()
    return drawn


def test_max_makes_the_largest_of_a_block_six(blocks: torch.Tensor) -> None:
    chosen = choose_scales(blocks, "max")
    quotients = (blocks / chosen.steps()).abs().amax(-1)
    assert float((quotients / 6 - 1).abs().max()) <= 1 / 16  # what E4M3 rounds off
    torch.testing.assert_close(chosen.tensor, blocks.abs().max() / 2688)
    assert float(chosen.blocks.float().max()) == 448


def test_four_over_six_takes_the_better_of_two(blocks: torch.Tensor) -> None:
    chosen = choose_scales(blocks, "four-over-six")
    largest = blocks.abs().amax(-1)
    six, four = (
        squared_error(blocks, Scales((largest / (chosen.tensor * m)).to(torch.float8_e4m3fn), chosen.tensor))
        for m in (6, 4)
    )
    assert torch.equal(squared_error(blocks, chosen), torch.minimum(six, four))
    assert 0.1 < float((four < six).float().mean()) < 0.9


def test_no_scale_is_better_than_the_one_searched(blocks: torch.Tensor) -> None:
    chosen = choose_scales(blocks, "search")
    least = squared_error(blocks, chosen)
    for scale in positive_e4m3(blocks.device):
        error = squared_error(blocks, Scales(scale.float().expand_as(least).to(scale.dtype), chosen.tensor))
        smaller = scale.float() < chosen.blocks.float()
        assert bool((error >= least).all())
        assert bool((error[smaller] > least[smaller]).all()), "of equals, the smallest"


def test_the_better_rule_leaves_less_error() -> None:
    """Fractions of the weights' energy; shared facts: 0.00906, 0.00757 and 0.00661 on normal weights."""
    torch.manual_seed(2)
    blocks = torch.randn(64, 16, 16)
    left = [float(squared_error(blocks, choose_scales(blocks, rule)).sum() / blocks.square().sum()) for rule in RULES]
    assert left == pytest.approx([0.00906, 0.00757, 0.00661], rel=0.03)


def test_room_above_helps_the_search_where_blocks_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    blocks = torch.rand(16, 16, 16) * 2 - 1
    with_room = float(squared_error(blocks, choose_scales(blocks, "search")).sum())
    monkeypatch.setitem(LARGEST, "search", 448.0)
    assert float(squared_error(blocks, choose_scales(blocks, "search")).sum()) > 1.2 * with_room


def test_pieces_of_the_search_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(4)
    blocks = torch.randn(9, 7, 16)
    whole = choose_scales(blocks, "search").blocks
    monkeypatch.setattr(scales, "_AT_ONCE", 10)
    assert torch.equal(choose_scales(blocks, "search").blocks.float(), whole.float())


@pytest.mark.parametrize("rule", RULES)
def test_blocks_of_zeros_and_blocks_too_small(rule: scales.Rule) -> None:
    weight = torch.zeros(3, 16)
    weight[0], weight[1] = 1.0, 1e-9
    tensor = quantise(weight, rule)
    assert tensor.block_scales[1:].float().flatten().tolist() == [2.0**-9, 1.0]
    assert not tensor.codes[1:].any()


def test_weights_of_zeros_only_have_scales() -> None:
    tensor = quantise(torch.zeros(2, 16))
    tensor.check_scales()
    assert float(tensor.tensor_scale) == 2.0**-117


def test_unknown_rules_and_foreign_scales_are_refused() -> None:
    with pytest.raises(UnknownName, match="no rule for block scales is called 'maximum'"):
        quantise(torch.ones(2, 16), "maximum")  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match=r"must be \[2, 1\], got \[2, 2\]"):
        quantise(torch.ones(2, 16), scales_of(torch.ones(2, 32), "max"))
