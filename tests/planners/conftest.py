"""The Hanoi domain, problems over it, and a plain reference search that shares no code with the planner."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import product

import pytest

from nsctl.symbolic import Atom, Literal, Object, PlanStep, Problem, SymbolicState
from planners.pddl import domain_from_pddl

HANOI = """
; Towers of Hanoi with a hand: discs are picked from anywhere, and never placed on the table.
(define (domain hanoi)
  (:requirements :strips :typing)
  (:types disc place - support  peg surface - place)
  (:predicates (on ?d - disc ?s - support) (clear ?s - support) (holding ?d - disc) (handempty)
               (smaller ?d - disc ?s - support))
  (:action pick
    :parameters (?d - disc ?from - support)
    :precondition (and (handempty) (clear ?d) (on ?d ?from))
    :effect (and (holding ?d) (clear ?from) (not (on ?d ?from)) (not (clear ?d)) (not (handempty))))
  (:action place
    :parameters (?d - disc ?onto - support)
    :precondition (and (holding ?d) (clear ?onto) (smaller ?d ?onto))
    :effect (and (on ?d ?onto) (clear ?d) (handempty) (not (holding ?d)) (not (clear ?onto)))))
"""
PEGS = ("left", "middle", "right")


def hanoi_state(discs: int, places: Iterable[str], blocked: Iterable[str] = ()) -> SymbolicState:
    """Disc i+1 lies on ``places[i]``; ``blocked`` places are not clear though nothing lies on them."""
    names = [f"disc{i}" for i in range(1, discs + 1)]
    where = dict(zip(names, places, strict=True))
    covered = (set(where.values()) | set(blocked)) - {"table"}
    smaller = {(a, b) for i, a in enumerate(names) for b in (*names[i + 1 :], *PEGS)}
    atoms = {Atom("on", pair) for pair in where.items()} | {Atom("smaller", pair) for pair in smaller}
    atoms |= {Atom("clear", (s,)) for s in (*names, *PEGS, "table") if s not in covered}
    return SymbolicState.of(atoms | {Atom("handempty")})


def hanoi_problem(discs: int) -> Problem:
    """All discs from the left peg to the right one."""
    domain = domain_from_pddl(HANOI)
    names = [f"disc{i}" for i in range(1, discs + 1)]
    kinds = {**dict.fromkeys(names, "disc"), **dict.fromkeys(PEGS, "peg"), "table": "surface"}
    goal = [Literal(Atom("on", pair)) for pair in zip(names, (*names[1:], "right"), strict=True)]
    objects = tuple(Object(name, domain.type(kind)) for name, kind in kinds.items())
    return Problem(domain, objects, hanoi_state(discs, (*names[1:], "left")), tuple(goal), f"hanoi{discs}")


def all_steps(problem: Problem) -> list[PlanStep]:
    """Every operator over every tuple of objects of the right types."""
    objects = (*problem.domain.constants, *problem.objects)
    return [
        operator.ground(arguments)
        for operator in problem.domain.operators
        for arguments in product(*([o.name for o in objects if o.type.is_a(p.type)] for p in operator.parameters))
    ]


def reference_length(problem: Problem, start: SymbolicState, avoid: Iterable[PlanStep] = ()) -> int | None:
    """Steps of the shortest plan by breadth-first search over sets of atoms; ``None`` if there is no plan."""
    steps = [step for step in all_steps(problem) if step not in set(avoid)]
    distance, queue = {start: 0}, deque([start])
    while queue:
        state = queue.popleft()
        if state.satisfies(problem.goal):
            return distance[state]
        for step in steps:
            if step.applicable(state) and (after := step.apply(state)) not in distance:
                distance[after] = distance[state] + 1
                queue.append(after)
    return None


def reference_distances(problem: Problem, starts: Iterable[SymbolicState]) -> dict[SymbolicState, int | None]:
    """The same for many states at once: all states that the starts lead to, searched backwards from the goal."""
    steps = all_steps(problem)
    before: dict[SymbolicState, list[SymbolicState]] = {start: [] for start in starts}
    queue = deque(before)
    while queue:
        state = queue.popleft()
        for step in steps:
            if step.applicable(state):
                after = step.apply(state)
                if after not in before:
                    before[after] = []
                    queue.append(after)
                before[after].append(state)
    distance: dict[SymbolicState, int | None] = {s: 0 for s in before if s.satisfies(problem.goal)}
    queue = deque(distance)
    while queue:
        state = queue.popleft()
        for earlier in before[state]:
            if earlier not in distance:
                distance[earlier] = (distance[state] or 0) + 1
                queue.append(earlier)
    return {**dict.fromkeys(before), **distance}


@pytest.fixture(scope="session")
def hanoi() -> Callable[[int], Problem]:
    return hanoi_problem


@pytest.fixture(scope="session")
def hanoi_text() -> str:
    return HANOI


@pytest.fixture(scope="session")
def hanoi_at() -> Callable[..., SymbolicState]:
    return hanoi_state


@pytest.fixture(scope="session")
def shortest() -> Callable[..., int | None]:
    return reference_length


@pytest.fixture(scope="session")
def distances() -> Callable[..., dict[SymbolicState, int | None]]:
    return reference_distances
