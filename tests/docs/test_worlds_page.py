"""The family that docs/worlds.md writes out is a real one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from nsctl import registry
from nsctl.contracts import SuiteOptions
from nsctl.episode import play
from nsctl.errors import InvalidValue
from nsctl.phases import EpisodeClock

PAGE = Path(__file__).parents[2] / "docs" / "worlds.md"


@pytest.fixture(scope="module")
def suite() -> Any:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "my_tasks"}
    exec(compile(code, str(PAGE), "exec"), names)
    return names["RowSuite"]()


def test_the_scripted_agent_plays_the_family_of_the_page(suite: Any) -> None:
    world = suite.world(suite.task("row-3"), SuiteOptions())
    agent = registry.load("agents", "scripted")()
    episodes = [play(world, agent, EpisodeClock(), 0, number) for number in range(3)]
    world.close()
    assert [episode.outcome.status for episode in episodes] == ["succeeded"] * 3
    assert {episode.report.plan_length for episode in episodes} == {6}


def test_the_family_lists_its_tasks_and_answers_as_the_page_says(suite: Any) -> None:
    assert suite.tasks == ("row-2", "row-3")
    (answer,) = re.findall(r"`row-4` is answered with `(.*?)`", PAGE.read_text())
    with pytest.raises(InvalidValue, match=f"^{answer}$"):
        suite.task("row-4")
