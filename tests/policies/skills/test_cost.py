"""The cost of a training, for programs: it says what the card says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nsctl.contracts import TrainingRequest
from policies.skills.cost import TRAINING, lessons, read_cost, write_cost
from policies.skills.neural import WEIGHTS

SHIPPED = sorted(path.parent for path in WEIGHTS.glob("*/model.safetensors"))
COST = re.compile(r"\*\*Cost\*\*: ([\d.]+) minutes and (\d+|\?) J(?: for rounds [\w ]+)? \((\w+)")


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_shipped_weights_say_the_same_as_their_card(folder: Path) -> None:
    found = COST.search((folder / "README.md").read_text())
    assert found is not None
    minutes, joules, label = found.groups()
    told = read_cost(folder)
    assert told is not None
    assert (f"{told['joules']:.0f}", told["label"]) == (joules, label)
    assert told["seconds"] / 60 == pytest.approx(float(minutes), abs=0.06)
    assert {"device", "commit"} <= set(told)


ROW = re.compile(r"^\| \d+ \| (\d+) \| (\d+|\?) \|", re.MULTILINE)


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_shipped_weights_had_the_lessons_of_their_card(folder: Path) -> None:
    rows = ROW.findall((folder / "README.md").read_text())
    told = read_cost(folder)
    assert told is not None
    assert told["demonstrations"] == int(rows[0][0])
    assert told["expert_queries"] == sum(int(episodes) for episodes, _ in rows[1:])
    assert str(told["labels"] or "?") == rows[-1][1]


def test_lessons_are_those_of_all_rounds() -> None:
    rounds = [{"episodes": 8, "frames": 100}, {"episodes": 3, "frames": 130}, {"episodes": 2, "frames": 150}]
    assert lessons(rounds) == {"demonstrations": 8, "expert_queries": 5, "labels": 150}
    assert lessons(rounds[:1]) == {"demonstrations": 8, "expert_queries": 0, "labels": 100}
    assert lessons(()) == {}


@pytest.mark.parametrize("joules", [12.5, None])
def test_what_is_written_is_read(joules: float | None, tmp_path: Path) -> None:
    figures = {"joules": joules, "label": "modelled", "seconds": 3.0, "commit": "abc", "success": "9 of 10"}
    write_cost(tmp_path, TrainingRequest(tmp_path, device="cuda"), figures)
    assert read_cost(tmp_path) == {
        "joules": joules,
        "label": "modelled",
        "seconds": 3.0,
        "device": "cuda",
        "commit": "abc",
    }


def test_weights_from_elsewhere_tell_nothing(tmp_path: Path) -> None:
    assert read_cost(tmp_path) is None


def test_the_file_is_json(tmp_path: Path) -> None:
    assert all(json.loads((folder / TRAINING).read_text()) for folder in SHIPPED)
