"""What must be achieved, said without naming an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nsctl.scene import Body, Pose
from nsctl.symbolic import Atom, Condition, Domain, Object, Problem, SymbolicState


@dataclass(frozen=True)
class InitialState:
    """Where every body of a task starts, before it settles."""

    poses: Mapping[str, Pose]


@dataclass(frozen=True)
class Brief:
    """What an agent is told of a task: all that it may know, and nothing of how success is judged."""

    name: str
    version: int
    instruction: str
    domain_pddl: str
    bodies: tuple[Body, ...]
    objects: Mapping[str, str]
    facts: frozenset[Atom]
    goal: tuple[Condition, ...]

    def problem(self, domain: Domain) -> Problem:
        """The planning problem: objects, static facts and goal. What else holds at first must be seen."""
        objects = tuple(Object(name, domain.type(kind)) for name, kind in self.objects.items())
        return Problem(domain, objects, SymbolicState(self.facts), self.goal, self.name)


class Task(ABC):
    """A task: bodies, goal, instruction, initial-state distribution, success test and horizon.

    ``name`` and ``version`` key its initial states: a task that changes gets a new version.
    """

    name: str
    version: int
    domain_pddl: str
    """The planning domain as PDDL text."""
    bodies: tuple[Body, ...]
    objects: Mapping[str, str]
    """Symbolic objects and their types: the bodies, and what has no body of its own, such as the table."""
    facts: frozenset[Atom]
    """Static atoms that are known beforehand, for example which disc is smaller."""
    instruction: str = ""
    """What is asked for in this episode: one of the phrasings."""
    horizon: int
    """Control steps after which an episode times out."""

    @property
    @abstractmethod
    def goal(self) -> tuple[Condition, ...]:
        """What must hold at the end, in the predicates of the domain."""

    @property
    @abstractmethod
    def phrasings(self) -> tuple[str, ...]:
        """The instruction for the goal that was drawn last, in several paraphrases."""

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> InitialState:
        """An initial state drawn from the task's distribution."""

    @abstractmethod
    def achieved(self, truth: Mapping[str, Pose]) -> bool:
        """The success test on the true poses. Only the world that judges an episode may call it."""

    def broken_rule(self, truth: Mapping[str, Pose]) -> str:
        """The rule of the task that the true poses break at this moment, in a few words; empty if none."""
        return ""

    def phrase(self, rng: np.random.Generator) -> None:
        """Choose this episode's instruction."""
        self.instruction = self.phrasings[rng.integers(len(self.phrasings))]

    def brief(self) -> Brief:
        """What an agent is told, once an initial state has been drawn."""
        return Brief(
            self.name,
            self.version,
            self.instruction,
            self.domain_pddl,
            self.bodies,
            dict(self.objects),
            self.facts,
            self.goal,
        )

    def body(self, name: str) -> Body:
        """The body of this name; the caller guarantees that it exists."""
        return next(body for body in self.bodies if body.name == name)
