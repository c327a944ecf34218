"""One episode: what was seen, what was done, what it cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zlib import crc32

from nsctl.contracts import Agent, AgentReport, World
from nsctl.outcomes import EpisodeOutcome
from nsctl.phases import EpisodeClock, PhaseCost


@dataclass(frozen=True)
class Episode:
    """How an episode went. ``costs`` has every phase."""

    initial_hash: str | None
    """``None`` if the world could not even be reset, and then still tells of an episode before."""
    outcome: EpisodeOutcome
    steps: int
    report: AgentReport
    costs: Mapping[str, PhaseCost]


def play(
    world: World, agent: Agent, clock: EpisodeClock, seed: int, number: int, watch: Callable[[int], None] | None = None
) -> Episode:
    """Play the episode of this number to its end. ``watch`` is called after every control step."""
    steps, initial_hash = 0, None
    try:
        with clock.phase("simulate"):
            observation = world.reset(seed, number)
        initial_hash = world.initial_hash
        agent.reset(world.task, crc32(f"{seed}:{number}".encode()), clock)
        while not world.over:
            action = agent.act(observation)  # splits itself into perceive, plan and policy
            if action is None:
                break
            with clock.phase("simulate"):
                observation = world.step(action)
            steps += 1
            if watch is not None:
                with clock.phase("render"):
                    watch(steps)
        outcome, report = _outcome(world, agent), agent.report()
    except Exception as error:  # a part failed: the episode is lost, the run is not
        outcome, report = EpisodeOutcome("errored", f"{type(error).__name__}: {error}"), AgentReport()
    return Episode(initial_hash, outcome, steps, report, clock.stop())


def _outcome(world: World, agent: Agent) -> EpisodeOutcome:
    if world.success_at_end:
        return EpisodeOutcome("succeeded")
    if not world.over:
        return EpisodeOutcome("failed", agent.report().reason or "the agent gave up without a reason")
    return EpisodeOutcome("timed_out", f"not done after {world.task.horizon} steps")
