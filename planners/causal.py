"""Why each step of a plan is there: who makes what true (or false) for whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import networkx

from nsctl.errors import DomainError
from nsctl.symbolic import Literal, Plan, Problem

START: Final = "start"
GOAL: Final = "goal"


def causal_links(problem: Problem, plan: Plan) -> networkx.DiGraph:
    """The plan as a graph: nodes are ``"start"``, the step numbers from 0 on, and ``"goal"``.

    An edge runs from the last step that changed a literal to the step that needs it; its attribute ``literals`` is the
    tuple of literals so handed over. Refuses a plan that does not work.
    """
    if not plan.reaches(problem.goal, problem.init):
        raise DomainError("this plan does not lead from the problem's initial state to its goal")
    graph = networkx.DiGraph()
    graph.add_nodes_from([START, *range(len(plan)), GOAL])
    maker: dict[Literal, int] = {}
    for number, step in enumerate(plan):
        _link(graph, maker, step.preconditions, number)
        maker |= {Literal(atom): number for atom in step.adds}
        maker |= {Literal(atom, positive=False): number for atom in step.deletes}
    _link(graph, maker, problem.goal, GOAL)
    return graph


def _link(graph: networkx.DiGraph, maker: dict[Literal, int], needs: Iterable[Literal], user: int | str) -> None:
    for literal in needs:
        source = maker.get(literal, START)
        before = graph.edges[source, user]["literals"] if graph.has_edge(source, user) else ()
        graph.add_edge(source, user, literals=(*before, literal))


def needed_by(graph: networkx.DiGraph) -> list[list[int | str]]:
    """For each step, in order, the steps that need it, earliest first, and then ``"goal"`` if the goal does."""
    steps = sorted(node for node in graph.nodes if isinstance(node, int))
    return [sorted(graph.successors(step), key=lambda user: (user == GOAL, user)) for step in steps]
