"""Plans and state spaces as networkx graphs, ready to be analysed or drawn (``planners.drawing.pictures``).

Every node has a ``label`` and a ``kind`` (``"step"``, ``"start"``, ``"goal"`` or ``"state"``); ``marked`` nodes and
edges are those of the plan, ``title`` says what does not fit into a label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from nsctl.errors import DomainError, InvalidValue
from nsctl.symbolic import Literal, Plan, Problem, SymbolicState
from planners.drawing.pictures import write_graph
from planners.grounding import ground
from planners.grounding.normal_form import AUXILIARY
from planners.grounding.task import GroundTask, bits
from planners.plans.causal import GOAL, START, Trace, links_graph
from planners.plans.deorder import predecessors

if TYPE_CHECKING:
    import networkx

COUNTED = 200_000
"""Moves tried at most to count the states for a caption: a fraction of a second."""


def order_graph(problem: Problem, plan: Plan, init: SymbolicState | None = None) -> networkx.DiGraph:
    """The plan as a partial order: an edge for each "must be done before" that others do not imply.

    Nodes are the step numbers from 0 on (labels, which people read, count from 1); their attribute ``step`` is the
    plan step.
    """
    import networkx

    trace = Trace(problem, plan, init)
    graph = networkx.DiGraph()
    for number, step in enumerate(plan):
        graph.add_node(number, label=_numbered(number, step), kind="step", marked=False, step=step)
    for then, direct in enumerate(predecessors(trace)):
        graph.add_edges_from(((first, then) for first in direct), label="", marked=False)
    return graph


def causal_graph(
    problem: Problem, plan: Plan, init: SymbolicState | None = None, *, from_start: bool = False, static: bool = False
) -> networkx.DiGraph:
    """The plan's causal links: an edge from a step to each that needs what it did, ``literals`` saying what.

    Nodes are step numbers from 0 on, ``"goal"`` and, if what held ``from_start`` is wanted too, ``"start"``; facts that
    no step can change are left out unless ``static`` ones are wanted.
    """
    graph = links_graph(Trace(problem, plan, init))
    fluents = problem.domain.fluents
    for first, then, data in list(graph.edges(data=True)):
        kept = tuple(need for need in data["literals"] if static or need.atom.predicate in fluents)
        if kept and (from_start or first != START):
            data.update(literals=kept, label="\n".join(map(str, kept)), marked=False)
        else:
            graph.remove_edge(first, then)
    if not graph.degree(START):
        graph.remove_node(START)
    for node, data in graph.nodes(data=True):
        step = plan.steps[node] if isinstance(node, int) else None
        kind = "step" if step is not None else node
        data.update(label=node if step is None else _numbered(node, step), kind=kind, marked=False, step=step)
    return graph


def state_graph(
    task: GroundTask, start: int, plan: Sequence[int] = (), *, limit: int = 200, radius: int | None = None
) -> networkx.DiGraph:
    """States as nodes (numbered as they are met, breadth first), steps as edges; the plan's way is ``marked``.

    All states within reach, or, with a ``radius``, those within so many steps of the plan's way; ``limit`` is how many
    there may be at most, and ``graph.graph["complete"]`` says whether that was enough. Nodes have ``state`` (the mask),
    ``layer`` (steps from the start, or from the way) and ``title`` (the atoms that hold); edges have ``steps``, the
    steps that lead from the one to the other. Refuses a plan that cannot be carried out.
    """
    import networkx

    if limit < 1:
        raise InvalidValue(f"limit must be >= 1 state, got {limit}")
    way = _way(task, start, plan)
    layer = {start: 0} if radius is None else dict.fromkeys(way, 0)
    edges, complete = _explored(task, layer, limit, radius)
    graph = networkx.DiGraph(complete=complete)
    names = {state: number for number, state in enumerate(layer)}
    steps_on_way = dict(zip(way, map(str, range(len(way))), strict=True)) if plan else {}
    for state, number in names.items():
        kind = "goal" if task.reached(state) else "start" if state == start else "state"
        title = ", ".join(_atoms(task, state))
        graph.add_node(
            number, label=steps_on_way.get(state, ""), kind=kind, marked=state in steps_on_way, title=title, state=state
        )
        if radius is None:
            graph.nodes[number]["layer"] = layer[state]
    taken = {(one, other): move for one, other, move in zip(way, way[1:], plan, strict=False)}
    for (first, then), moves in edges.items():
        steps = tuple(dict.fromkeys(task.names[move] for move in moves))
        said = [f"{name}({', '.join(arguments)})" for name, arguments in steps]
        attributes = {"steps": steps, "title": "\n".join(said), "label": "", "marked": (first, then) in taken}
        graph.add_edge(names[first], names[then], **attributes)
    return graph


def plan_states(problem: Problem, plan: Plan, init: SymbolicState | None = None) -> networkx.DiGraph:
    """The states of ``problem`` with the plan's way marked: all of them, or, of more than 200, those one step off it."""
    task = ground(problem)
    start = task.state(problem.init if init is None else init)
    state = start
    moves: list[int] = []
    for step in plan:
        numbers = task.numbers.get((step.operator, step.arguments), ())
        number = next((n for n in numbers if task.moves[n].applicable(state)), None)
        if number is None:
            raise DomainError(f"step {len(moves) + 1} of the plan, {step}, cannot be taken")
        moves.append(number)
        state = task.apply(task.moves[number], state)
    whole = state_graph(task, start, moves)
    graph = whole if whole.graph["complete"] else state_graph(task, start, moves, radius=1)
    graph.graph["caption"] = _caption(task, start, graph, whole.graph["complete"])
    return graph


GRAPHS: Mapping[str, Callable[[Problem, Plan], networkx.DiGraph]] = {
    "plan": order_graph,
    "causal": causal_graph,
    "states": plan_states,
}
"""What can be drawn of a problem and a plan that solves it, by name."""


def _numbered(number: int, step: object) -> str:
    """As tables of plans have it, which count from 1."""
    return f"{number + 1}  {step}"


def _caption(task: GroundTask, start: int, graph: networkx.DiGraph, whole: bool) -> str:
    """What the picture of states shows, and how many there are, which is counted only so far as that is quick."""
    if whole:
        shown = f"all {len(graph)} states"
    else:
        reached = {start: 0}
        limit = max(len(graph), COUNTED // max(1, len(task.moves)))
        _, counted = _explored(task, reached, limit, None)
        near = "its neighbours" if graph.graph["complete"] else "some of its neighbours"
        many = f"{len(reached)}" if counted else f"more than {len(reached)}"
        shown = f"plan and {near}: {len(graph)} of {many} states"
    both = any(graph.has_edge(then, first) for first, then in graph.edges)
    return shown + ("; an edge without arrow goes both ways" if both else "")


def _way(task: GroundTask, start: int, plan: Sequence[int]) -> list[int]:
    way = [start]
    for place, number in enumerate(plan, start=1):
        move = task.moves[number]
        if not move.applicable(way[-1]):
            missing = task.literals(move.pre & ~way[-1], move.npre & way[-1])
            raise InvalidValue(f"step {place} of the plan cannot be taken: it needs {', '.join(map(str, missing))}")
        way.append(task.apply(move, way[-1]))
    return way


def _explored(
    task: GroundTask, layer: dict[int, int], limit: int, radius: int | None
) -> tuple[dict[tuple[int, int], list[int]], bool]:
    """The edges between the states that are met, breadth first, from those in ``layer``, which grows."""
    edges: dict[tuple[int, int], list[int]] = {}
    queue, complete = list(layer), True
    for state in queue:
        for number, move in enumerate(task.moves):
            if not move.applicable(state):
                continue
            after = task.apply(move, state)
            if after not in layer and (radius is None or layer[state] < radius):
                if len(layer) >= limit:
                    complete = False
                else:
                    layer[after] = layer[state] + 1
                    queue.append(after)
            if after in layer and after != state:
                edges.setdefault((state, after), []).append(number)
    return edges, complete


def _atoms(task: GroundTask, state: int) -> list[str]:
    return [str(Literal(task.atoms[i])) for i in bits(state) if task.atoms[i].predicate != AUXILIARY]


__all__ = ["GOAL", "GRAPHS", "START", "causal_graph", "order_graph", "plan_states", "state_graph", "write_graph"]
