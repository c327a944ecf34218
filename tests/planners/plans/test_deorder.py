"""Every order that the partial order allows is a plan; and steps that need nothing of each other are free."""

from random import Random

import networkx
import pytest
from adl_domains import problem as random_problem
from adl_reference import successors
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_samples import BALLS, CARRY, GRIPPER

from nsctl.errors import DomainError
from nsctl.symbolic import Atom, Literal, Plan, Problem, SymbolicState
from planners.pddl import domain_from_pddl, problem_from_pddl
from planners.pddl.plan_files import plan_from_text
from planners.plans.deorder import contexts, deorder
from planners.plans.validation import validate


@pytest.fixture
def carried():
    problem = problem_from_pddl(BALLS, domain_from_pddl(GRIPPER))
    return problem, plan_from_text(CARRY, problem)


def test_two_hands_are_free_of_each_other(carried):
    assert set(deorder(*carried).edges) == {(0, 2), (1, 2), (2, 3), (2, 4)}


def test_contexts_say_what_to_achieve_and_what_to_keep(carried):
    first, second, move, drop, _ = contexts(*carried)
    assert first.achieves == (Literal(Atom("held", ("b1", "left"))),)
    assert first.needed_by == (3,)
    assert Literal(Atom("held", ("b1", "left"))) in second.keeps
    assert set(move.keeps) == {Literal(Atom("held", ("b1", "left"))), Literal(Atom("held", ("b2", "right")))}
    assert (move.after, drop.after) == ((0, 1), (2,))
    assert drop.needed_by == ("goal",)
    assert Literal(Atom("held", ("b2", "right"))) in drop.keeps


def test_static_facts_need_no_keeping(hanoi):
    problem = hanoi(1)
    plan = plan_from_text("(pick disc1 left)\n(place disc1 right)", problem)
    assert not any(k.atom.predicate == "smaller" for context in contexts(problem, plan) for k in context.keeps)


def orders(graph, draw):
    """All linear extensions, or, of many, forty that are drawn."""
    if len(graph) <= 5:
        yield from networkx.all_topological_sorts(graph)
        return
    for _ in range(40):
        left, order = graph.copy(), []
        while left:
            node = draw.choice(sorted(n for n in left if not left.in_degree(n)))
            left.remove_node(node)
            order.append(node)
        yield order


def walk(problem, draw, length):
    """A random sequence of steps that can be taken, and the state in which it ends."""
    state, steps = problem.derive(problem.init), []
    for _ in range(length):
        possible = sorted(successors(problem, state), key=lambda found: found[0])
        if possible:
            name, _, state = draw.choice(possible)
            steps.append(name)
    return steps, state


def goal_at(problem, state, draw):
    """A few literals, derived ones too, that hold in ``state``."""
    named = sorted(state.atoms | problem.init.atoms)
    picked = draw.sample(named, min(3, len(named)))
    goal = tuple(Literal(atom, atom in state) for atom in picked)
    return Problem(problem.domain, problem.objects, problem.init, goal, "y", problem.values, problem.unit_cost)


free = []


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.integers(0, 10**9))
def test_every_order_of_a_random_plan_is_a_plan(seed):
    problem, draw = random_problem(seed), Random(seed)
    steps, state = walk(problem, draw, 6)
    goal = goal_at(problem, state, draw)
    plan = plan_from_text("\n".join(f"({' '.join((name, *arguments))})" for name, arguments in steps), goal)
    graph = deorder(goal, plan)
    assert all(first < then for first, then in graph.edges)
    assert set(networkx.transitive_reduction(graph).edges) == set(graph.edges)
    allowed = list(orders(graph, draw))
    free.append(len(allowed) > 1)
    for order in allowed:
        verdict = validate(goal, [plan.steps[n] for n in order])
        assert verdict, (order, verdict.why)


def test_many_of_these_plans_could_be_reordered():
    assert sum(free) > 20


def test_the_start_may_be_another_one(carried):
    problem, plan = carried
    gone = {Atom("at", ("b1", "here")), Atom("free", ("left",))}
    held = SymbolicState(problem.init.atoms - gone | {Atom("held", ("b1", "left"))})
    assert set(deorder(problem, Plan(plan.steps[1:]), held).edges) == {(0, 1), (1, 2), (1, 3)}
    with pytest.raises(DomainError, match="does not lead from the initial state to the goal"):
        deorder(problem, Plan(plan.steps[1:]))
