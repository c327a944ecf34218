"""Plans and state spaces as graphs: what is in them, and what is marked."""

import re

import networkx
import pytest
from plan_samples import BALLS, CARRY, GRIPPER

from nsctl.errors import DomainError, InvalidValue
from nsctl.symbolic import Atom, Literal, Plan
from planners.drawing.graphs import GOAL, GRAPHS, START, causal_graph, order_graph, plan_states, state_graph
from planners.grounding import ground
from planners.pddl import domain_from_pddl, problem_from_pddl
from planners.pddl.plan_files import plan_from_text
from planners.unsolvability.unsolvable import explain_unsolvable


@pytest.fixture
def carried():
    problem = problem_from_pddl(BALLS, domain_from_pddl(GRIPPER))
    return problem, plan_from_text(CARRY, problem)


@pytest.fixture
def tower(hanoi):
    task = ground(hanoi(3))
    start = task.state(hanoi(3).init)
    return task, start, explain_unsolvable(task, start).plan


def test_the_order_has_steps_as_nodes(carried):
    graph = order_graph(*carried)
    assert graph.nodes[2]["label"] == "3  move(here, there)"
    assert graph.nodes[2]["step"] is carried[1].steps[2]
    assert set(graph.edges) == {(0, 2), (1, 2), (2, 3), (2, 4)}


def test_links_show_what_steps_hand_over_and_the_start_only_on_request(carried):
    graph = causal_graph(*carried)
    assert START not in graph
    assert graph.edges[0, 3]["literals"] == (Literal(Atom("held", ("b1", "left"))),)
    assert graph.edges[3, GOAL]["label"] == "at(b1, there)"
    whole = causal_graph(*carried, from_start=True)
    assert whole.edges[START, 0]["label"] == "at(b1, here)\nrobot(here)\nfree(left)"


def test_static_facts_are_shown_on_request(hanoi):
    problem = hanoi(1)
    plan = plan_from_text("(pick disc1 left)\n(place disc1 right)", problem)

    def drawn(**wanted):
        graph = causal_graph(problem, plan, from_start=True, **wanted)
        return {need.atom.predicate for _, _, needs in graph.edges(data="literals") for need in needs}

    assert "smaller" not in drawn()
    assert "smaller" in drawn(static=True)


def test_the_whole_space_of_hanoi_has_every_state_and_the_plan_is_a_shortest_path(tower):
    task, start, plan = tower
    graph = state_graph(task, start, plan)
    assert len(graph) == 2 * 3**3
    assert graph.graph["complete"]
    marked = [node for node, data in graph.nodes(data=True) if data["marked"]]
    (goal,) = [node for node, data in graph.nodes(data=True) if data["kind"] == "goal"]
    assert networkx.shortest_path_length(graph, 0, goal) == len(plan) == len(marked) - 1
    assert sum(data["marked"] for *_, data in graph.edges(data=True)) == len(plan)
    for first, then, steps in graph.edges(data="steps"):
        states = graph.nodes[first]["state"], graph.nodes[then]["state"]
        for number in (n for step in steps for n in task.numbers[step]):
            assert task.apply(task.moves[number], states[0]) == states[1]


def test_around_the_plan_and_up_to_a_limit(tower):
    task, start, plan = tower
    assert len(state_graph(task, start, plan, radius=0)) == len(plan) + 1
    near = state_graph(task, start, plan, radius=1)
    assert len(plan) + 1 < len(near) < 54
    few = state_graph(task, start, limit=10)
    assert (len(few), few.graph["complete"]) == (10, False)


def test_what_cannot_be_shown_is_refused(tower):
    task, start, plan = tower
    with pytest.raises(InvalidValue, match="step 1 of the plan cannot be taken: it needs holding"):
        state_graph(task, start, plan[1:])
    with pytest.raises(InvalidValue, match="limit must be >= 1 state, got 0"):
        state_graph(task, start, limit=0)


@pytest.mark.parametrize("kind", sorted(GRAPHS))
def test_each_kind_of_graph_is_made_from_a_problem_and_a_plan(carried, kind):
    graph = GRAPHS[kind](*carried)
    assert all({"label", "kind", "marked"} <= data.keys() for _, data in graph.nodes(data=True))
    assert {"plan": 5, "causal": 6, "states": 28}[kind] == len(graph)


def test_a_large_space_is_shown_around_the_plan(hanoi, tower):
    problem = hanoi(6)
    task = ground(problem)
    plan = explain_unsolvable(task, task.state(problem.init), effort=10**7).plan
    graph = plan_states(problem, Plan(task.steps(plan)))
    assert len(plan) + 1 < len(graph) < 400
    said = r"plan and some of its neighbours: 200 of (more than )?\d+ states; an edge without arrow goes both ways"
    assert re.fullmatch(said, graph.graph["caption"])
    with pytest.raises(DomainError, match=r"step 1 of the plan, place\(disc1, right\), cannot be taken"):
        plan_states(hanoi(3), Plan(tower[0].steps(tower[2][1:])))


def test_a_caption_says_how_many_of_the_states_are_shown(hanoi):
    def caption(discs):
        task = ground(hanoi(discs))
        plan = explain_unsolvable(task, task.state(hanoi(discs).init), effort=10**7).plan
        graph = plan_states(hanoi(discs), Plan(task.steps(plan)))
        return len(graph), graph.graph["caption"]

    assert caption(3) == (54, "all 54 states; an edge without arrow goes both ways")
    # Of five discs 3^5 states have all down; with one in the hand there are 81 for each of the three small ones, and
    # 63 and 45 for the two large ones, which need a peg without anything smaller.
    shown, said = caption(5)
    total = 243 + 3 * 81 + 63 + 45
    assert said == f"plan and its neighbours: {shown} of {total} states; an edge without arrow goes both ways"


def test_an_empty_plan_is_an_empty_graph(hanoi, hanoi_at):
    assert len(order_graph(hanoi(3), Plan(), hanoi_at(3, ("disc2", "disc3", "right")))) == 0
