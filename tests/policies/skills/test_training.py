"""Training repeats itself, survives an interrupt, and learns."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from nsctl.contracts import TrainingRequest
from nsctl.errors import InvalidValue
from policies.skills import training
from policies.skills.board import Board
from policies.skills.collect import Job, Trajectory, Verdict, collect
from policies.skills.config import SkillNetworkConfig
from policies.skills.curves import draw_curves
from policies.skills.learner import Learner, Recipe
from policies.skills.neural import NeuralSkill
from policies.skills.training import train


def quick(out: Path, **options: object) -> TrainingRequest:
    return TrainingRequest(out, seed=5, quick=True, **options)  # type: ignore[arg-type]


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    train(("pick",), quick(out))
    return out


def test_it_leaves_weights_config_and_a_card(trained: Path) -> None:
    card = (trained / "README.md").read_text()
    assert "nsctl train skill pick --seed 5 --quick" in card
    assert load_file(trained / "model.safetensors")["embed.weight"].shape == (64, 45)
    assert json.loads((trained / "config.json").read_text())["network"]["operators"] == ["pick"]
    told = NeuralSkill("pick", trained).describe()
    assert told["kind"] == "mamba3"
    assert told["training"]["joules"] > 0
    assert told["training"]["label"] == "modelled"


def test_two_workers_give_the_same_weights_as_one(trained: Path, tmp_path: Path) -> None:
    train(("pick",), quick(tmp_path, workers=2))
    assert weights(tmp_path) == weights(trained)


def test_an_interrupted_training_ends_as_if_nothing_had_happened(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def interrupt(job: Job) -> Trajectory | None:
        calls.append(job)
        if job.kind == "dagger":
            raise KeyboardInterrupt
        return collect(job)

    monkeypatch.setattr(training, "collect", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(("pick",), quick(tmp_path))
    monkeypatch.undo()
    assert not (tmp_path / "model.safetensors").exists()
    train(("pick",), quick(tmp_path, resume=True))
    assert weights(tmp_path) == weights(trained)


def test_a_finished_training_is_not_resumed_with_other_settings(trained: Path) -> None:
    with pytest.raises(InvalidValue, match="holds a training with other settings"):
        train(("pick",), TrainingRequest(trained, seed=6, quick=True, resume=True))


def test_no_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="workers must be >= 1, got 0"):
        train(("pick",), quick(tmp_path, workers=0))


@pytest.mark.parametrize("device", ["tpu", "cuda:7"])
def test_a_device_that_is_not_there_is_refused(tmp_path: Path, device: str) -> None:
    if device == "cuda:7" and torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(InvalidValue, match=r"device must be|no CUDA device is here"):
        train(("pick",), quick(tmp_path, device=device))


def test_one_network_learns_several_operators(tmp_path: Path) -> None:
    figures = train(("pick", "push"), quick(tmp_path, backbone="mlp"))
    for operator in ("pick", "push"):
        skill = NeuralSkill(operator, tmp_path)
        assert skill.describe()["kind"] == "mlp"
        assert skill.player.config.features == 71 + 2
    assert figures["rounds"][0]["episodes"] == 8  # four demonstrations of each
    assert "`pick`, `push`" in (tmp_path / "README.md").read_text()


def test_training_can_keep_to_one_task(tmp_path: Path) -> None:
    train(("pick",), quick(tmp_path, tasks=("stack-3",)))
    card = (tmp_path / "README.md").read_text()
    assert "--task stack-3" in card
    assert "Tasks: stack-3." in card


def entry(won: int, tried: int) -> list[Verdict]:
    return [Verdict(i < won, 0.0, 1, "it slipped", "stack-3") for i in range(tried)] + [Verdict(None, 0.0)]


@pytest.mark.parametrize(
    ("few", "many", "rounds", "checked"), [((2, 2), (4, 4), 1, 4), ((1, 2), (3, 4), 2, 4), ((2, 2), (3, 4), 2, 4)]
)
def test_it_ends_when_the_whole_check_is_passed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    few: tuple[int, int],
    many: tuple[int, int],
    rounds: int,
    checked: int,
) -> None:
    """``few`` of the first check and ``many`` of the whole one succeed, in every round."""
    verdicts = {e: Verdict(e < few[0] if e < few[1] else e - few[1] < many[0] - few[0], 0.0) for e in range(4)}
    monkeypatch.setattr(training, "check", lambda job: verdicts[job.episode])
    figures = train(("pick",), quick(tmp_path))
    assert len(figures["rounds"]) == rounds
    assert figures["rounds"][-1]["check"] == [many[0], checked]


def test_episodes_that_could_not_be_set_count_nowhere() -> None:
    told = training._judged(entry(2, 5))
    assert told["check"] == [2, 5]
    assert told["unprepared"] == 1
    assert told["failures"] == {"stack-3: it slipped": 3}


def test_curves_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = [{"round": i, "loss": [0.3, 0.2], "check": [9, 10], "interval": [0.6, 0.98]} for i in range(2)]
    assert draw_curves(tmp_path / "curves.png", rows)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_without_tensorboard_a_board_keeps_quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with Board(tmp_path / "board") as board:
        board.show({"round": 0, "loss": [1.0]}, (4,))
    assert not (tmp_path / "board").exists()


def test_a_board_shows_each_loss_at_its_step(tmp_path: Path) -> None:
    shown = []

    class Writer:
        def add_scalar(self, *what: object) -> None:
            shown.append(what)

        def close(self) -> None:
            shown.append(("closed",))

    with Board(tmp_path) as board:
        board._writer = Writer()
        row = {
            "loss": [0.5, 0.4],
            "check": [3, 4],
            "rollout_success": [1, 2],
            "frames": 9,
            "seconds": 2.0,
            "joules": None,
        }
        board.show({"round": 2, **row}, (100, 20))
    assert ("loss", 0.5, 130) in shown
    assert ("loss", 0.4, 140) in shown
    assert ("check", 0.75, 2) in shown
    assert not any(what[0] == "joules" for what in shown)
    assert shown[-1] == ("closed",)


def test_the_learner_fits_what_it_is_shown() -> None:
    """A teacher that depends on the past alone: the sign of a feature shown at the first step only."""
    rng = np.random.default_rng(0)
    data = []
    for _ in range(64):
        sign = rng.choice([-1.0, 1.0])
        features = rng.normal(size=(12, 45)).astype(np.float32) * 0.1
        features[0, 0], features[1:, 0] = sign, 0.0
        labels = np.full((12, 5), 0.5 * sign, dtype=np.float32)
        ends = (np.arange(12) >= 9).astype(np.float32)
        data.append(Trajectory(features, labels, ends, success=True, cpu_joules=0.0))
    learner = Learner(SkillNetworkConfig(layers=1), Recipe(batch=32, window=12), seed=0)
    losses = learner.fit(data, 150, lambda: None)
    assert losses[-1] < 0.3 * losses[0]
    with torch.no_grad():
        actions, _ = learner.average(torch.from_numpy(np.stack([t.features for t in data])))
    said = actions[:, -1, 0, 0].numpy()
    assert np.mean(np.sign(said) == [np.sign(t.labels[0, 0]) for t in data]) > 0.95
