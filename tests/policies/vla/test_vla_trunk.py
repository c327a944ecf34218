"""What attention sees, and that the tests of it would notice if it saw anything else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from vla_samples import network_of, played, seen_of, text_of

from policies.vla import trunk as trunks
from policies.vla.cache import TrunkCache
from policies.vla.mamba_trunk import MambaTrunk, led
from policies.vla.network import VLANetwork


def test_the_mask_of_a_small_case() -> None:
    """Two tokens of an instruction and three decisions of two tokens, each of which reaches one back."""
    place = trunks.decisions_of(2, 3, 2, torch.device("cpu"))
    assert place.tolist() == [-1, -1, 0, 0, 1, 1, 2, 2]
    rows = ["11000000"] * 2 + ["11110000"] * 2 + ["11111100"] * 2 + ["11001111"] * 2
    assert trunks.visible(place, 2).int().tolist() == [[int(c) for c in row] for row in rows]


def changed_at(network: VLANetwork, t: int, decisions: int) -> Tensor:
    """By how much each decision's actions [S] change if the decision ``t`` sees something else."""
    text, seen = text_of(network.config, 1), seen_of(network.config, 1, decisions, dtype=torch.float64)
    before = network(text, seen).actions
    seen.proprio[0, t] += 1.0
    moved: Tensor = (network(text, seen).actions - before).abs().amax((0, 2, 3))
    return moved


@torch.inference_mode()
def test_a_window_reaches_as_far_as_it_says() -> None:
    network = network_of().double()
    reach = network.config.reach
    assert reach == 2 * (3 - 1) + 1
    moved = changed_at(network, 1, 8)
    assert moved[0] == 0
    assert (moved[1 : 1 + reach] > 1e-9).all()
    assert (moved[1 + reach :] == 0).all()


@torch.inference_mode()
def test_mamba_has_no_window() -> None:
    network = network_of("mamba3").double()
    assert network.config.reach is None
    assert (changed_at(network, 0, 8) > 1e-12).all()


@torch.inference_mode()
def test_only_distance_counts_so_that_a_window_may_slide_for_ever() -> None:
    network = network_of().double()
    text, seen = text_of(network.config, 1), seen_of(network.config, 1, 12, dtype=torch.float64)
    assert network.config.reach is not None
    late = seen.within(slice(12 - network.config.reach, 12))
    torch.testing.assert_close(
        network(text, late).actions[:, -1], network(text, seen).actions[:, -1], rtol=1e-10, atol=1e-12
    )


@torch.inference_mode()
def test_a_block_sees_itself_whole_and_order_matters_between_blocks() -> None:
    network = network_of().double()
    config = network.config
    prefix, real, _ = network.text(text_of(config, 1))
    blocks = torch.randn(1, 4, config.tokens, config.width, dtype=torch.float64)
    out = network.trunk(prefix, real, blocks)
    turned = network.trunk(prefix, real, blocks.flip(2))  # tokens of a block have no order of their own
    torch.testing.assert_close(turned, out.flip(2), rtol=1e-10, atol=1e-12)
    swapped = network.trunk(prefix, real, blocks[:, [1, 0, 2, 3]])
    assert (swapped[:, 2] - out[:, 2]).abs().max() > 1e-6


def differs(network: VLANetwork, in_place: bool) -> float:
    text, seen = text_of(network.config, 1), seen_of(network.config, 1, 7)
    with torch.inference_mode():
        return float((played(network, text, seen, in_place) - network(text, seen).actions).abs().max())


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("fault", ["position", "mask", "forgets"])
def test_planted_errors_show(fault: str, in_place: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What compares cached with uncached actions notices a position off by one, a window off by one and a lost key."""
    network = network_of()
    assert differs(network, in_place) < 1e-5
    trunk = network.trunk
    assert isinstance(trunk, trunks.AttentionTrunk)
    right_mask, right_turn = trunk._mask, trunk._turn_now
    if fault == "position":  # the third decision takes the second one's place
        monkeypatch.setattr(
            trunk,
            "_turn_now",
            lambda cache, block: right_turn(
                TrunkCache(cache.decision - (cache.decision == 2).long(), cache.real, cache.layers), block
            ),
        )
    elif fault == "mask":  # the last block of the window is hidden
        monkeypatch.setattr(trunk, "_mask", lambda cache, filled: right_mask(cache, filled & (filled.cumsum(1) > 1)))
    else:  # the instruction is hidden

        def hidden(cache: TrunkCache) -> TrunkCache:
            return TrunkCache(cache.decision, torch.zeros_like(cache.real), cache.layers)

        monkeypatch.setattr(trunk, "_mask", lambda cache, filled: right_mask(hidden(cache), filled | True))
    assert differs(network, in_place) > 1e-4


def test_an_instruction_is_led_by_zeros() -> None:
    prefix = torch.arange(1.0, 7.0).view(2, 3, 1)
    real = torch.tensor([[True, False, False], [True, True, True]])
    assert led(prefix, real)[..., 0].tolist() == [[0, 0, 1], [4, 5, 6]]


@torch.inference_mode()
def test_zeros_from_rest_change_nothing_in_mamba() -> None:
    network = network_of("mamba3").double()
    assert isinstance(network.trunk, MambaTrunk)
    stack = network.trunk.stack
    x = torch.randn(1, 6, network.config.width, dtype=torch.float64)
    led_by_zeros = stack(torch.cat((torch.zeros(1, 9, x.shape[-1], dtype=x.dtype), x), 1))[:, 9:]
    torch.testing.assert_close(led_by_zeros, stack(x), rtol=1e-10, atol=1e-12)
