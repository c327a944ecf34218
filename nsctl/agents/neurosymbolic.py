"""The neuro-symbolic agent: it plans over what it sees, lets skills act, checks what came of it, and plans again.

It is made of parts and knows only their contracts. Nothing that it does reads the simulator's truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from nsctl import registry
from nsctl.contracts import (
    RECOVERIES,
    AgentReport,
    Execution,
    Grounder,
    Perception,
    PhaseClock,
    PlanMonitor,
    Planner,
    PlanningSession,
    Skill,
)
from nsctl.custom_skills import domain_with
from nsctl.errors import InvalidValue, Unfit
from nsctl.ledger import of_planner
from nsctl.outcomes import PlanOutcome, ProvenUnsolvable, Solved, TimedOut
from nsctl.scene import Action, Observation, SceneEstimate, hold_still
from nsctl.symbolic import Atom, Plan, PlanStep, Problem, SymbolicState
from nsctl.task import Brief
from nsctl.training_joules import training_joules

MAX_FAILURES = 3
"""Failures of one step after which plans avoid it, as long as there is another way."""
OPERATORS = ("pick", "place", "stack", "open", "close", "push")
"""What the agents composed here have skills for."""
RECOVER_AFTER = 2
"""Failures of one step after which the agent recovers before it tries again."""
MAX_PLANS = 12
"""Plans in one episode after which the agent gives up."""
PLANNING_SECONDS = 20.0
SETTLE = 2
"""Control steps that the agent holds still between a skill's end and the look that checks its effect."""
MAX_LOOKS = 3
"""Looks in a row at a scene that leaves open what matters, before the agent acts on what is likeliest."""
LOOK_AGAIN = 10
"""Control steps between two such looks."""


@dataclass
class _Episode:
    """What the agent remembers of one episode."""

    problem: Problem
    session: PlanningSession
    plan: Plan = field(default_factory=Plan)
    monitor: PlanMonitor | None = None
    position: int = 0
    """The step of the plan that comes next if all goes well; going back before it is a retry."""
    step: PlanStep | None = None
    claimed: PlanStep | None = None
    """The step whose skill has just said that it succeeded; whether it did is seen by looking."""
    execution: Execution | None = None
    recoveries: list[PlanStep] = field(default_factory=list)
    """What is to be tried, outside the plan, before the next look at the scene; the first that succeeds is enough."""
    waiting: int = 0
    looks: int = 0
    """Looks in a row that left open what matters."""
    looked_again: int = 0
    believed: SymbolicState | None = None
    """What held at the last look, and what the skills that succeeded since have promised."""
    first_length: int | None = None
    plans: int = 0
    retries: int = 0
    reason: str = ""


class NeuroSymbolicAgent:
    """Perceives, grounds, plans, acts through skills, checks effects, retries and replans."""

    def __init__(
        self, name: str, perception: Perception, grounder: Grounder, planner: Planner, skills: Mapping[str, Skill]
    ) -> None:
        self.name = name
        self._perception, self._grounder, self._planner, self._skills = perception, grounder, planner, skills
        self._episode: _Episode | None = None
        self._clock: PhaseClock | None = None
        self._log: list[dict[str, Any]] = []
        self._failures: dict[PlanStep, int] = {}

    @property
    def skills(self) -> Mapping[str, Skill]:
        """What does the work of each operator."""
        return dict(self._skills)

    def adopt(self, skill: Skill) -> None:
        """Let ``skill`` do the work of its operator from the next :meth:`reset` on, in place of the agent's own."""
        self._skills = {**self._skills, skill.operator: skill}

    def reset(self, task: Brief, seed: int, clock: PhaseClock) -> None:
        self._clock, self._log, self._failures = clock, [], {}
        self._perception.begin(task)
        with clock.phase("plan"):
            domain = domain_with(self._skills.values(), task, self._planner)
            if unable := [o.name for o in domain.operators if o.name not in self._skills]:
                able = ", ".join(name for name in self._skills if name not in RECOVERIES)
                raise Unfit(
                    f"the agent {self.name!r} cannot play {task.name}: it has skills for {able}, and none for "
                    f"{', '.join(unable)}. Lend it one with --skill NAME (`nsctl parts list skills`)"
                )
            problem = task.problem(domain)
            self._episode = _Episode(problem, self._planner.session(problem))

    def act(self, observation: Observation) -> Action | None:
        episode, clock = self._now()
        with clock.phase("perceive"):
            scene = self._perception(observation)
        if episode.waiting > 0:
            episode.waiting -= 1
            return hold_still(scene.proprio.gripper_command)
        execution = episode.execution or self._begin_next(scene)
        if execution is None:
            return hold_still(scene.proprio.gripper_command) if episode.waiting else None
        with clock.phase("policy"):
            action = execution.act(scene)
        self._log[-1]["steps"] += 1
        if execution.status != "running":
            self._end(execution)
        return action

    @property
    def subgoal(self) -> str:
        episode = self._episode
        if episode is None or episode.reason:
            return episode.reason if episode else "not begun"
        return str(episode.step) if episode.step else "looking"

    def report(self) -> AgentReport:
        episode, _ = self._now()
        return AgentReport(
            plan_length=episode.first_length,
            plans=episode.plans,
            replans=max(0, episode.plans - 1),
            retries=episode.retries,
            looks=episode.looked_again,
            steps=tuple(self._log),
            reason=episode.reason,
        )

    def describe(self) -> Mapping[str, Any]:
        skills = {name: dict(skill.describe()) for name, skill in sorted(self._skills.items())}
        reads = list(self._perception.reads)
        return {
            "reads": reads,
            "perception": _where(self._perception),
            "grounder": _where(self._grounder),
            "planner": dict(self._planner.describe()),
            "skills": skills,
            "training": training_joules(skills.values()),
            "knowledge": of_planner(reads, _where(self._grounder), skills),
        }

    def _begin_next(self, scene: SceneEstimate) -> Execution | None:
        """Look which atoms hold, choose the next step and begin it.

        ``None`` at the goal, when there is no way on, and when what matters is unknown and another look is worth the wait.
        """
        episode, clock = self._now()
        if episode.recoveries:
            return self._begin(episode.recoveries.pop(0), scene)
        with clock.phase("perceive"):
            seen = self._grounder(scene, episode.problem)
            state = episode.believed = seen if episode.believed is None else seen.nearest(episode.believed)
        if episode.claimed and self._looks_again(state, episode.claimed.adds | episode.claimed.deletes):
            return None
        if episode.problem.reached(state):
            episode.step = None
            if not all(episode.problem.reached(SymbolicState(other)) for other in state.others):
                self._looks_again(state, state.unknown)
            return None
        with clock.phase("plan"):
            episode.step = self._next_step(state)
        if episode.step is None or self._looks_again(state, episode.step.needs):
            return None
        episode.looks = 0
        return self._begin(episode.step, scene)

    def _begin(self, step: PlanStep, scene: SceneEstimate) -> Execution:
        episode, clock = self._now()
        with clock.phase("policy"):
            episode.step, episode.execution = step, self._skills[step.operator].begin(step, scene)
        self._log.append({"step": str(step), "status": "running", "reason": "", "steps": 0})
        return episode.execution

    def _looks_again(self, state: SymbolicState, matters: frozenset[Atom]) -> bool:
        """Whether an atom that ``matters`` is unknown, and looking once more may tell."""
        episode, _ = self._now()
        if matters.isdisjoint(state.unknown) or episode.looks >= MAX_LOOKS:
            return False
        episode.looks, episode.looked_again, episode.waiting = episode.looks + 1, episode.looked_again + 1, LOOK_AGAIN
        return True

    def _next_step(self, state: SymbolicState) -> PlanStep | None:
        """The step from which the plan still works, which may be the same again, or the first of a new plan."""
        episode, _ = self._now()
        if (step := episode.claimed) and not (step.adds <= state.atoms and step.deletes.isdisjoint(state.atoms)):
            self._failed(step)
        episode.claimed = None  # judged: another look before the next step must not count it again
        entry = episode.monitor.entry(state) if episode.monitor else None
        if entry is not None and entry < len(episode.plan) and not self._hopeless(episode.plan.steps[entry]):
            episode.retries += entry < episode.position
            episode.position = entry
            return episode.plan.steps[entry]
        if episode.plans >= MAX_PLANS:
            episode.reason = f"gave up after {MAX_PLANS} plans"
            return None
        outcome = self._plan(state)
        episode.plans += 1
        plan = plan_of(outcome)
        if plan is None or not plan.steps:
            if not self._looks_again(state, state.unknown):
                episode.reason = why(outcome, state)
            return None
        if episode.first_length is None:
            episode.first_length = len(plan)
        episode.plan, episode.monitor, episode.position = plan, episode.session.monitor(plan), 0
        return plan.steps[0]

    def _plan(self, state: SymbolicState) -> PlanOutcome:
        """A plan that avoids what has failed too often, and, if it is no longer for that, does not begin with a guess."""
        session = self._now()[0].session
        avoid = [step for step in self._failures if self._hopeless(step)]
        outcome = session.plan(state, avoid=avoid, time_limit=PLANNING_SECONDS)
        if not isinstance(outcome, Solved) and avoid:
            return session.plan(state, time_limit=PLANNING_SECONDS)
        plan = plan_of(outcome)
        if plan and plan.steps and not plan.steps[0].needs.isdisjoint(state.unknown):
            other = session.plan(state, avoid=[*avoid, plan.steps[0]], time_limit=PLANNING_SECONDS)
            if isinstance(other, Solved) and other.plan.cost <= plan.cost:
                surer = other.plan.steps[0].needs.isdisjoint(state.unknown)
                return other if surer else outcome
        return outcome

    def _failed(self, step: PlanStep) -> None:
        self._failures[step] = self._failures.get(step, 0) + 1

    def _hopeless(self, step: PlanStep) -> bool:
        return self._failures.get(step, 0) >= MAX_FAILURES

    def _end(self, execution: Execution) -> None:
        """Note how the skill ended. What came of it is judged by looking, not by what the skill says."""
        episode, _ = self._now()
        step, done = episode.step, execution.status == "succeeded"
        self._log[-1] |= {"status": execution.status, "reason": execution.reason}
        episode.claimed, episode.execution, episode.waiting = None, None, SETTLE
        known = None if episode.believed is None else episode.problem.derive(episode.believed)
        episode.believed = None  # whatever did not end as promised may have moved anything
        if step is None or step.operator in RECOVERIES:
            episode.recoveries = [] if done else episode.recoveries
        elif done:
            episode.claimed, episode.position = step, episode.position + 1
            episode.believed = step.apply(known) if known is not None and step.applicable(known) else None
        else:
            episode.retries += 1
            self._failed(step)
            episode.recoveries = self._recoveries(step)

    def _recoveries(self, step: PlanStep) -> list[PlanStep]:
        """What to do before ``step``, which has failed, is tried again."""
        if self._failures[step] < RECOVER_AFTER or not step.arguments:
            return []
        return [PlanStep(name, step.arguments[:1]) for name in RECOVERIES if name in self._skills]

    def _now(self) -> tuple[_Episode, PhaseClock]:
        if self._episode is None or self._clock is None:
            raise InvalidValue(f"the agent {self.name} was not reset: call reset() before act()")
        return self._episode, self._clock


A = TypeVar("A", bound=NeuroSymbolicAgent)


def nesy(weights: str = "") -> NeuroSymbolicAgent:
    """Neural skills under the answer-set planner.

    ``weights`` (``nesy:FOLDER``) is a folder with a folder of weights for each of some operators; others play their own.
    """
    return compose(NeuroSymbolicAgent, "nesy", *(skills_from(Path(weights)) if weights else OPERATORS))


def skills_from(folder: Path) -> list[str]:
    """The agents' own skills, with the weights in ``folder`` for those operators that it has a folder for."""
    if not any((folder / operator).is_dir() for operator in OPERATORS):
        raise InvalidValue(
            f"{folder} has no folder of weights for any of {', '.join(OPERATORS)}: one, such as pick, is needed"
        )
    return [f"{name}:{folder / name}" if (folder / name).is_dir() else name for name in OPERATORS]


def nesy_fp4() -> NeuroSymbolicAgent:
    """The same agent with its skills' weights in NVFP4."""
    return compose(NeuroSymbolicAgent, "nesy-fp4", *(f"{operator}:nvfp4" for operator in OPERATORS))


def scripted() -> NeuroSymbolicAgent:
    """The same agent with the teacher's scripted skills: an upper bound, not a learner."""
    return compose(NeuroSymbolicAgent, "scripted", *(f"{operator}-scripted" for operator in OPERATORS))


def compose(kind: type[A], name: str, *skills: str) -> A:
    """An agent of this class from the registered perception, grounder and planner, and from these skills."""
    made: list[Skill] = [registry.load("skills", skill)() for skill in (*skills, *RECOVERIES)]
    return kind(
        name,
        registry.load("perceptions", "tracker")(),
        registry.load("grounders", "geometric")(),
        registry.load("planners", "clingo")(),
        {skill.operator: skill for skill in made},
    )


def _where(part: object) -> str:
    return f"{type(part).__module__}:{type(part).__qualname__}"


def plan_of(outcome: PlanOutcome) -> Plan | None:
    """The plan that an outcome brings, if any."""
    if isinstance(outcome, Solved):
        return outcome.plan
    return outcome.best if isinstance(outcome, TimedOut) else None


def why(outcome: PlanOutcome, state: SymbolicState) -> str:
    """Why there is no plan from ``state``."""
    match outcome:
        case ProvenUnsolvable(why=proof):
            return f"no plan exists: {proof}"
        case TimedOut():
            return f"no plan found in time from {state}"
        case Solved():
            return "the planner has nothing left to do"
        case _:
            return f"the planner cannot handle {outcome.feature}"
