"""A vision-language-action network under our planner: it is told one move at a time, and the plan knows what comes next.

Planner, perception and grounder are those of the neuro-symbolic agent; only the hands differ. So it tells what is lost in
planning and what in control.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nsctl import registry
from nsctl.contracts import AgentReport, PhaseClock, PlanningSession, Sight
from nsctl.errors import InvalidValue, Unfit
from nsctl.ledger import of_planner
from nsctl.outcomes import Solved
from nsctl.scene import Action, Observation, hold_still
from nsctl.symbolic import PlanStep, Problem, SymbolicState
from nsctl.task import Brief
from policies.skills.crafts import TIME_LIMIT
from policies.vla.agent import VLAAgent
from policies.vla.instructions import of_steps, said, standing
from policies.vla.pilot import Pilot
from policies.vla.symbols import require_known

OPERATORS = ("pick", "place")
LEARNT = ("control", "demonstrations", "expert_queries")
"""What it was given is the planner's, but for these, which are the network's."""
LINGER = 3
"""Decisions in which the effects must be seen before an instruction ends: at the first the hand is still about to let go."""
PLANNING_SECONDS = 20.0


@dataclass
class _Episode:
    problem: Problem
    session: PlanningSession
    seed: int
    steps: tuple[PlanStep, ...] = ()
    """What the network was told to do."""
    ahead: tuple[PlanStep, ...] = ()
    """What should come after that."""
    taken: int = 0
    """Control steps since it was told."""
    held: int = 0
    """Decisions in which the effects were seen."""
    first_length: int | None = None
    plans: int = 0
    replans: int = 0
    retries: int = 0
    reason: str = ""
    log: list[dict[str, Any]] = field(default_factory=list)


class PlannedVLAAgent(VLAAgent):
    """Plays the steps of a plan through the network of ``vla``; looks at every decision whether the step is done."""

    def __init__(self, name: str, folder: Path | None = None, device: str = "cpu") -> None:
        super().__init__(name, folder, device)
        self._perception = registry.load("perceptions", "tracker")()
        self._grounder = registry.load("grounders", "geometric")()
        self._planner = registry.load("planners", "clingo")()
        self._episode: _Episode | None = None

    @property
    def sight(self) -> Sight:
        """Pictures for the network, the tracker's poses for the planner."""
        return replace(super().sight, objects=True)

    def reset(self, task: Brief, seed: int, clock: PhaseClock) -> None:
        self._clock, self._pilot, self._episode = clock, None, None
        _ = self.network
        self._perception.begin(task)
        with clock.phase("plan"):
            domain = self._planner.domain(task.domain_pddl)
            if unable := [o.name for o in domain.operators if o.name not in OPERATORS]:
                raise Unfit(f"the agent {self.name!r} has words for {', '.join(OPERATORS)}, and none for {unable[0]}")
            require_known([body.name for body in task.bodies])
            problem = task.problem(domain)
            self._episode = _Episode(problem, self._planner.session(problem), seed)

    def act(self, observation: Observation) -> Action | None:
        episode, clock = self._now()
        if (self._pilot is None or self._pilot.due) and not self._goes_on(observation):
            return None
        if self._pilot is None:
            return hold_still(observation.proprio.gripper_command)
        episode.taken += 1
        episode.log[-1]["steps"] += 1
        return self._pilot.act(observation, clock)

    def report(self) -> AgentReport:
        episode, _ = self._now()
        return AgentReport(
            plan_length=episode.first_length,
            plans=episode.plans,
            replans=episode.replans,
            retries=episode.retries,
            steps=tuple(episode.log),
            reason=episode.reason,
        )

    def describe(self) -> Mapping[str, Any]:
        told = {"planner": dict(self._planner.describe()), "perception": type(self._perception).__name__}
        return {**super().describe(), **told}

    def _knowledge(self, training: Mapping[str, Any]) -> dict[str, Any]:
        given = of_planner(("objects", "images"), type(self._grounder).__name__, {})
        words = {"instruction": "its own, one for each move of the plan", "cameras": ", ".join(self.sight.cameras)}
        learnt = {name: super(PlannedVLAAgent, self)._knowledge(training)[name] for name in LEARNT}
        return {**given, **words, **learnt}

    @property
    def _reads(self) -> list[str]:
        return ["proprio", "instruction", "objects", "images"]

    def _goes_on(self, observation: Observation) -> bool:
        """See how far the work is and choose what the network is told; false at the goal, or where there is no way on."""
        episode, clock = self._now()
        with clock.phase("perceive"):
            state = self._grounder(self._perception(observation), episode.problem)
        if self._still_at_it(episode, state):
            return True
        self._note(episode, state)
        if episode.problem.reached(state):
            return False
        with clock.phase("plan"):
            plan = self._planned(episode, state)
        if plan is None:
            return False
        self._tell(episode, plan, state)
        return True

    def _still_at_it(self, episode: _Episode, state: SymbolicState) -> bool:
        """Whether the instruction stands: its effects are not there, or only just, and its time is not over."""
        if not episode.steps:
            return False
        episode.held += _done(episode.steps, state)
        return episode.held < LINGER and episode.taken < TIME_LIMIT * len(episode.steps)

    def _note(self, episode: _Episode, state: SymbolicState) -> None:
        """Write down how the last instruction ended."""
        if episode.steps:
            done = _done(episode.steps, state)
            reason = "" if done else f"not done after {episode.taken} steps"
            episode.log[-1] |= {"status": "succeeded" if done else "failed", "reason": reason}
            episode.retries += not done

    def _planned(self, episode: _Episode, state: SymbolicState) -> tuple[PlanStep, ...] | None:
        """What to do from here: the rest of the plan if it still leads to the goal, else a new plan."""
        if episode.ahead and _leads(episode.ahead, episode.problem, state):
            return episode.ahead
        outcome = episode.session.plan(state, time_limit=PLANNING_SECONDS)
        if not isinstance(outcome, Solved) or not outcome.plan.steps:
            episode.reason = f"no plan from {state}"
            return None
        episode.replans += episode.plans > 0
        episode.plans += 1
        if episode.first_length is None:
            episode.first_length = len(outcome.plan)
        return outcome.plan.steps

    def _tell(self, episode: _Episode, plan: tuple[PlanStep, ...], state: SymbolicState) -> None:
        """Begin the next move of the plan, or the one step that is left of one."""
        _, clock = self._now()
        pair = [step.operator for step in plan[:2]] == ["pick", "place"]
        count = 2 if pair and plan[0].arguments[0] == plan[1].arguments[0] else 1
        episode.steps, episode.ahead, episode.taken, episode.held = plan[:count], plan[count:], 0, 0
        instruction = said(of_steps(episode.steps, standing(state)))
        with clock.phase("policy"):
            self._pilot: Pilot | None = self._told(instruction, episode.seed + len(episode.log))
        episode.log.append({"step": instruction, "status": "running", "reason": "", "steps": 0})

    def _now(self) -> tuple[_Episode, PhaseClock]:
        if self._episode is None or self._clock is None:
            raise InvalidValue(f"the agent {self.name} was not reset: call reset() before act()")
        return self._episode, self._clock


def _done(steps: Sequence[PlanStep], state: SymbolicState) -> bool:
    """Whether what the last of the steps promises holds."""
    return steps[-1].adds <= state.atoms and steps[-1].deletes.isdisjoint(state.atoms)


def _leads(steps: Sequence[PlanStep], problem: Problem, state: SymbolicState) -> bool:
    """Whether these steps lead from ``state`` to the goal."""
    for step in steps:
        if not step.applicable(state):
            return False
        state = step.apply(state)
    return problem.reached(state)
