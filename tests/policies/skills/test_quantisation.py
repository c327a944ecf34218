"""Skills in NVFP4: what is written, what is played, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nsctl.errors import InvalidValue, NsctlError, UnknownName
from nsctl.precision import Quantisable, QuantisationRequest
from policies.nvfp4.file import read_quantised, write_quantised
from policies.nvfp4.sensitivity import action_error
from policies.skills import neural_skill
from policies.skills.neural import WEIGHTS, NeuralSkill
from policies.skills.quantisation import digest, first_actions, quantise, recorded

PICK = WEIGHTS / "pick"
REQUEST = QuantisationRequest(None, episodes=3, threshold=10.0)
"""Few episodes, and no layer excluded."""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("weights") / "pick-nvfp4"
    return out, quantise(PICK, replace(REQUEST, out=out))


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The shipped weights as they were trained, alone."""
    return Path(shutil.copytree(PICK, tmp_path / "pick", ignore=shutil.ignore_patterns("nvfp4")))


@pytest.fixture(scope="module")
def seen() -> list[Any]:
    return recorded(PICK, NeuralSkill("pick").network.config, 3, seed=1)


def test_the_file_is_what_the_figures_say(written: tuple[Path, dict[str, Any]]) -> None:
    out, figures = written
    weights = read_quantised(out / "model.safetensors")
    assert weights.teacher == figures["teacher_sha256"] == sha256(PICK / "model.safetensors")
    assert figures["sha256"] == sha256(out / "model.safetensors")
    stored = sum(t.nbytes for t in weights.exact.values()) + sum(t.nbytes for t in weights.layers.values())
    assert figures["bytes_after"] == stored
    assert [layer["name"] for layer in figures["layers"]] == sorted(weights.layers)
    assert figures["quantised_ratio"] <= 0.285
    assert 0 < figures["action_error"] < 0.3
    config = json.loads((out / "config.json").read_text())
    assert config["precision"] == "nvfp4"
    assert config["network"] == json.loads((PICK / "config.json").read_text())["network"]
    assert config["quantisation"]["action_error"] == figures["action_error"]


def actions(skill: NeuralSkill, episode: Any) -> Any:
    hidden, played = skill.player.rest(1), []
    for moment in episode:
        action, _, hidden = skill.player.step(moment[None], hidden)
        played.append(action[0])
    return np.array(played)


def test_it_is_played_from_the_folder(written: tuple[Path, dict[str, Any]], seen: list[Any]) -> None:
    student, teacher = NeuralSkill("pick", written[0]), NeuralSkill("pick")
    with torch.inference_mode():
        expected = first_actions(student.network, seen[:1]).numpy()
    played = actions(student, seen[0])
    np.testing.assert_allclose(played, expected, rtol=0, atol=1e-4)
    assert not np.allclose(played, actions(teacher, seen[0]), atol=1e-3)


def test_the_record_knows_precision_and_both_hashes(written: tuple[Path, dict[str, Any]]) -> None:
    told, teacher = NeuralSkill("pick", written[0]).describe(), NeuralSkill("pick").describe()
    assert (told["precision"], told["quantised"], told["excluded"]) == ("nvfp4", "beforehand", [])
    assert told["sha256"] == sha256(written[0] / "model.safetensors")
    assert told["teacher_sha256"] == teacher["sha256"]
    assert (told["parameters"], told["training"]) == (teacher["parameters"], teacher["training"])
    assert "precision" not in teacher  # records of before are not to change


def test_quantised_at_load_it_is_the_same_policy(written: tuple[Path, dict[str, Any]], bare: Path) -> None:
    told, weights = NeuralSkill("pick", bare, "nvfp4").describe(), read_quantised(written[0] / "model.safetensors")
    assert told["quantised"] == "at load"
    assert told["training"] == NeuralSkill("pick").describe()["training"]
    assert told["sha256"] == digest(weights)
    name, layer = next(iter(weights.layers.items()))
    other = replace(weights, layers={**weights.layers, name: replace(layer, codes=layer.codes ^ 1)})
    assert digest(other) != digest(weights)
    assert neural_skill("pick", str(written[0])).describe()["sha256"] == written[1]["sha256"]


def test_stack_and_place_play_one_policy() -> None:
    assert neural_skill("stack", "nvfp4").describe()["sha256"] == neural_skill("place", "nvfp4").describe()["sha256"]


def test_weights_beside_the_teacher_s_are_taken_as_long_as_they_are_its(
    written: tuple[Path, dict[str, Any]], bare: Path
) -> None:
    shutil.copytree(written[0], bare / "nvfp4")
    (bare / "nvfp4" / "training.json").write_text('{"joules": 7}')
    told = NeuralSkill("pick", bare, "nvfp4").describe()
    assert (told["quantised"], told["training"]) == ("beforehand", {"joules": 7})
    assert "precision" not in NeuralSkill("pick", bare).describe()
    shutil.copy(WEIGHTS / "place" / "model.safetensors", bare / "model.safetensors")
    told = NeuralSkill("pick", bare, "nvfp4").describe()
    assert told["quantised"] == "at load"
    assert told["teacher_sha256"] == sha256(bare / "model.safetensors")


def test_swapped_nibbles_are_seen_in_the_actions(
    written: tuple[Path, dict[str, Any]], seen: list[Any], tmp_path: Path
) -> None:
    weights = read_quantised(written[0] / "model.safetensors")
    layers = {n: replace(t, codes=(t.codes << 4) | (t.codes >> 4)) for n, t in weights.layers.items()}
    shutil.copytree(written[0], tmp_path / "swapped")
    write_quantised(tmp_path / "swapped" / "model.safetensors", replace(weights, layers=layers))
    teacher, right, wrong = (
        first_actions(NeuralSkill("pick", folder).network, seen) for folder in (PICK, written[0], tmp_path / "swapped")
    )
    assert action_error(right, teacher) < 0.3 < action_error(wrong, teacher)


def test_exclusions_are_kept_and_told() -> None:
    name = "backbone.layers.0.mixer.out_proj"
    figures = quantise(PICK, replace(REQUEST, exclude=(name,)))
    lines = {layer["name"]: layer for layer in figures["layers"]}
    assert lines[name]["excluded"] == "asked for with --exclude"
    assert (lines[name]["rows"], lines[name]["before"]) == (0, lines[name]["after"])
    assert all(line["rows"] for other, line in lines.items() if other != name)


def test_a_strict_threshold_keeps_everything_and_the_actions() -> None:
    figures = quantise(PICK, replace(REQUEST, threshold=1e-9))
    assert all("threshold is 1e-09" in layer["excluded"] for layer in figures["layers"])
    assert (figures["ratio"], figures["quantised_ratio"]) == (1.0, None)
    assert figures["action_error"] < 0.02  # bfloat16 is all that is left


def test_a_skill_offers_it() -> None:
    assert isinstance(NeuralSkill("pick"), Quantisable)


def test_refusals(written: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="layer that can be quantised"):
        quantise(PICK, replace(REQUEST, exclude=("backbone.layers.9",)))
    with pytest.raises(UnknownName, match="rule for block scales"):
        quantise(PICK, replace(REQUEST, rule="serach"))
    with pytest.raises(InvalidValue, match="holds weights already"):
        quantise(PICK, replace(REQUEST, out=written[0]))
    with pytest.raises(InvalidValue, match="name the folder of its teacher"):
        quantise(written[0], REQUEST)
    with pytest.raises(NsctlError, match="holds no policy"):
        quantise(tmp_path, REQUEST)
    with pytest.raises(UnknownName, match="precision of a skill"):
        neural_skill("pick", "nvfp8")
