"""Who takes part: agents, what they are lent, and whether they see the truth."""

from __future__ import annotations

import pytest

from nsctl.contestants import Contestant, contestants
from nsctl.errors import InvalidValue
from nsctl.run_config import RunConfig

TERMS = RunConfig("hanoi-1", "", episodes=3, seed=7, pose_noise=0.002)


def test_a_list_names_agents_with_what_they_are_lent_and_shown() -> None:
    text = "nesy,vla:weights/vla,nesy+pick:weights/no-dagger/pick+place,nesy+pick:nvfp4@cuda,nesy+pick:nvfp4@cuda@truth"
    assert [each.name for each in contestants(text)] == text.split(",")
    assert contestants(text)[2] == Contestant(text.split(",")[2], "nesy", ("pick:weights/no-dagger/pick", "place"))
    assert [(each.skills, each.truth) for each in contestants(text)[3:]] == [
        (("pick:nvfp4@cuda",), shown) for shown in (False, True)
    ]


def test_only_the_agent_its_skills_and_what_it_sees_differ() -> None:
    plain, lent, oracle = (each.config(TERMS) for each in contestants("nesy, nesy+pick:nvfp4, scripted@truth"))
    assert plain == RunConfig("hanoi-1", "nesy", episodes=3, seed=7, pose_noise=0.002)
    assert (lent.agent, lent.skills, lent.pose_noise) == ("nesy", ("pick:nvfp4",), 0.002)
    assert (oracle.agent, oracle.skills, oracle.pose_noise) == ("scripted", (), 0.0)


@pytest.mark.parametrize("text", ["nesy@lies", "nesy@", "+pick", "nesy+", "nesy,@truth", "nesy++pick"])
def test_what_is_malformed_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(
        InvalidValue, match=r"names no agent: AGENT, AGENT\+SKILL or AGENT@truth was expected, as in nesy,"
    ):
        contestants(text)


def test_none_and_the_same_twice_are_refused() -> None:
    with pytest.raises(InvalidValue, match="no agent is named: a list such as nesy,"):
        contestants(" , ")
    with pytest.raises(InvalidValue, match="the agent 'nesy' is named twice: name each once"):
        contestants("nesy,scripted,nesy")
