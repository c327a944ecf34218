"""A skill on a GPU, or by the same code on a CPU: it acts as in NumPy, and executions keep what is theirs."""

from __future__ import annotations

import gc
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nsctl.errors import InvalidValue, NsctlError, Unfit
from nsctl.precision import skills_at
from policies.mamba3.config import Mamba3Config
from policies.skills import graphed_network, neural_skill
from policies.skills.config import BACKBONES, Backbone, SkillNetworkConfig
from policies.skills.graphed_network import GraphedSkillNetwork, Memory, cuda_device
from policies.skills.network import SkillNetwork
from policies.skills.neural import NeuralSkill
from policies.skills.numpy_network import NumpySkillNetwork

Floats = NDArray[np.float32]
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def made(backbone: Backbone = "mamba3") -> tuple[SkillNetwork, NumpySkillNetwork]:
    """A small network as it plays here, and the same in NumPy."""
    torch.manual_seed(0)
    block = Mamba3Config(d_model=16, d_state=8, head_dim=16)
    network = SkillNetwork(SkillNetworkConfig(("pick",), backbone, layers=1, block=block, hidden=24))
    weights = {name: w.numpy().copy() for name, w in network.state_dict().items()}
    return network, NumpySkillNetwork(network.config, weights)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack by PyTorch: what is tested here is not the kernels, and the interpreter is slow."""
    monkeypatch.setattr("policies.mamba3.decoder.why_not", lambda _: "for the test")


def features(player: NumpySkillNetwork | GraphedSkillNetwork, batch: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(batch, player.config.features)).astype(np.float32)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_it_acts_as_in_numpy(backbone: Backbone) -> None:
    network, right = made(backbone)
    player = GraphedSkillNetwork(network, DEVICE, torch.float32)
    memories, theirs = [player.begin()], [right.begin()]
    for moment in range(4):
        x = features(player, 1, moment)
        (actions, logits), (wanted, logit) = player.act(x, memories), right.act(x, theirs)
        np.testing.assert_allclose(actions, wanted, rtol=0, atol=2e-5)
        np.testing.assert_allclose(logits, logit, rtol=1e-4, atol=1e-4)
    assert not np.allclose(actions, 0, atol=1e-3)


@pytest.mark.usefixtures("plain")
def test_executions_mixed_anyhow_are_as_if_alone() -> None:
    """Steps of one, of two in either order and of three; every execution sees its own inputs in its own order."""
    network, right = made()
    player = GraphedSkillNetwork(network, DEVICE, torch.float32)
    memories, theirs = [player.begin() for _ in range(3)], [right.begin() for _ in range(3)]
    rounds: list[Sequence[int]] = [(0,), (0,), (1,), (0, 1), (0, 1), (1, 0), (2,), (0, 1, 2), (2, 0), (0,)]
    for number, chosen in enumerate(rounds):
        x = features(player, len(chosen), number)
        actions, logits = player.act(x, [memories[i] for i in chosen])
        for row, i in enumerate(chosen):
            wanted, logit = right.act(x[row : row + 1], [theirs[i]])
            np.testing.assert_allclose(actions[row], wanted[0], rtol=0, atol=2e-5)
            np.testing.assert_allclose(logits[row], logit[0], rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("plain")
def test_a_new_execution_begins_at_rest_and_an_ended_one_is_forgotten() -> None:
    player = GraphedSkillNetwork(made()[0], DEVICE, torch.float32)
    x = features(player, 1)
    memory = player.begin()
    first, _ = player.act(x, [memory])
    later, _ = player.act(x, [memory])
    assert not np.array_equal(first, later)  # it remembers
    del memory
    gc.collect()
    again, _ = player.act(x, [player.begin()])
    np.testing.assert_array_equal(again, first)


@pytest.mark.usefixtures("plain")
def test_one_that_goes_on_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    player = GraphedSkillNetwork(made()[0], DEVICE, torch.float32)
    memory, x = player.begin(), features(player, 1)
    player.act(x, [memory])
    monkeypatch.setattr(graphed_network._Running, "sit", lambda *_: pytest.fail("it sat there already"))
    player.act(x, [memory])


@pytest.mark.usefixtures("plain")
def test_in_bfloat16_the_heads_stay_exact() -> None:
    network, right = made()
    player = GraphedSkillNetwork(network, DEVICE, torch.bfloat16)
    assert network.embed.weight.dtype == network.head.weight.dtype == torch.float32
    assert next(network.backbone.parameters()).dtype == torch.bfloat16
    x = features(player, 1)
    off = np.abs(player.act(x, [player.begin()])[0] - right.act(x, [right.begin()])[0]).max()
    assert 1e-6 < off < 0.02


@pytest.mark.usefixtures("plain")
def test_a_quantised_policy_plays_on_it_as_decoded_in_numpy() -> None:
    """The shipped skill: its weights as they are stored, in bfloat16, against the same decoded, in float32."""
    skill = neural_skill("place", "nvfp4")
    quantised = skill._quantised
    assert quantised is not None
    player = GraphedSkillNetwork(quantised.network(skill._config), DEVICE, torch.bfloat16)
    memories, theirs = [player.begin()], [skill.player.begin()]
    for moment in range(6):
        x = np.full((1, player.config.features), 0.1 * (moment + 1), np.float32)
        actions, _ = player.act(x, memories)
        wanted, _ = skill.player.act(x, theirs)
    np.testing.assert_allclose(actions, wanted, rtol=0, atol=0.05)
    assert "fused kernels" in player.report()


@pytest.mark.usefixtures("plain")
def test_what_does_not_fit_is_refused() -> None:
    player = GraphedSkillNetwork(made()[0], DEVICE, torch.float32)
    with pytest.raises(InvalidValue, match=re.escape(f"the features must be [2, {player.config.features}], got [1, ")):
        player.act(features(player, 1), [Memory(), Memory()])


def test_a_device_that_is_not_here_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("cuda", "cuda:3"):
        with pytest.raises(InvalidValue, match=f"a skill cannot play on {name}: no CUDA device is here, or this build"):
            neural_skill("pick", f"nvfp4@{name}")
    with pytest.raises(NsctlError, match=r"no CUDA device is here.*leave --device out"):
        skills_at("float32", "nesy", (), "cuda")
    with pytest.raises(InvalidValue, match="a skill plays on cpu, cuda or cuda:N, not on 'tpu'"):
        cuda_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert cuda_device("cuda:1").index == 1
    with pytest.raises(InvalidValue, match="cannot play on cuda:2: the last of 2 CUDA devices is cuda:1"):
        cuda_device("cuda:2")


def test_bfloat16_is_for_a_gpu() -> None:
    with pytest.raises(InvalidValue, match="plays bfloat16 on a GPU alone"):
        neural_skill("pick", "bfloat16")
    with pytest.raises(Unfit, match=r"bfloat16 is for a GPU.*add --device cuda"):
        skills_at("bfloat16", "nesy")
    with pytest.raises(Unfit, match="'random' has no skills that can play on another device: leave --device out"):
        skills_at("float32", "random", (), "cuda")


def test_the_device_follows_the_weights_in_a_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(graphed_network, "cuda_device", torch.device)
    assert skills_at("nvfp4", "nesy", ("pick",), "cuda:1")[:2] == ("pick", "place:nvfp4@cuda:1")
    skill = neural_skill("pick", "bfloat16@cuda:1")
    assert (skill._precision, skill._device) == ("bfloat16", "cuda:1")
    folder = tmp_path / "odd@name"
    folder.mkdir()
    for variant, device in ((str(folder), "cpu"), (f"{folder}@cuda", "cuda"), (f"{folder}@cpu", "cpu")):
        found = neural_skill("pick", variant)
        assert (found._folder, found._device) == (folder, device)


@pytest.mark.usefixtures("plain")
def test_the_record_says_where_it_played(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "device" not in NeuralSkill("pick").describe()
    monkeypatch.setattr(graphed_network, "cuda_device", torch.device)
    for asked, precision in (("", "float32"), ("bfloat16", "bfloat16"), ("nvfp4", "nvfp4")):
        skill = NeuralSkill("pick", precision=asked, device="cuda:0")
        skill.__dict__["player"] = GraphedSkillNetwork(made()[0], DEVICE, torch.float32)
        told = skill.describe()
        assert (told["precision"], told["device"]) == (precision, "cuda:0")
        assert told["computed_by"].endswith("fused kernels: for the test)")


@pytest.mark.skipif("not torch.cuda.is_available()", reason="a CUDA graph needs a GPU")
def test_a_graph_gives_what_eager_gives() -> None:
    skill = NeuralSkill("pick", precision="nvfp4", device="cuda")
    player = skill.player
    assert isinstance(player, GraphedSkillNetwork)
    assert player.report().startswith("CUDA graph of ")
    x, memory, other = features(player, 1), player.begin(), player.begin()
    running = player._running_of(1)
    graphed = [player.act(x, [memory]) for _ in range(3)]
    running.run = running.moment
    eager = [player.act(x, [other]) for _ in range(3)]
    for (a, p), (b, q) in zip(graphed, eager, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(p, q)
