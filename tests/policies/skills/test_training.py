"""Training repeats itself, survives an interrupt, and learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from nsctl.contracts import TrainingRequest
from nsctl.errors import InvalidValue
from policies.skills import training
from policies.skills.collect import Job, Trajectory, collect
from policies.skills.config import SkillNetworkConfig
from policies.skills.learner import Learner, Recipe
from policies.skills.training import train


def quick(out: Path, **options: object) -> TrainingRequest:
    return TrainingRequest(out, seed=5, quick=True, **options)  # type: ignore[arg-type]


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    train("pick", quick(out))
    return out


def test_it_leaves_weights_config_and_a_card(trained: Path) -> None:
    card = (trained / "README.md").read_text()
    assert "nsctl train skill pick --seed 5 --quick" in card
    assert load_file(trained / "model.safetensors")["embed.weight"].shape == (64, 45)
    assert '"operator": "pick"' in (trained / "config.json").read_text()


def test_two_workers_give_the_same_weights_as_one(trained: Path, tmp_path: Path) -> None:
    train("pick", quick(tmp_path, workers=2))
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
        train("pick", quick(tmp_path))
    monkeypatch.undo()
    assert not (tmp_path / "model.safetensors").exists()
    train("pick", quick(tmp_path, resume=True))
    assert weights(tmp_path) == weights(trained)


def test_a_finished_training_is_not_resumed_with_other_settings(trained: Path) -> None:
    with pytest.raises(InvalidValue, match="holds a training with other settings"):
        train("pick", TrainingRequest(trained, seed=6, quick=True, resume=True))


def test_no_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="workers must be >= 1, got 0"):
        train("pick", quick(tmp_path, workers=0))


def test_demonstrations_repeat_and_mostly_succeed() -> None:
    runs = [[collect(Job("place", "demo", 2, e)) for e in range(6)] for _ in range(2)]
    for one, other in zip(*runs, strict=True):
        assert one is not None
        assert other is not None
        assert np.array_equal(one.features, other.features)
        assert one.features.shape[1] == 45
        assert one.labels.shape == (len(one.ends), 5)
        assert np.abs(one.labels).max() <= 1.0
    assert sum(t.success for t in runs[0] if t is not None) >= 5


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
