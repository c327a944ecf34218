"""One episode, with a world and an agent that do what a test says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from nsctl.contracts import AgentReport
from nsctl.episode import Episode, play
from nsctl.phases import EpisodeClock


class World(SimpleNamespace):
    """Is over after ``horizon`` steps, and won if ``wins``."""

    task = SimpleNamespace(name="t", horizon=3, brief=lambda: "brief")
    initial_hash, wins, taken, violation, concluded = "aa", False, 0, "", False

    def conclude(self) -> None:
        self.concluded = True

    def reset(self, seed: int, episode: int) -> str:
        return f"{seed}/{episode}"

    def step(self, action: str) -> str:
        self.taken += 1
        return action

    @property
    def over(self) -> bool:
        return self.taken >= self.task.horizon

    @property
    def success_at_end(self) -> bool:
        return (self.over or self.concluded) and self.wins and not self.violation


class Agent(SimpleNamespace):
    """Repeats what it sees; gives up after ``patience`` steps, for ``reason``."""

    patience, reason, seed = 99, "", -1

    def reset(self, task: Any, seed: int, clock: EpisodeClock) -> None:
        self.seed = seed

    def act(self, observation: str) -> str | None:
        self.patience -= 1
        return observation if self.patience >= 0 else None

    def report(self) -> AgentReport:
        return AgentReport(plans=1, reason=self.reason)


def run(world: World, agent: Agent, **options: Any) -> Episode:
    return play(world, agent, EpisodeClock(), 1, 2, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("world", "agent", "status", "reason", "steps"),
    [
        (World(wins=True), Agent(), "succeeded", "", 3),
        (World(), Agent(), "timed_out", "not done after 3 steps", 3),
        (World(), Agent(patience=1, reason="no way"), "failed", "no way", 1),
        (World(), Agent(patience=0), "failed", "the agent took the goal for reached", 0),
        (World(wins=True), Agent(patience=1), "succeeded", "", 1),
        (World(wins=True, violation="two at once"), Agent(), "failed", "a rule was broken: two at once", 3),
    ],
)
def test_every_ending_has_its_name_and_reason(world: World, agent: Agent, status: str, reason: str, steps: int) -> None:
    episode = run(world, agent)
    assert (episode.outcome.status, episode.outcome.reason, episode.steps) == (status, reason, steps)
    assert (episode.initial_hash, episode.report.plans) == ("aa", 1)


@pytest.mark.parametrize(
    ("part", "method"), [("agent", "reset"), ("agent", "act"), ("agent", "report"), ("world", "step")]
)
def test_a_part_that_breaks_loses_the_episode_alone(part: str, method: str) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no bus")

    world, agent = World(), Agent()
    setattr({"world": world, "agent": agent}[part], method, fail)
    episode = run(world, agent)
    assert (episode.outcome.status, episode.outcome.reason) == ("errored", "OSError: no bus")
    assert (episode.initial_hash, episode.report) == ("aa", AgentReport())


def test_a_world_that_was_not_reset_has_no_initial_hash() -> None:
    assert run(World(reset=lambda seed, episode: 1 / 0), Agent()).initial_hash is None


def test_ctrl_c_is_no_outcome() -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(World(step=stop), Agent())


def test_the_watch_sees_every_step_and_its_time_is_the_render_phase_s() -> None:
    seen: list[int] = []
    episode = run(World(), Agent(), watch=seen.append)
    assert seen == [1, 2, 3]
    assert episode.costs["render"].wall > 0
    assert run(World(), Agent()).costs["render"].wall == 0


def test_the_agent_s_seed_is_of_the_run_and_the_episode() -> None:
    agents = [Agent(), Agent(), Agent()]
    for agent, (seed, number) in zip(agents, [(1, 2), (1, 2), (1, 3)], strict=True):
        play(World(), agent, EpisodeClock(), seed, number)  # type: ignore[arg-type]
    assert agents[0].seed == agents[1].seed != agents[2].seed
