"""Every line of every lesson is typed, in an environment of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from workshop import Workshop

LESSONS = Path(__file__).parents[2] / "examples"


def page(name: str) -> str:
    return (LESSONS / f"{name}.md").read_text()


def test_your_first_skill(first: dict[str, str]) -> None:
    assert "3/3 = 100%" in first["nsctl run hanoi-2 --skill my_pick --episodes 3"]
    assert "my_pick does all that is asked of it" in first["nsctl parts check my_pick"]


def test_a_new_operator(workshop: Workshop) -> None:
    told = workshop.work_through(page("02-a-new-operator"))
    assert "7 steps" in told["nsctl run hanoi-3 --skill hanoi_move --episodes 3"]
    assert "does not fit the domain of stack-3" in told["nsctl run stack-3 --skill hanoi_move"]


def test_training_it(workshop: Workshop) -> None:
    text = page("03-training-it")
    for full, quick in (
        ("nsctl train skill cloned_pick", "nsctl train skill cloned_pick --quick"),
        ("nsctl parts check cloned_pick\n", "nsctl parts list skills\n"),  # what is quickly trained is no good
        (" --skill cloned_pick --episodes 3", " --skill cloned_pick --episodes 1"),
    ):
        assert full in text
        text = text.replace(full, quick)
    told = workshop.work_through(text)
    assert (workshop.folder / "cloned_pick/src/cloned_pick/weights/model.safetensors").is_file()
    assert "is not ready" in told["nsctl parts check cloned_pick --trials 6"]


@pytest.mark.slow
def test_training_it_in_full(workshop: Workshop) -> None:
    workshop.type("rm -rf cloned_pick")
    told = workshop.work_through(page("03-training-it"))
    assert "cloned_pick does all that is asked of it" in told["nsctl parts check cloned_pick"]


def test_on_the_board(workshop: Workshop, first: dict[str, str]) -> None:
    text = page("04-on-the-board").replace("--episodes 20", "--episodes 2")
    told = workshop.work_through(text)
    compared = told["nsctl compare runs/pick/*"]
    assert "A  nesy + my_pick" in compared
    assert "2/2 = 100%" in compared
    assert told["nsctl runs list --runs runs/pick"].count(" nesy ") == 2
    assert json.loads(told["nsctl compare runs/pick/* --json"])["paired"]


def test_each_lesson_fits_on_a_page_and_is_listed() -> None:
    pages = sorted(LESSONS.glob("0*.md"))
    assert len(pages) >= 4
    assert all(len(page.read_text().splitlines()) <= 120 for page in pages)
    assert all(page.name in (LESSONS / "README.md").read_text() for page in pages)
