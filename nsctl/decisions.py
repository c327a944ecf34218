"""What a policy was asked and what it answered, kept in memory so that it can be asked the same again.

A *bout* is what a policy does from rest: one execution of a skill, or one episode of an agent that cannot be split. The
inputs are the very objects that the policy was given: observations and scenes are never changed after they were made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nsctl.contracts import Agent, Execution, PhaseClock, Skill, SkillStatus
from nsctl.phases import NoClock
from nsctl.scene import Action, Observation, SceneEstimate
from nsctl.symbolic import PlanStep
from nsctl.task import Brief

Decide = Callable[[Any], Action | None]


@dataclass
class Bout:
    """How to put a policy at rest, what it was then asked one after the other, and its answers."""

    begin: Callable[[], Decide]
    inputs: list[Any] = field(default_factory=list)
    answers: list[Action | None] = field(default_factory=list)

    def play(self) -> int:
        """Ask everything again, from rest; says how many decisions that were."""
        decide = self.begin()
        for each in self.inputs:
            decide(each)
        return len(self.inputs)

    def repeats(self) -> int:
        """Ask everything again and count the answers that are the same to the last bit."""
        decide = self.begin()
        return sum(_same(decide(each), answer) for each, answer in zip(self.inputs, self.answers, strict=True))


def recording(agent: Agent, bouts: list[Bout], *, split: bool) -> Agent:
    """``agent``, its decisions from now on noted in ``bouts``: its skills' if it is to be split, else its own."""
    if not split:
        return _RecordingAgent(agent, bouts)
    for skill in _skills(agent).values():
        agent.adopt(_RecordingSkill(skill, bouts))  # type: ignore[attr-defined]
    return agent


def splits(agent: Agent) -> bool:
    """Whether the agent's policy can be asked apart from its perception and planning: it shows its skills."""
    return bool(_skills(agent)) and hasattr(agent, "adopt")


def _skills(agent: Agent) -> Mapping[str, Skill]:
    return dict(getattr(agent, "skills", {}))


def _same(one: Action | None, other: Action | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


class _RecordingSkill:
    """A skill whose executions note what they are asked."""

    def __init__(self, skill: Skill, bouts: list[Bout]) -> None:
        self._skill, self._bouts, self.operator = skill, bouts, skill.operator

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Execution:
        bout = Bout(lambda: self._skill.begin(step, scene).act)
        self._bouts.append(bout)
        return _RecordingExecution(self._skill.begin(step, scene), bout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._skill, name)

    def describe(self) -> Mapping[str, Any]:
        return self._skill.describe()


class _RecordingExecution:
    """An execution that notes what it is asked and what it answers."""

    def __init__(self, execution: Execution, bout: Bout) -> None:
        self._execution, self._bout = execution, bout

    @property
    def status(self) -> SkillStatus:
        return self._execution.status

    @property
    def reason(self) -> str:
        return self._execution.reason

    def act(self, scene: SceneEstimate) -> Action:
        action = self._execution.act(scene)
        self._bout.inputs.append(scene)
        self._bout.answers.append(action)
        return action


class _RecordingAgent:
    """An agent that notes what it is asked; everything else it does as before."""

    def __init__(self, agent: Agent, bouts: list[Bout]) -> None:
        self._agent, self._bouts = agent, bouts

    def reset(self, task: Brief, seed: int, clock: PhaseClock) -> None:
        def begin() -> Decide:
            self._agent.reset(task, seed, NoClock())
            return self._agent.act

        self._bouts.append(Bout(begin))
        self._agent.reset(task, seed, clock)

    def act(self, observation: Observation) -> Action | None:
        action = self._agent.act(observation)
        self._bouts[-1].inputs.append(observation)
        self._bouts[-1].answers.append(action)
        return action

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent, name)
