"""From a sequence of steps to a partial order: only what must come before what.

Explanation-based order generalisation (Kambhampati and Kedar, "A unified framework for explanation-based generalization
of partially ordered and partially instantiated plans", 1994): a step comes after whoever made what it needs, and a
step that would undo what is handed over stays on the side of both on which the plan has it. Everything else is free.
Every order of the steps that the result allows is a plan.

A step with conditional effects counts everything as needed that decided which of them happened, so that it does the
same in every such order; of a derived atom, the base atoms on which it rests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nsctl.symbolic import Literal as SymbolicLiteral
from nsctl.symbolic import Plan, Problem, SymbolicState
from planners.plans.causal import GOAL, START, Link, Place, Trace, in_order

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True)
class StepContext:
    """What whoever carries out a step should know about the rest of the plan.

    ``achieves``: what the step makes true or false for others; ``keeps``: what was made so before and is needed after,
    and so must not be broken meanwhile; ``needed_by``: the numbers of the steps that use what it achieves, and
    ``"goal"``; ``after``: the numbers of the steps that must be done right before it, in the partial order.
    """

    achieves: tuple[SymbolicLiteral, ...]
    keeps: tuple[SymbolicLiteral, ...]
    needed_by: tuple[int | Literal["goal"], ...]
    after: tuple[int, ...]


def deorder(problem: Problem, plan: Plan, init: SymbolicState | None = None) -> networkx.DiGraph:
    """The partial order as a graph over the step numbers from 0 on, without edges that others imply.

    ``init`` is the problem's own, if not given. Refuses a plan that does not work.
    """
    import networkx

    before = predecessors(Trace(problem, plan, init))
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(len(before)))
    graph.add_edges_from((first, then) for then, direct in enumerate(before) for first in direct)
    return graph


def contexts(problem: Problem, plan: Plan, init: SymbolicState | None = None) -> tuple[StepContext, ...]:
    """The context of every step of ``plan``; refuses a plan that does not work."""
    trace = Trace(problem, plan, init)
    links, before = trace.links(), predecessors(trace)
    changing = [link for link in links if link.literal.atom.predicate in problem.domain.fluents]
    return tuple(_context(number, changing, before[number]) for number in range(len(trace)))


def predecessors(trace: Trace) -> list[tuple[int, ...]]:
    """For each step the steps right before it in the partial order."""
    reach = [0] * len(trace)  # all steps before each, as a mask
    for first, then in sorted(set(_constraints(trace)), key=lambda pair: (pair[1], -pair[0])):
        reach[then] |= 1 << first | reach[first]
    return [_covering(mask, reach) for mask in reach]


def _covering(mask: int, reach: list[int]) -> tuple[int, ...]:
    steps = [n for n in range(mask.bit_length()) if mask >> n & 1]
    implied = 0
    for step in steps:
        implied |= reach[step]
    return tuple(step for step in steps if not implied >> step & 1)


def _constraints(trace: Trace) -> Iterator[tuple[int, int]]:
    """Pairs of steps, the first of which must come before the second."""
    undoers: dict[SymbolicLiteral, list[int]] = {}
    for number, done in enumerate(trace.executions):
        for atom in done.adds:
            undoers.setdefault(SymbolicLiteral(atom, False), []).append(number)
        for atom in done.deletes:
            undoers.setdefault(SymbolicLiteral(atom), []).append(number)
    for link in _needs(trace):
        if isinstance(link.source, int) and isinstance(link.user, int):
            yield link.source, link.user
        for undoer in undoers.get(link.literal, ()):
            if isinstance(link.source, int) and undoer < link.source:
                yield undoer, link.source
            elif isinstance(link.user, int) and undoer > link.user:
                yield link.user, undoer


def _needs(trace: Trace) -> Iterator[Link]:
    """A link for each base literal that decides what some step does, or the goal."""
    for number, maker in enumerate(trace.makers()):
        user: Place = number if number < len(trace) else GOAL
        last = number == len(trace)
        needs = trace.witnesses[number].base(trace.goal) if last else trace.decisions(number)
        yield from (Link(maker.get(need, START), need, user) for need in needs)


def _context(number: int, links: Sequence[Link], after: tuple[int, ...]) -> StepContext:
    here = in_order(number)
    given = [link for link in links if link.source == number]
    spanning = (link.literal for link in links if in_order(link.source) < here < in_order(link.user))
    users = sorted({link.user for link in given}, key=in_order)
    return StepContext(
        tuple(dict.fromkeys(link.literal for link in given)),
        tuple(dict.fromkeys(spanning)),
        tuple("goal" if isinstance(user, str) else user for user in users),
        after,
    )
