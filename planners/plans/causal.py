"""Why each step of a plan is there: who makes what true (or false) for whom.

The plan is carried out once. A literal that a step needs was last changed by some earlier step, or held at the start:
that is its causal link (McAllester and Rosenblitt, 1991). A conditional effect that happened needs its conditions, if
anyone needs what it did. A derived literal is handed over by whoever made it true, and the base literals on which it
rests are needed along with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from nsctl.errors import DomainError
from nsctl.symbolic import And, Literal, Plan, Problem, SymbolicState
from planners.plans.validation import Execution, Refused, Validator, failures
from planners.plans.witness import Why, Witness

if TYPE_CHECKING:
    import networkx

START: Final = "start"
GOAL: Final = "goal"

Place: TypeAlias = int | str
"""A step number from 0 on, ``"start"`` or ``"goal"``."""


@dataclass(frozen=True)
class Link:
    """``source`` is the last that changed ``literal`` before ``user`` needs it."""

    source: Place
    literal: Literal
    user: Place


class Trace:
    """A plan carried out from a start, with all that is asked about it; refuses a plan that does not work."""

    def __init__(self, problem: Problem, plan: Plan, init: SymbolicState | None = None) -> None:
        self.problem = problem
        validator = Validator(problem, init)
        self.witnesses: list[Witness] = [validator.witness]
        """Of the state before each step, and of the last one."""
        self.executions: list[Execution] = []
        for number, step in enumerate(plan, start=1):
            try:
                self.executions.append(validator.take(step))
            except Refused as refusal:
                raise DomainError(f"{_REFUSAL}: step {number}, {step}, {refusal}") from None
            self.witnesses.append(validator.witness)
        final = validator.witness
        goal = final.why(And(problem.goal), {})
        if goal is None:
            raise DomainError(f"{_REFUSAL}: at the end it {'; '.join(failures(final, problem.goal, {}))}")
        self.goal: Why = goal
        """Literals that hold at the end and suffice for the goal."""

    def __len__(self) -> int:
        return len(self.executions)

    def changes(self, number: int) -> frozenset[Literal]:
        """The literals, derived ones too, that hold after the step but did not before it."""
        before, after = (self.witnesses[n].state.atoms for n in (number, number + 1))
        return frozenset(Literal(a) for a in after - before) | frozenset(Literal(a, False) for a in before - after)

    def support(self, place: int, literals: Iterable[Literal]) -> Why:
        """``literals``, which hold before step ``place``, and the base literals on which derived ones rest."""
        wanted = tuple(literals)
        return tuple(dict.fromkeys((*wanted, *self.witnesses[place].base(wanted))))

    def decisions(self, number: int) -> Why:
        """All that must be as it was for the step to be taken and to have the very effects it had, as base literals."""
        done = self.executions[number]
        fired = [literal for firing in done.firings for literal in firing.because]
        return self.witnesses[number].base((*done.needs, *fired, *done.idle))

    def links(self) -> tuple[Link, ...]:
        """Every causal link, by user in the plan's order and, for each, in the order of what it needs."""
        makers = list(self.makers())
        found: list[list[Link]] = []
        used: dict[Place, set[Literal]] = {}
        for number in reversed(range(len(self) + 1)):
            user: Place = number if number < len(self) else GOAL
            needs = self._needs(number, used.get(number, set()))
            found.append([Link(makers[number].get(need, START), need, user) for need in needs])
            for link in found[-1]:
                used.setdefault(link.source, set()).add(link.literal)
        return tuple(link for links in reversed(found) for link in links)

    def makers(self) -> Iterator[dict[Literal, int]]:
        """Before each step, and at the end: which step last changed each literal to what it is."""
        maker: dict[Literal, int] = {}
        for number in range(len(self)):
            yield dict(maker)
            maker |= dict.fromkeys(self.changes(number), number)
        yield maker

    def _needs(self, number: int, used: set[Literal]) -> Why:
        """What a step (or the goal) needs, given which of the step's effects others use."""
        if number == len(self):
            return self.support(number, self.goal)
        done = self.executions[number]
        derived = self.problem.domain.derived
        # Which effect made a derived literal true is not looked into: all that happened counts as used then.
        whole = any(literal.atom.predicate in derived for literal in used)
        fired = (f.because for f in done.firings if whole or used.intersection(f.effects))
        return self.support(number, (*done.needs, *(literal for because in fired for literal in because)))


def causal_links(problem: Problem, plan: Plan, init: SymbolicState | None = None) -> networkx.DiGraph:
    """The plan as a graph: nodes are ``"start"``, the step numbers from 0 on, and ``"goal"``.

    An edge runs from the last step that changed a literal to the step that needs it; its attribute ``literals`` is the
    tuple of literals so handed over. ``init`` is the problem's own, if not given. Refuses a plan that does not work.
    """
    return links_graph(Trace(problem, plan, init))


def links_graph(trace: Trace) -> networkx.DiGraph:
    """The same for a plan that was carried out already."""
    import networkx

    graph = networkx.DiGraph()
    graph.add_nodes_from([START, *range(len(trace)), GOAL])
    for link in trace.links():
        before = graph.get_edge_data(link.source, link.user, {"literals": ()})["literals"]
        graph.add_edge(link.source, link.user, literals=(*before, link.literal))
    return graph


def needed_by(graph: networkx.DiGraph) -> list[list[int | str]]:
    """For each step, in order, the steps that need it, earliest first, and then ``"goal"`` if the goal does."""
    steps = sorted(node for node in graph.nodes if isinstance(node, int))
    return [sorted(graph.successors(step), key=in_order) for step in steps]


def in_order(place: Place) -> tuple[int, int]:
    """Sorts places: the start, the steps by number, the goal."""
    return (0, place) if isinstance(place, int) else (1 if place == GOAL else -1, 0)


_REFUSAL = "this plan does not lead from the initial state to the goal"
