"""Plans in layers are plans, come soon, and exist wherever plans exist."""

from math import inf
from random import Random

import pytest
from random_tasks import cheapest_cost, random_state, random_task, simulate

from planners.answersets.parallel import Found, LayerSearch, NoPlan, Parallel, Undecided, fewest_layers
from planners.grounding import ground
from planners.grounding.invariants import invariants
from planners.pddl import domain_from_pddl, problem_from_pddl


@pytest.mark.parametrize("general", [False, True])
def test_there_is_a_plan_in_as_many_layers_as_steps_and_in_no_fewer_than_the_relaxation_says(general):
    shared = refuted = 0
    for seed in range(150):
        task, draw = random_task(seed, general), Random(seed)
        parallel, moves = Parallel(task, invariants(task)), range(len(task.moves))
        for start in [random_state(draw, task) for _ in range(2)]:
            length, fewest = cheapest_cost(task, start), fewest_layers(task, start, moves)
            if length is None:
                refuted += 1
                assert isinstance(parallel.ask(start, [], 6, inf), NoPlan)
                continue
            assert fewest is not None
            assert fewest <= length
            if length == 0:
                continue
            found = parallel.ask(start, [], length, inf)
            assert isinstance(found, Found)
            assert task.reached(simulate(task, start, found.plan))
            assert len(found.plan) >= length
            layers = next(n for n in range(1, length + 1) if isinstance(parallel.ask(start, [], n, inf), Found))
            assert layers >= fewest
            shared += layers < length
    assert shared > (1 if general else 5)
    assert refuted > 20


FERRIES = """(define (domain ferries) (:requirements :strips :typing) (:types ferry place)
(:predicates (at ?f - ferry ?p - place) (fuelled ?f - ferry))
(:action sail :parameters (?f - ferry ?a ?b - place) :precondition (and (at ?f ?a) (fuelled ?f))
 :effect (and (at ?f ?b) (not (at ?f ?a)))))"""


def test_steps_that_do_not_meet_share_a_layer():
    domain = domain_from_pddl(FERRIES)
    names = [f"f{i}" for i in range(6)]
    facts = " ".join(f"(at {f} here) (fuelled {f})" for f in names)
    goal = " ".join(f"(at {f} there)" for f in names)
    problem = problem_from_pddl(
        f"(define (problem p) (:domain ferries) (:objects {' '.join(names)} - ferry here there - place)"
        f" (:init {facts}) (:goal (and {goal})))",
        domain,
    )
    task = ground(problem)
    found = Parallel(task, invariants(task)).ask(task.state(problem.init), [], 1, inf)
    assert isinstance(found, Found)
    assert task.reached(simulate(task, task.state(problem.init), found.plan))
    assert sorted(task.names[move] for move in found.plan) == [("sail", (f, "here", "there")) for f in names]


def test_avoided_moves_are_avoided(hanoi):
    task = ground(hanoi(2))
    start, parallel = task.state(task.problem.init), Parallel(task, invariants(task))
    first = parallel.ask(start, [], 6, inf)
    assert isinstance(first, Found)
    around = parallel.ask(start, [first.plan[1]], 10, inf)
    assert isinstance(around, Found)
    assert first.plan[1] not in around.plan


def test_a_search_in_slices_finds_a_plan_and_is_the_same_each_time(hanoi):
    task = ground(hanoi(3))
    start = task.state(task.problem.init)

    def run():
        search = LayerSearch(Parallel(task, invariants(task)), start, [], 4)
        answers = [search.advance(20, inf)]
        while not isinstance(answers[-1], Found):
            answers.append(search.advance(20, inf))
        return answers

    answers = run()
    assert len(answers) > 2
    assert task.reached(simulate(task, start, answers[-1].plan))
    assert run() == answers


def test_a_past_deadline_is_told(hanoi):
    task = ground(hanoi(1))
    assert Parallel(task, ()).ask(0, [], 1, -inf) == Undecided(0, late=True)
    assert LayerSearch(Parallel(task, ()), 0, [], 1).advance(100, -inf).late
