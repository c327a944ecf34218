"""The published figures give the published ratios."""

from __future__ import annotations

import pytest

from nsctl import tasks
from nsctl.paper import END_TO_END, GUIDED, NEUROSYMBOLIC, PUBLISHED, TITLES, ratio_per_success, training_ratio


def test_the_ratios_are_those_that_were_published() -> None:
    assert training_ratio(END_TO_END) == pytest.approx(81, abs=0.5)
    ratio = ratio_per_success(END_TO_END, "hanoi-3")
    assert ratio == pytest.approx(27, abs=0.5)
    spent = [agent.tasks["hanoi-3"][1] for agent in (END_TO_END, NEUROSYMBOLIC)]
    assert spent[0] / spent[1] == pytest.approx(9.6, abs=0.05)


def test_without_a_success_there_are_no_joules_per_success() -> None:
    assert GUIDED.per_success("hanoi-3") is None
    assert ratio_per_success(END_TO_END, "hanoi-4") is None


def test_every_agent_has_every_task_and_every_task_is_ours() -> None:
    for agent in PUBLISHED:
        assert set(agent.tasks) == set(TITLES)
    assert [tasks.find(name).name for name in TITLES] == list(TITLES)
