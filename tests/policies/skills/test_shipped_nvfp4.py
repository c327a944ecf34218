"""The NVFP4 weights that come with the package: made of the weights beside them, played by themselves, closer than PTQ."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from policies.nvfp4.file import read_quantised
from policies.nvfp4.policy import quantise_policy
from policies.nvfp4.sensitivity import action_error
from policies.skills import neural_skill
from policies.skills.neural import WEIGHTS, NeuralSkill
from policies.skills.quantisation import first_actions, network_in, recorded

FOLDERS = sorted(WEIGHTS.glob("*/nvfp4"))
each = pytest.mark.parametrize("folder", FOLDERS, ids=[folder.parent.name for folder in FOLDERS])


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def figures(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "config.json").read_text())["quantisation"]
    return found


def test_those_of_the_towers_are_there() -> None:
    assert {"pick", "place"} <= {folder.parent.name for folder in FOLDERS}


@each
def test_they_were_made_of_the_weights_beside_them(folder: Path) -> None:
    weights, told = read_quantised(folder / "model.safetensors"), figures(folder)
    assert weights.teacher == told["teacher_sha256"] == sha256(folder.parent / "model.safetensors")
    assert told["quantised_ratio"] <= 0.285
    card = (folder / "README.md").read_text()
    assert weights.teacher in card
    assert f"QAD / PTQ is\n  {told['error_ratio']:.3f}" in card
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "config.json", "curves.png", "model.safetensors", "training.json",
    }  # fmt: skip


@each
def test_they_are_what_the_precision_plays(folder: Path) -> None:
    told = neural_skill(folder.parent.name, "nvfp4").describe()
    assert (told["quantised"], told["sha256"]) == ("beforehand", sha256(folder / "model.safetensors"))
    cost, teacher = told["training"], NeuralSkill(folder.parent.name).describe()["training"]
    assert cost == json.loads((folder / "training.json").read_text())
    assert cost["joules"] > teacher["joules"]


@each
def test_on_fresh_episodes_they_act_closer_to_their_teacher_than_without_training(folder: Path) -> None:
    """On three fresh episodes of each operator the error is half of PTQ's at most; the card has it from 120."""
    teacher = network_in(folder.parent)
    seen = recorded(folder.parent, teacher.config, 3, seed=5)
    untrained = network_in(folder.parent)
    quantise_policy(untrained, sha256(folder.parent / "model.safetensors"))
    right = first_actions(teacher, seen)
    distilled, ptq = (
        action_error(first_actions(network, seen), right)
        for network in (NeuralSkill(folder.parent.name, folder).network, untrained)
    )
    assert 0 < distilled < ptq / 2
