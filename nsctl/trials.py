"""A skill on its own: an agent plays up to the first step that calls for it, the skill plays that step, the truth judges.

The agent is ``scripted``, so that what comes before the step goes well; it is lent the skill, whose executions are
recorded. Whether the declared effects hold is what the grounder says of the true poses, which no skill ever sees.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field

from nsctl import registry, tasks
from nsctl.contracts import Execution, Planner, Skill, SkillStatus, SuiteOptions, World
from nsctl.custom_skills import domain_with
from nsctl.errors import BrokenPart, DomainError, InvalidValue, Unfit
from nsctl.phases import EpisodeClock
from nsctl.scene import Action, ObjectEstimate, Observation, SceneEstimate, hold_still
from nsctl.symbolic import PlanStep, Problem, SymbolicState

MAX_STEPS = 600
"""Control steps (half a minute) after which an execution that goes on is cut off."""
SETTLE = 4
"""Control steps between the end of an execution and the look at what came of it."""
SEARCHED = 20
"""Episodes in a row without a call for the skill after which a task is left."""
SEED = 7_000_000
"""Of the initial states; far from those of evaluations. A training takes others, such as the numbers after it."""


@dataclass(eq=False)
class Trial:
    """One execution from its beginning to its end, and what was true afterwards."""

    task: str
    episode: int
    step: PlanStep
    start: SceneEstimate
    """What was seen when the execution began."""
    execution: Execution
    scenes: list[SceneEstimate] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    statuses: list[SkillStatus] = field(default_factory=list)
    """After each action."""
    missing: tuple[str, ...] = ()
    """Declared effects that do not hold in truth; empty if all do."""
    undeclared: tuple[str, ...] = ()
    """What has changed in truth beside them, such as a bystander's place; empty if nothing has."""

    @property
    def status(self) -> SkillStatus:
        """How the execution ended; ``running`` if it was cut off."""
        return self.execution.status

    @property
    def achieved(self) -> bool:
        """Whether all that the operator declares has come true, and nothing else."""
        return not (self.missing or self.undeclared)


class _Witness:
    """The skill under test; its first execution of an episode is written down."""

    def __init__(self, skill: Skill, task: str) -> None:
        self.operator, self.pddl = skill.operator, getattr(skill, "pddl", "")
        self._skill, self._task, self.episode = skill, task, 0
        self.trial: Trial | None = None

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Execution:
        execution = self._skill.begin(step, scene)
        self.trial = Trial(self._task, self.episode, step, scene, execution)
        return _Recorded(self.trial)

    def describe(self) -> dict[str, str]:
        return {"kind": "under test", "operator": self.operator}


class _Recorded:
    """An execution whose scenes, actions and statuses are kept."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    @property
    def status(self) -> SkillStatus:
        return self._trial.execution.status

    @property
    def reason(self) -> str:
        return self._trial.execution.reason

    def act(self, scene: SceneEstimate) -> Action:
        action = self._trial.execution.act(scene)
        self._trial.scenes.append(scene)
        self._trial.actions.append(copy.copy(action))  # a skill may fill one array again and again
        self._trial.statuses.append(self._trial.execution.status)
        return action


class Stage:
    """A world of one task on which trials of one skill are held."""

    def __init__(self, task: str, skill: Skill, options: SuiteOptions) -> None:
        self.task, self._witness = task, _Witness(skill, task)
        self._grounder = registry.load("grounders", "geometric")()
        self._planner = registry.load("planners", "clingo")()
        self._agent = registry.load("agents", "scripted")()
        self._agent.adopt(self._witness)
        self._world: World = tasks.suite_of(task).world(tasks.find(task), options)

    def trial(self, episode: int, seed: int = SEED) -> Trial | None:
        """The first execution of the skill in the episode of this number; ``None`` if nothing there calls for it."""
        world, witness = self._world, self._witness
        witness.trial, witness.episode = None, episode
        observation = world.reset(seed, episode)
        self._agent.reset(world.task.brief(), seed, EpisodeClock())
        while not world.over:
            action = self._agent.act(observation)
            if witness.trial is not None:
                return self._finish(witness.trial, observation, action)
            if action is None:
                return None
            observation = world.step(action)
        return None

    def close(self) -> None:
        """Give the world's resources back."""
        with suppress(Exception):  # a world that failed may fail here again
            self._world.close()

    def _finish(self, trial: Trial, observation: Observation, action: Action | None) -> Trial | None:
        """Play the execution to its end and judge it; ``None`` where the step was planned from a scene that was misread."""
        brief = self._world.task.brief()
        problem = brief.problem(domain_with([self._witness], brief, self._planner))
        before = problem.derive(self._truth(observation, problem))
        try:
            expected = problem.derive(trial.step.apply(before))
        except DomainError:
            return None
        while action is not None and not self._world.over:
            observation = self._world.step(action)
            if trial.status != "running" or len(trial.actions) >= MAX_STEPS:
                break
            action = self._agent.act(observation)
        for _ in range(SETTLE):
            if not self._world.over:
                observation = self._world.step(hold_still(observation.proprio.gripper_command))
        after = problem.derive(self._truth(observation, problem))
        wanted, changed = _changes(before, expected), _changes(before, after)
        trial.missing = tuple(change for change in wanted if change not in changed)
        trial.undeclared = tuple(change for change in changed if change not in wanted)
        return trial

    def _truth(self, observation: Observation, problem: Problem) -> SymbolicState:
        """The atoms that truly hold."""
        bodies = {body.name: body for body in self._world.task.bodies}
        objects = {n: ObjectEstimate(bodies[n], pose, 0.0, "sim_truth") for n, pose in self._world.truth().items()}
        state: SymbolicState = self._grounder(SceneEstimate(observation.proprio, objects), problem)
        return state


def execute(skill: Skill, step: PlanStep, world: World, scene: SceneEstimate, episode: int) -> Trial:
    """Play ``step`` at once, in a world that was just reset and looks like ``scene``; nothing is judged."""
    perception = registry.load("perceptions", "tracker")()
    perception.begin(world.task.brief())
    trial = Trial(world.task.name, episode, step, scene, skill.begin(step, scene))
    recorded = _Recorded(trial)
    while recorded.status == "running" and len(trial.actions) < MAX_STEPS and not world.over:
        scene = perception(world.step(recorded.act(scene)))
    return trial


def trials(
    skill: Skill, count: int, *, on: Sequence[str] = (), seed: int = SEED, options: SuiteOptions | None = None
) -> Iterator[Trial]:
    """``count`` trials of ``skill``, by turns on these tasks, or on the shortest of each family that calls for it."""
    if count < 1:
        raise InvalidValue(f"the number of trials must be >= 1, got {count}")
    families = [[name] for name in on] or [
        sorted(names, key=lambda name: tasks.find(name).horizon) for names in homes(skill).values()
    ]
    turns, held = deque(_on_one_of(names, skill, seed, options or SuiteOptions()) for names in families), 0
    while turns and held < count:
        if (trial := next(turns[0], None)) is None:
            turns.popleft()
        else:
            held += 1
            turns.rotate(-1)
            yield trial
    if not held:
        where = f"of {', '.join(on)}" if on else "of any task"
        raise InvalidValue(f"no plan {where} calls for the operator {skill.operator!r}")


def _on_one_of(names: Sequence[str], skill: Skill, seed: int, options: SuiteOptions) -> Iterator[Trial]:
    """Trials on the first of these tasks that calls for the skill, for as long as it does."""
    for name in names:
        with closing(Stage(name, skill, options)) as stage:
            idle = found = episode = 0
            while idle < SEARCHED:
                trial = stage.trial(episode, seed)
                episode += 1
                idle = 0 if trial else idle + 1
                if trial:
                    found += 1
                    yield trial
            if found:
                return


def homes(skill: Skill) -> dict[str, list[str]]:
    """For each suite, its tasks whose domain has the operator of ``skill``, be it with the action that the skill brings."""
    planner, found = registry.load("planners", "clingo")(), {}
    for family in registry.parts("envs"):
        with suppress(BrokenPart):
            names = registry.load("envs", family)().tasks
            found[family] = [name for name in names if _knows(name, skill, planner)]
    return found


def _knows(task: str, skill: Skill, planner: Planner) -> bool:
    try:
        domain = domain_with([skill], tasks.find(task).brief(), planner)
    except (DomainError, Unfit):
        return False
    return skill.operator in {operator.name for operator in domain.operators}


def _changes(before: SymbolicState, after: SymbolicState) -> tuple[str, ...]:
    """Which atoms have come to hold, and which hold no more, in words."""
    gone = (f"not {atom}" for atom in sorted(before.atoms - after.atoms))
    return (*map(str, sorted(after.atoms - before.atoms)), *gone)
