"""A cache changes what a decision costs and nothing else."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor
from vla_samples import VARIANTS, network_of, played, seen_of, targets_of, text_of

from nsctl.errors import InvalidValue
from policies.mamba3.block import cast
from policies.vla.batch import PAD, Seen, encode_text
from policies.vla.cache import Cache
from policies.vla.config import vla_size
from policies.vla.network import VLANetwork

TRUNKS = ["attention", "mamba3"]


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(("trunk", "inputs", "head"), VARIANTS)
@pytest.mark.parametrize(("dtype", "rtol", "atol"), [(torch.float32, 1e-4, 1e-6), (torch.float64, 1e-10, 1e-12)])
@torch.inference_mode()
def test_with_a_cache_as_without(
    trunk: str, inputs: str, head: str, dtype: torch.dtype, rtol: float, atol: float, in_place: bool
) -> None:
    network = network_of(trunk, inputs, head).to(dtype)
    text, seen = text_of(network.config, 2), seen_of(network.config, 2, 8, dtype=dtype)
    whole = network(text, seen).actions
    torch.testing.assert_close(played(network, text, seen, in_place), whole, rtol=rtol, atol=atol)
    assert whole[:, 1:].sub(whole[:, :-1]).abs().amax((-1, -2)).min() > 1e-3  # decisions do differ


@pytest.mark.parametrize("trunk", TRUNKS)
@torch.inference_mode()
def test_episodes_of_different_ages_share_a_batch(trunk: str) -> None:
    network = network_of(trunk)
    text, seen = text_of(network.config, 2), seen_of(network.config, 2, 7)
    rows = (seen.map(lambda part: part[:1]), seen.map(lambda part: part[1:]))
    alone = torch.cat([played(network, text[i : i + 1], row) for i, row in enumerate(rows)])
    caches = [network.begin(text[i : i + 1]) for i in range(2)]
    for t in range(4):  # the first episode is four decisions ahead
        _, caches[0] = network.step(seen.at(t).map(lambda part: part[:1]), caches[0])
    both = Cache.join(caches)
    together = seen.map(lambda part: torch.stack((part[0, 4:], part[1, :3])))
    for t in range(3):
        outputs, both = network.step(together.at(t), both)
        torch.testing.assert_close(outputs.actions, torch.stack((alone[0, 4 + t], alone[1, t])), rtol=1e-4, atol=1e-6)
    assert both.trunk.decision.tolist() == [7, 3]
    torch.testing.assert_close(both.rows([1]).trunk.decision, torch.tensor([3]))


def test_a_cache_is_left_as_it_was_and_does_not_grow() -> None:
    network = network_of()
    text, seen = text_of(network.config, 1), seen_of(network.config, 1, 6)
    first = network.begin(text)
    before = first.map(torch.clone)
    _, cache = network.step(seen.at(0), first)
    for mine, held in zip(first.tensors, before.tensors, strict=True):
        torch.testing.assert_close(mine, held, rtol=0, atol=0)
    for t in range(1, 6):
        _, cache = network.step(seen.at(t), cache)
    assert cache.nbytes == first.nbytes


@pytest.mark.parametrize("trunk", TRUNKS)
@torch.inference_mode()
def test_what_fills_a_text_up_changes_nothing(trunk: str) -> None:
    network = network_of(trunk, "pixels").double()
    seen = seen_of(network.config, 1, 4, dtype=torch.float64)
    text = text_of(network.config, 1)
    longer = torch.nn.functional.pad(text, (0, 3), value=PAD)
    torch.testing.assert_close(network(longer, seen).actions, network(text, seen).actions, rtol=0, atol=1e-14)
    joined = network(
        torch.cat((encode_text(["x"], network.config),) * 2), seen.map(lambda part: part.expand(2, *part.shape[1:]))
    )
    alone = network(encode_text(["x"], network.config), seen)
    torch.testing.assert_close(joined.actions[1:], alone.actions, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("trunk", TRUNKS)
@torch.inference_mode()
def test_nobody_looks_at_what_fills_a_text_up(trunk: str) -> None:
    """Neither the text's own layers nor the trunk, whatever stands there."""
    network = network_of(trunk).double()
    text, seen = text_of(network.config, 2), seen_of(network.config, 2, 4, dtype=torch.float64)
    before = network(text, seen).actions
    network.text.embed.weight[PAD] += torch.randn(network.config.text_width)
    torch.testing.assert_close(network(text, seen).actions, before, rtol=0, atol=1e-14)


@torch.inference_mode()
def test_a_short_text_beside_a_long_one_is_read_as_alone() -> None:
    for trunk in TRUNKS:
        network = network_of(trunk).double()
        seen = seen_of(network.config, 2, 3, dtype=torch.float64)
        both = network(encode_text(["move it", "put the red disc down"], network.config), seen).actions
        alone = network(encode_text(["move it"], network.config), seen.map(lambda part: part[:1])).actions
        torch.testing.assert_close(both[:1], alone, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("trunk", TRUNKS)
@torch.inference_mode()
def test_the_instruction_matters(trunk: str) -> None:
    network = network_of(trunk)
    seen = seen_of(network.config, 1, 3)
    one, other = (network(encode_text([w], network.config), seen).actions for w in ("left", "lift"))
    assert (one - other).abs().max() > 1e-3


@pytest.mark.parametrize("trunk", TRUNKS)
@torch.inference_mode()
def test_nothing_is_seen_before_it_happens(trunk: str) -> None:
    """So a row that is filled up at its end acts as one that ends there."""
    network = network_of(trunk)
    text, seen = text_of(network.config, 2), seen_of(network.config, 2, 6)
    torch.testing.assert_close(
        network(text, seen).actions[:, :4], network(text, seen.within(slice(0, 4))).actions, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(("trunk", "inputs", "head"), VARIANTS)
def test_a_gradient_reaches_every_parameter(trunk: str, inputs: str, head: str) -> None:
    network = network_of(trunk, inputs, head, atoms=4, stages=3, positions=True)
    config = network.config
    features = network.encode(text_of(config, 2), seen_of(config, 2, 4))
    loss = network.losses(features, targets_of(config, 2, 4), torch.Generator().manual_seed(0))
    assert set(loss) == {"actions", "positions", "atoms", "stage"}
    sum(loss.values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
    missing = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert missing == []


def parameters(**changes: str) -> float:
    with torch.device("meta"):
        return sum(p.numel() for p in VLANetwork(vla_size(**changes)).parameters()) / 1e6


def test_the_networks_are_as_large_as_they_should_be() -> None:
    assert {head: round(parameters(head=head), 1) for head in ("l1", "flow")} == {"l1": 19.4, "flow": 21.5}
    assert parameters(trunk="mamba3") == pytest.approx(parameters(), rel=0.005)
    assert round(parameters(inputs="state"), 1) == 14.2


@torch.inference_mode()
def test_in_bfloat16_it_acts_nearly_the_same() -> None:
    for trunk in TRUNKS:
        network = network_of(trunk, "pixels", "flow")
        text, seen = text_of(network.config, 1), seen_of(network.config, 1, 4)
        exact = network(text, seen).actions
        cast(network, torch.bfloat16)
        rough = played(network, text, seen)
        assert rough.dtype == torch.float32
        assert 0 < (rough - exact).abs().max() < 0.1


def test_under_autocast_it_trains() -> None:
    for trunk in TRUNKS:
        network = network_of(trunk, "pixels")
        config = network.config
        with torch.autocast("cpu", torch.bfloat16):
            features = network.encode(text_of(config, 2), seen_of(config, 2, 3))
            loss = network.losses(features, targets_of(config, 2, 3))["actions"]
        loss.backward()  # type: ignore[no-untyped-call]
        assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
        assert torch.isfinite(loss)


@pytest.mark.parametrize("inputs", ["pixels", "state"])
@torch.inference_mode()
def test_the_sum_through_the_layers_is_float32_under_autocast(inputs: str) -> None:
    network = network_of(inputs=inputs)
    sums: list[torch.dtype] = []
    for layer in network.trunk.layers:  # type: ignore[union-attr]
        layer.norm.register_forward_pre_hook(lambda _, given: sums.append(given[0].dtype))
    with torch.autocast("cpu", torch.bfloat16):
        network(text_of(network.config, 2), seen_of(network.config, 2, 3))
    assert sums == [torch.float32] * network.config.layers


def test_mamba_trains_in_lower_precision_under_autocast_as_if_it_had_been_cast() -> None:
    trunk = network_of("mamba3").trunk
    lower = deepcopy(trunk)
    cast(lower, torch.bfloat16)
    prefix, real = torch.randn(1, 25, 32), torch.ones(1, 25, dtype=torch.bool)
    blocks = torch.randn(1, 3, 5, 32)
    with torch.autocast("cpu", torch.bfloat16):
        out = trunk(prefix, real, blocks)
    torch.testing.assert_close(out, lower(prefix, real, blocks), rtol=2e-2, atol=2e-2)
    assert not torch.equal(out, trunk(prefix, real, blocks))
    out.sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in trunk.parameters())


@pytest.mark.parametrize(("trunk", "inputs"), [("attention", "pixels"), ("mamba3", "state")])
def test_what_is_worth_compiling_compiles_whole(trunk: str, inputs: str) -> None:
    """No branch asks the data, so that there is one graph."""
    network = network_of(trunk, inputs)
    text, seen = text_of(network.config, 2), seen_of(network.config, 2, 3)
    compiled = torch.compile(network.encode, backend="eager", fullgraph=True)
    features = compiled(text, seen)
    torch.testing.assert_close(features, network.encode(text, seen), rtol=1e-4, atol=1e-6)
    features.sum().backward()  # type: ignore[no-untyped-call]
    assert network.senses.own.weight.grad is not None


def wrong(name: str, value: Tensor | None) -> Seen:
    config = vla_size("tiny")
    return Seen(**{**vars(seen_of(config, 1, 2)), name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("images", None, r"inputs 'pixels' needs images of shape \[..., 3, 32, 32, 3\]"),
        (
            "images",
            torch.zeros(1, 2, 3, 64, 64, 3).byte(),
            r"must be \[1, 2, 3, 32, 32, 3\], got \[1, 2, 3, 64, 64, 3\]",
        ),
        (
            "images",
            torch.zeros(1, 2, 2, 32, 32, 3).byte(),
            r"must be \[1, 2, 3, 32, 32, 3\], got \[1, 2, 2, 32, 32, 3\]",
        ),
        ("images", torch.zeros(1, 2, 3, 32, 32, 3), "images must be uint8, got torch.float32"),
        ("proprio", torch.zeros(1, 2, 9), r"proprio must be \[1, 2, 23\], got \[1, 2, 9\]"),
        ("noise", torch.zeros(1, 2, 4, 6), r"noise must be \[1, 2, 4, 7\], got \[1, 2, 4, 6\]"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, value: Tensor | None, message: str) -> None:
    network = network_of(inputs="pixels")
    with pytest.raises(InvalidValue, match=message):
        network(text_of(network.config, 1), wrong(name, value))


def test_a_cache_of_other_episodes_or_another_network_is_refused() -> None:
    network, other = network_of(), network_of("mamba3")
    text = text_of(network.config, 2)
    with pytest.raises(InvalidValue, match="the cache is of 2 episodes, 1 were seen"):
        network.step(seen_of(network.config, 1, 1).at(0), network.begin(text))
    with pytest.raises(InvalidValue, match="caches of different networks"):
        Cache.join([network.begin(text), other.begin(text)])


@pytest.mark.parametrize("words", ["", " ", "x " * 25])
def test_texts_that_no_network_can_read_are_refused(words: str) -> None:
    with pytest.raises(InvalidValue, match=r"an instruction must be 1 to 24 words and marks, got (0|25)"):
        encode_text([words], vla_size("tiny"))
    with pytest.raises(InvalidValue, match=r"int64 \[B, L\] with L <= 24, got torch.int64 \[1, 30\]"):
        network_of().begin(torch.ones(1, 30, dtype=torch.int64))
