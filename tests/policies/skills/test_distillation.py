"""A distilled skill: what is written, that it is what was judged, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.progress import Progress
from safetensors.torch import load_file

from nsctl.errors import InvalidValue, NsctlError, UnknownName
from nsctl.precision import Distillable, DistillationRequest
from policies.nvfp4.distil import Recipe
from policies.nvfp4.file import read_quantised
from policies.nvfp4.sensitivity import action_error
from policies.skills import distillation, distillation_rounds
from policies.skills.board import Board
from policies.skills.collect import Job, Trajectory, collect
from policies.skills.cost import read_cost
from policies.skills.distillation import QUICK, distil
from policies.skills.distillation_rounds import STUDENTS, Study
from policies.skills.neural import WEIGHTS, NeuralSkill
from policies.skills.quantisation import digest, first_actions, recorded, sha256_of

PICK = WEIGHTS / "pick"
SEED = 0


def quick(out: Path, **options: Any) -> DistillationRequest:
    return DistillationRequest(out, **{"teacher": "pick", "seed": SEED, "quick": True, **options})


def numbers(folder: Path) -> str:
    return digest(read_quantised(folder / "model.safetensors"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("weights") / "distilled"
    return out, distil(PICK, quick(out))


def test_the_three_errors_are_of_three_policies(written: tuple[Path, dict[str, Any]]) -> None:
    errors = written[1]["errors"]
    assert set(errors) == {"ptq", "qat", "qad"}
    assert 0 < errors["qad"] < errors["ptq"] < 0.3
    assert errors["qat"] not in (errors["qad"], errors["ptq"])
    assert written[1]["error_ratio"] == errors["qad"] / errors["ptq"]
    assert [entry["action_error"]["qad"] for entry in written[1]["rounds"]][-1] == errors["qad"]


def test_what_was_judged_is_what_was_written(written: tuple[Path, dict[str, Any]]) -> None:
    out, figures = written
    seen = recorded(PICK, NeuralSkill("pick").network.config, QUICK.held, SEED)
    teacher, student = (first_actions(NeuralSkill("pick", folder).network, seen) for folder in (PICK, out))
    assert action_error(student, teacher) == figures["errors"]["qad"]
    dense = NeuralSkill("pick", out).network.state_dict()
    last = load_file(out / "checkpoint" / f"round-{QUICK.rounds - 1}.safetensors")
    assert not any(torch.equal(dense[name], last[f"qad.network.{name}"]) for name in dense if "proj" in name)


def test_the_file_is_one_of_nsctl_quantize(written: tuple[Path, dict[str, Any]]) -> None:
    out, figures = written
    weights = read_quantised(out / "model.safetensors")
    assert weights.teacher == figures["teacher_sha256"] == sha256_of(PICK / "model.safetensors")
    assert figures["sha256"] == sha256_of(out / "model.safetensors")
    assert [layer["name"] for layer in figures["layers"]] == sorted(weights.layers)
    assert (weights.rule, dict(weights.exclusions)) == ("search", {})
    told = NeuralSkill("pick", out).describe()
    assert (told["precision"], told["quantised"]) == ("nvfp4", "beforehand")
    assert json.loads((out / "config.json").read_text())["quantisation"]["errors"] == figures["errors"]


def test_its_cost_is_its_teacher_s_and_its_own(written: tuple[Path, dict[str, Any]]) -> None:
    out, figures = written
    told, teacher = read_cost(out), read_cost(PICK)
    assert told is not None
    assert teacher is not None
    own = sum(entry["joules"] for entry in figures["rounds"])
    assert own > 0
    assert told["joules"] == pytest.approx(teacher["joules"] + own)
    assert told["note"] == f"the teacher's training and {own:.0f} J of distillation"
    assert told["seconds"] > teacher["seconds"]
    assert told["demonstrations"] == teacher["demonstrations"] + QUICK.episodes
    assert (told["expert_queries"], told["labels"]) == (teacher["expert_queries"], teacher["labels"])


def test_a_teacher_of_unknown_cost_makes_the_sum_unknown(tmp_path: Path) -> None:
    entry = {"joules": 3.0, "label": "modelled", "seconds": 2.0, "commit": "abc", "episodes": 4}
    told = distillation._cost(tmp_path, [entry, entry])
    assert (told["joules"], told["own_joules"], told["seconds"], told["commit"]) == (None, 6.0, 4.0, "abc")
    assert told["lessons"] == {}


def test_a_card_and_curves_lie_beside_it(written: tuple[Path, dict[str, Any]]) -> None:
    out, figures = written
    card = (out / "README.md").read_text()
    assert f"| distilled (QAD), these weights | {figures['errors']['qad']:.4f} |" in card
    counts = f"--episodes {QUICK.episodes} --rounds {QUICK.rounds}"
    command = f"nsctl distill --teacher pick --student-precision nvfp4 {counts} --seed 0 --quick"
    assert command in card
    assert card.count("\n| 0 | ") == card.count("\n| 1 | ") == 1
    assert list((out / "tensorboard").glob("events.*"))


def test_curves_are_drawn_where_they_can_be(written: tuple[Path, dict[str, Any]]) -> None:
    pytest.importorskip("matplotlib")
    assert (written[0] / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_an_interrupted_distillation_ends_as_if_nothing_had_happened(
    written: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(job: Job) -> Trajectory | None:
        if job.kind == "dagger":
            raise KeyboardInterrupt
        return collect(job)

    monkeypatch.setattr(distillation_rounds, "collect", interrupt)
    with pytest.raises(KeyboardInterrupt):
        distil(PICK, quick(tmp_path))
    monkeypatch.undo()
    assert not (tmp_path / "model.safetensors").exists()
    figures = distil(PICK, quick(tmp_path, resume=True))
    assert numbers(tmp_path) == numbers(written[0])
    assert figures["errors"] == written[1]["errors"]
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(InvalidValue, match="holds a training with other settings"):
        distil(PICK, quick(tmp_path, resume=True, seed=SEED + 1))


def test_the_student_s_own_episodes_are_in_the_data(written: tuple[Path, dict[str, Any]]) -> None:
    first, second = ((written[0] / "checkpoint" / f"round-{n}.npz") for n in (0, 1))
    with np.load(first) as demonstrated, np.load(second) as rolled:
        assert len(demonstrated["lengths"]) == QUICK.episodes
        assert 0 < len(rolled["lengths"]) == written[1]["rounds"][1]["episodes"] <= QUICK.episodes
        assert written[1]["rounds"][1]["frames"] == len(demonstrated["ends"]) + len(rolled["ends"])


@pytest.fixture(scope="module")
def study(written: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The same distillation again, all of its rounds read from the journal."""
    out = tmp_path_factory.mktemp("again")
    shutil.copytree(written[0] / "checkpoint", out / "checkpoint")
    with Progress(disable=True) as progress, Board(out / "tensorboard") as board:
        again = Study(PICK, quick(out, resume=True), QUICK, progress, board)
        assert again.run() == written[1]["rounds"]
    return again


def test_nobody_learns_from_the_episodes_of_the_action_errors(study: Study) -> None:
    held = {features[0].tobytes() for features in study.held}
    learnt = {played.features[0].tobytes() for played in study._seen("qad")}
    assert len(held) == QUICK.held
    assert len(learnt) == sum(len(fresh) for fresh in study._data)
    assert not held & learnt


def test_one_student_learns_from_the_expert_s_demonstrations_and_the_other_from_the_teacher_everywhere(
    study: Study,
) -> None:
    demonstrated = {played.features[0].tobytes() for played in study._data[0]}
    starts: dict[str, set[bytes]] = {}
    for name in STUDENTS:
        batches = study._batches(name)
        drawn = [next(batches) for _ in range(8)]
        starts[name] = {row.numpy().tobytes() for batch in drawn for row in batch.inputs[:, 0]}
        batch = drawn[0]
        longest = max(len(played.ends) for played in study._seen(name))
        assert batch.inputs.shape[1] == min(QUICK.recipe.unroll, longest) > 30
        with torch.no_grad():
            told, logits = study.teacher(batch.inputs)
        if name == "qad":
            assert torch.equal(batch.wanted.actions, told)
            assert torch.equal(batch.wanted.ends, logits.sigmoid())
            assert len(batch.wanted.features) == len(study.pair.students["qad"].roles)
        else:
            assert not torch.allclose(batch.wanted.actions, told, atol=0.1)
            assert bool(((batch.wanted.ends == 0) | (batch.wanted.ends == 1)).all())
            assert batch.wanted.features == ()
    assert starts["qat"] <= demonstrated < starts["qad"] | demonstrated
    assert len({student.steps for student in study.pair.students.values()}) == 1


def test_a_round_without_any_episode_is_refused(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distillation_rounds, "collect", lambda _: None)
    with pytest.raises(NsctlError, match="none of 6 episodes of pick in round 1 could be set: ask for more"):
        study._collected(1)


def test_a_student_that_is_worse_than_untrained_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wild = replace(QUICK, rounds=1, recipe=Recipe(steps=3, batch=4, rate=0.1))
    monkeypatch.setattr(distillation, "QUICK", wild)
    with pytest.raises(NsctlError, match="worse than the teacher quantised without training: its actions err by"):
        distil(PICK, quick(tmp_path))
    assert not (tmp_path / "model.safetensors").exists()
    assert not (tmp_path / "README.md").exists()


def test_a_skill_offers_it() -> None:
    assert isinstance(NeuralSkill("pick"), Distillable)


def test_refusals(written: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no precision of a student is called 'nvfp8'"):
        distil(PICK, quick(tmp_path, precision="nvfp8"))
    with pytest.raises(InvalidValue, match="holds weights already"):
        distil(PICK, quick(written[0]))
    with pytest.raises(InvalidValue, match="device must be cpu, cuda, cuda:N or mps, got 'tpu'"):
        distil(PICK, quick(tmp_path, device="tpu"))
    with pytest.raises(InvalidValue, match="rounds must be >= 1, got 0"):
        distil(PICK, quick(tmp_path, rounds=0))
    with pytest.raises(InvalidValue, match="name the folder of its teacher"):
        distil(written[0], quick(tmp_path))
    with pytest.raises(NsctlError, match="holds no policy"):
        distil(tmp_path, quick(tmp_path / "out"))
