"""Checks of agents: they play, repeat themselves and charge their work to phases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nsctl import tasks
from nsctl.conformance import stage
from nsctl.conformance.report import Checklist, Failed, require, require_members
from nsctl.conformance.telling import description
from nsctl.contracts import SuiteOptions, World
from nsctl.episode import Episode, play
from nsctl.errors import Unfit
from nsctl.metering import counters
from nsctl.phases import EpisodeClock
from nsctl.player import AGENT_MEMBERS, require_fit, shown_to


def examine(agent: Any, checklist: Checklist, count: int, on: Sequence[str]) -> None:
    """Contract, and two episodes of one task: the first of ``on``, or else a small one."""
    if not checklist.check("contract", lambda: _contract(agent)):
        return
    checklist.check("describes itself", lambda: _describes(agent))
    episodes: list[tuple[Episode, str]] = []
    with stage.world(on, shown_to(agent, SuiteOptions())) as place:
        if not checklist.check("plays", lambda: _plays(agent, place, episodes)):
            return
    checklist.check("repeats itself", lambda: _repeats(episodes))
    checklist.check("phases", lambda: _phases(episodes[0][0]))


def _contract(agent: Any) -> str:
    require_members(agent, AGENT_MEMBERS, "Agent")
    return f"It has {', '.join(AGENT_MEMBERS)}."


def _describes(agent: Any) -> str:
    reads = description(agent, "reads")["reads"]
    return f"It reads {', '.join(map(str, reads)) or 'nothing'}."


def _plays(agent: Any, place: World, episodes: list[tuple[Episode, str]]) -> str:
    try:
        require_fit(agent, tasks.find(place.task.name))
    except Unfit as error:
        raise Failed(f"{error}; name another task with --task.") from error
    for _ in range(2):
        episode = play(place, agent, EpisodeClock(counters()), 5, 0)
        require(episode.outcome.status != "errored", f"An exception ended an episode: {episode.outcome.reason}.")
        episodes.append((episode, place.state_hash()))
    outcome = episodes[0][0].outcome
    return f"An episode of {place.task.name}: {outcome.status} after {episodes[0][0].steps} control steps."


def _repeats(episodes: Sequence[tuple[Episode, str]]) -> str:
    ends = [(e.outcome, e.steps, e.report, state) for e, state in episodes]
    require(ends[0] == ends[1], "Two episodes of the same seed went differently: reset() must forget the last episode.")
    return "Two episodes of the same seed are the same, to the last bit of the world."


def _phases(episode: Episode) -> str:
    spent = {name: cost.wall for name, cost in episode.costs.items() if name in ("perceive", "plan", "policy")}
    require(sum(spent.values()) > 0, "No time was charged to perceive, plan or policy.")
    return "Seconds of its work: " + ", ".join(f"{name} {wall:.3f}" for name, wall in spent.items()) + "."
