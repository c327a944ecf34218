"""A package of one's own in a project that has folders called as nsctl's packages are."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from workshop import Workshop


@pytest.fixture(scope="module")
def project(workshop: Workshop) -> Workshop:
    """A project with an ``envs`` and a ``policies`` of its own, and a skill that is installed for good, not editable."""
    place = replace(workshop, folder=workshop.folder / "project")
    for name in ("envs", "policies"):
        (place.folder / name).mkdir(parents=True)
        (place.folder / name / "__init__.py").write_text("raise SystemExit('the wrong one was imported')\n")
    place.type("nsctl new skill grasp")
    place.type("pip install --quiet ./grasp")
    return place


def test_the_skill_is_found_checked_and_played_from_there(project: Workshop) -> None:
    told = project.type("nsctl parts check grasp --trials 3 --task hanoi-1")
    assert "grasp does all that is asked of it" in told
    assert "Another package stands before" not in told
    run = project.type("nsctl run hanoi-1 --skill grasp --episodes 1 --no-carbon --json")
    told = json.loads(run.splitlines()[-1])
    assert (told["skills"], told["success_at_end"]) == (["grasp"], 1)


def test_its_own_test_passes_untouched(project: Workshop) -> None:
    assert "2 passed" in project.type("pytest -q -p no:cacheprovider grasp")


def test_where_they_do_stand_in_the_way_one_sentence_says_so(project: Workshop) -> None:
    told = project.type("python -m nsctl parts list skills")
    for name in ("envs", "policies"):
        (sentence,) = (line for line in told.splitlines() if f"Another package stands before nsctl's '{name}'" in line)
        assert f"Python finds {(project.folder / name).resolve()}" in sentence
        assert "Rename that one" in sentence


def test_then_its_own_test_fails_with_that_sentence(project: Workshop) -> None:
    assert "Another package stands before nsctl's 'policies'" in project.type("python -m pytest -q grasp", expect=1)
