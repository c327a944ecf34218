"""Training goes through all its stages, can be cut anywhere, and learns."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nsctl.contracts import AgentTrainingRequest
from nsctl.errors import InvalidValue
from policies.skills.schedule import Schedule as SkillSchedule
from policies.vla.compact import pack, unpack
from policies.vla.dataset import Frames
from policies.vla.episodes import Job
from policies.vla.learner import Learner, Recipe
from policies.vla.recording import record
from policies.vla.schedule import MOVES, Schedule, skill_queries, task_of_moves
from policies.vla.training import OutOfTime, Trainer, train
from policies.vla.variants import network_of


def quick(out: Path, **options: object) -> AgentTrainingRequest:
    return AgentTrainingRequest(out, seed=5, quick=True, **options)  # type: ignore[arg-type]


def weights(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("model-*.safetensors")))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    train("vla-state", quick(out))
    return out


def test_it_leaves_weights_card_cost_and_curves(trained: Path) -> None:
    card = (trained / "README.md").read_text()
    assert "nsctl train vla --variant vla-state --seed 5 --quick" in card
    assert "Unfinished" not in card
    cost = json.loads((trained / "training.json").read_text())
    assert cost["joules"] > 0
    assert cost["label"] == "modelled"
    assert (cost["demonstrations"], cost["expert_queries"]) == (3, 1)
    assert cost["labels"] > 300
    assert "note" not in cost
    assert weights(trained)


@pytest.mark.parametrize("head", ["l1", "flow"])
def test_both_heads_and_the_other_trunk_are_trained_from_pictures(tmp_path: Path, head: str) -> None:
    figures = train("vla-mamba3" if head == "l1" else "vla", quick(tmp_path, head=head, workers=2))
    assert figures["steps"] == 6
    assert [entry["round"] for entry in figures["rounds"]] == [0, 1]


def test_a_training_in_many_sittings_ends_as_one_in_one(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sitting ends at its first chance or its second; once, in DAgger, all that was played is lost between two."""
    notes: list[str] = []
    chances: list[float] = []
    lost = False

    def impatient(self: Trainer, expected: float) -> None:
        chances.append(expected)
        if sum(each > -1 for each in chances) > len(notes) % 2:
            raise OutOfTime

    monkeypatch.setattr(Trainer, "_go_on", impatient)
    figures = train("vla-state", quick(tmp_path))
    while "note" in figures:
        notes.append(figures["note"])
        assert len(notes) < 40
        if not lost and (tmp_path / "checkpoint" / "played-1.npz").exists():
            shutil.rmtree(tmp_path / "data")
            lost = True
        chances.clear()
        figures = train("vla-state", quick(tmp_path, resume=True))
    assert lost
    assert sum("round 1" in note for note in notes) >= 3
    assert weights(tmp_path) == weights(trained)


def test_two_workers_give_the_same_weights_as_one(trained: Path, tmp_path: Path) -> None:
    train("vla-state", quick(tmp_path, workers=2))
    assert weights(tmp_path) == weights(trained)


def test_other_settings_are_not_gone_on_with(trained: Path) -> None:
    with pytest.raises(InvalidValue, match="holds a training with other settings"):
        train("vla-state", quick(trained, resume=True, head="flow"))


def test_trained_weights_are_not_overwritten(trained: Path) -> None:
    with pytest.raises(InvalidValue, match="holds trained weights already"):
        train("vla-state", quick(trained))


@pytest.mark.parametrize(
    ("variant", "options", "message"),
    [
        ("vla-planned", {}, "'vla-planned' plays the weights of 'vla': train that one"),
        ("vla-stat", {}, "Did you mean 'vla-state'"),
        ("vla", {"head": "ddpm"}, "no head is called 'ddpm'"),
        ("vla", {"workers": 0}, "workers must be >= 1, got 0"),
        ("vla", {"device": "tpu"}, "device must be"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    tmp_path: Path, variant: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises((InvalidValue, LookupError), match=message):
        train(variant, quick(tmp_path, **options))


@pytest.mark.parametrize("wrong", [{"minutes": 0.0}, {"budget": -1.0}])
def test_a_sitting_takes_time(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidValue, match="must be > 0"):
        quick(tmp_path, **wrong)


def test_the_expert_is_asked_as_often_as_for_the_skills() -> None:
    assert skill_queries() == SkillSchedule().dagger * 2 * 80 == Schedule().queries
    assert Schedule().rounds == SkillSchedule().least


def test_every_other_episode_of_moves_is_of_the_discs_that_agents_are_compared_on() -> None:
    drawn = [task_of_moves(n) for n in range(2 * len(MOVES))]
    assert drawn[::2] == ["move"] * len(MOVES)
    assert sorted(drawn[1::2]) == sorted(MOVES)


def test_a_budget_multiplies_the_steps_and_nothing_else() -> None:
    twice = Schedule().with_budget(2.0)
    assert twice.recipe.steps == tuple(2 * each for each in Schedule().recipe.steps)
    assert (twice.queries, twice.towers) == (Schedule().queries, Schedule().towers)


def test_the_rate_warms_up_and_falls() -> None:
    recipe = Recipe()
    rates = [recipe.rate_at(0, step) for step in range(0, recipe.steps[0], 50)]
    top = rates.index(max(rates))
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == pytest.approx(recipe.rate)
    assert recipe.rate_at(1, 200) == pytest.approx(recipe.later_rate, rel=0.05)


def test_what_is_packed_is_small_and_nearly_the_same() -> None:
    torch.manual_seed(0)
    w = torch.randn(64, 128)
    state = {
        "w": w,
        "lag.w": 1e-3 * w,
        "bias": torch.randn(7),
        "o.0.exp_avg": 1e-3 * w,
        "o.0.exp_avg_sq": 1e-6 * w.square(),
    }
    packed = pack(state)
    assert sum(t.nbytes for t in packed.values()) < 5.2 * w.numel()
    back = unpack(packed)
    assert torch.equal(back["bias"], state["bias"])
    for name, off in (("w", 2**-8), ("lag.w", 2**-4), ("o.0.exp_avg", 2**-4), ("o.0.exp_avg_sq", 0.27)):
        big = state[name].abs() > 0.05 * state[name].abs().max()
        assert ((back[name] - state[name]).abs() <= off * state[name].abs())[big].all(), name
    assert all(torch.equal(a, b) for a, b in zip(pack(state).values(), packed.values(), strict=True))


def test_it_learns_what_is_shown() -> None:
    config = network_of("vla-state", tiny=True)
    frames = Frames([record(Job("demo", "hanoi-1", 3, 0))], config)
    learner = Learner(config, Recipe(steps=(160,), rows=8, decisions=3, rate=4e-3, warm_up=10), 0)
    learner.standardise(frames)
    first = learner.fit(frames, 0, 0, 10, lambda: None)
    for start in range(10, 160, 30):
        last = learner.fit(frames, 0, start, min(160, start + 30), lambda: None)
    assert last["actions"] < 0.8 * first["actions"]
    assert last["atoms"] < 0.7 * first["atoms"]
    assert 0 < last["gradient_norm"] < 100


def test_decisions_with_and_without_a_past_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    config = network_of("vla-state", tiny=True)
    frames = Frames([record(Job("demo", "hanoi-1", 7, 0))], config)
    sizes: list[tuple[int, int]] = []
    batch = frames.batch

    def noted(rows: int, decisions: int, key: tuple[int, ...]) -> object:
        sizes.append((rows, decisions))
        return batch(rows, decisions, key)

    monkeypatch.setattr(frames, "batch", noted)
    Learner(config, Recipe(steps=(4,), rows=2, decisions=3, alone=5), 0).fit(frames, 0, 0, 4, lambda: None)
    assert sizes == [(2, 3), (5, 1)] * 2


@pytest.mark.parametrize("variant", ["vla-state", "vla", "vla-mamba3"])
def test_all_of_the_encoder_is_compiled(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = network_of(variant, tiny=True)
    frames = Frames([record(Job("demo", "hanoi-1", 7, 0, config.cameras if config.inputs == "pixels" else ()))], config)
    names: list[str] = []

    def noted(function: Callable[..., object], **_: object) -> Callable[..., object]:
        names.append(function.__name__)
        return function

    monkeypatch.setattr(torch, "compile", noted)
    recipe = Recipe(steps=(2,), rows=2, decisions=2, alone=4)
    losses = [Learner(config, recipe, 0, compiled=c).fit(frames, 0, 0, 2, lambda: None) for c in (False, True)]
    assert names == ["encode"]
    assert losses[0] == losses[1]
