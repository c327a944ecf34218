"""One workshop for all lessons: they are a course, and take their time."""

from __future__ import annotations

from pathlib import Path

import pytest
from workshop import Workshop

LESSONS = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop.found(tmp_path_factory.mktemp("workshop"))


@pytest.fixture(scope="session")
def first(workshop: Workshop) -> dict[str, str]:
    """What the commands of lesson 1 printed."""
    return workshop.work_through((LESSONS / "01-your-first-skill.md").read_text())
