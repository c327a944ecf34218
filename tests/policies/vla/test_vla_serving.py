"""Stepping in place is stepping."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from vla_samples import VARIANTS, network_of, played, seen_of, text_of

from nsctl.errors import InvalidValue
from policies.vla.config import vla_size
from policies.vla.network import VLANetwork
from policies.vla.serving import Serving, blank

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("trunk", "inputs", "head"), VARIANTS)
@torch.inference_mode()
def test_in_place_as_by_functions(
    trunk: str, inputs: str, head: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # which a GPU's convolutions round by, unasked
    network = network_of(trunk, inputs, head)
    text, seen = text_of(network.config, 2), seen_of(network.config, 2, 8)
    right = played(network, text, seen)
    serving = Serving(network.to(device), 2)
    for _ in range(2):  # a second episode knows nothing of the first
        serving.begin(text)
        for t in range(8):
            actions = serving.step(seen.at(t)).actions.cpu()
            torch.testing.assert_close(actions, right[:, t], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("trunk", ["attention", "mamba3"])
@torch.inference_mode()
def test_one_episode_begins_while_others_go_on(trunk: str) -> None:
    network = network_of(trunk)
    text, seen = text_of(network.config, 2), seen_of(network.config, 2, 7)
    right = played(network, text, seen)
    serving = Serving(network, 2)
    serving.begin(text)
    for t in range(5):
        serving.step(seen.at(t))
    serving.begin(text[1:], rows=[1])
    for t in (5, 6):
        now = seen.at(t).map(torch.clone)
        for part, whole in ((now.proprio, seen.proprio), (now.objects, seen.objects)):
            assert part is not None
            assert whole is not None
            part[1] = whole[1, t - 5]
        actions = serving.step(now).actions
        torch.testing.assert_close(actions, torch.stack((right[0, t], right[1, t - 5])), rtol=1e-4, atol=1e-6)


class Hosted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations that touch a tensor of the CPU."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[str] = []

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = operation(*args, **(kwargs or {}))
        if any(
            isinstance(part, torch.Tensor) and part.device.type == "cpu" for part in tree_leaves((args, kwargs, out))
        ):
            self.operations.append(str(operation))
        return out


@pytest.mark.parametrize(("inputs", "head"), [("pixels", "l1"), ("state", "flow")])
@torch.inference_mode()
def test_a_step_in_place_needs_nothing_of_the_host(inputs: str, head: str) -> None:
    """As a CUDA graph asks for: tensors without numbers refuse whoever looks at one, and nothing is copied from the CPU."""
    with torch.device("meta"):
        network = VLANetwork(vla_size("tiny", inputs=inputs, head=head)).eval()
        cache = network.begin(torch.zeros(2, 5, dtype=torch.int64))
        seen = blank(network.config, 2, torch.device("meta"))
    with Hosted() as hosted:
        network.step_(seen, cache)
    assert hosted.operations == []


@torch.inference_mode()
def test_nothing_moves_while_it_is_served() -> None:
    network = network_of()
    serving = Serving(network, 1)
    serving.begin(text_of(network.config, 1))
    before = [part.data_ptr() for part in serving.cache.tensors]
    first = serving.step(seen_of(network.config, 1, 1).at(0)).actions
    kept = first.clone()
    for t in range(4):
        serving.step(seen_of(network.config, 1, 4, seed=9).at(t))
    assert [part.data_ptr() for part in serving.cache.tensors] == before
    torch.testing.assert_close(first, kept, rtol=0, atol=0)


def test_the_wrong_number_of_episodes_is_refused() -> None:
    network = network_of()
    serving = Serving(network, 2)
    with pytest.raises(InvalidValue, match="2 episodes begin, and the text has 1 rows"):
        serving.begin(text_of(network.config, 1))
    with pytest.raises(InvalidValue, match="2 episodes are served, 1 were seen"):
        serving.step(seen_of(network.config, 1, 1).at(0))
    with pytest.raises(InvalidValue, match="batch must be an integer of at least 1, got 0"):
        Serving(network, 0)
