"""One episode: what was seen, what was done, what it cost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from zlib import crc32

from nsctl.contracts import Agent, AgentReport, World
from nsctl.errors import EpisodeError
from nsctl.outcomes import EpisodeOutcome
from nsctl.phases import AGENT_PHASES, EpisodeClock, PhaseCost


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
        with clock.phase("policy"):
            agent.reset(world.task.brief(), crc32(f"{seed}:{number}".encode()), _AgentClock(clock))
        with clock.phase("simulate"):  # what is nobody else's is the world's
            while not world.over:
                with clock.phase("policy"):  # the agent splits this into perceive, plan and policy
                    action = agent.act(observation)
                if action is None:
                    world.conclude()
                    break
                observation = world.step(action)
                steps += 1
                if watch is not None:
                    with clock.phase("render"):
                        watch(steps)
        report = agent.report()
        outcome = _outcome(world, report)
    except (Exception, SystemExit) as error:  # a part failed: the episode is lost, the run is not
        logging.getLogger(__name__).debug("episode %d failed", number, exc_info=True)
        outcome, report = EpisodeOutcome("errored", f"{type(error).__name__}: {error}"), AgentReport()
    return Episode(initial_hash, outcome, steps, report, clock.stop())


def _outcome(world: World, report: AgentReport) -> EpisodeOutcome:
    if world.success_at_end:
        return EpisodeOutcome("succeeded")
    if world.violation:
        return EpisodeOutcome("failed", f"a rule was broken: {world.violation}")
    if not world.over:
        return EpisodeOutcome("failed", report.reason or "the agent took the goal for reached")
    return EpisodeOutcome("timed_out", f"not done after {world.task.horizon} steps")


class _AgentClock:
    """The clock as an agent has it: it can split its own work into phases, and charge nothing to the world."""

    def __init__(self, clock: EpisodeClock) -> None:
        self._phases = {name: clock.phase(name) for name in AGENT_PHASES}

    def phase(self, name: str) -> AbstractContextManager[None]:
        try:
            return self._phases[name]
        except KeyError:
            raise EpisodeError(
                f"an agent's phases are {', '.join(AGENT_PHASES)}; {name!r} is not one of them"
            ) from None
