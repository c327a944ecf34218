"""What is called a proof is one, and every excuse yields a plan: hand-made problems, and random ones by brute force."""

from itertools import combinations
from random import Random
from time import monotonic

import pytest
from random_tasks import random_state, random_task, reachable, simulate

from nsctl.errors import InvalidValue
from nsctl.symbolic import Atom, Literal, Problem, SymbolicState
from planners.grounding import ground
from planners.pddl import domain_from_pddl, problem_from_pddl
from planners.unsolvability.unsolvable import explain_unsolvable

COIN = """(define (domain one-coin) (:predicates (coin) (tea) (cake))
 (:action buy-tea :precondition (coin) :effect (and (tea) (not (coin))))
 (:action buy-cake :precondition (coin) :effect (and (cake) (not (coin)))))"""
DOORS = """(define (domain doors) (:requirements :typing :negative-preconditions) (:types room key)
 (:predicates (at ?r - room) (joined ?a ?b - room) (locked ?r - room) (opens ?k - key ?r - room) (have ?k - key)
   (lies ?k - key ?r - room))
 (:action go :parameters (?a ?b - room) :precondition (and (at ?a) (joined ?a ?b) (not (locked ?b)))
   :effect (and (at ?b) (not (at ?a))))
 (:action take :parameters (?k - key ?r - room) :precondition (and (at ?r) (lies ?k ?r))
   :effect (and (have ?k) (not (lies ?k ?r))))
 (:action unlock :parameters (?k - key ?a ?b - room)
   :precondition (and (at ?a) (joined ?a ?b) (opens ?k ?b) (have ?k)) :effect (not (locked ?b))))"""
LOCKED = """(define (problem no-key) (:domain doors) (:objects hall office - room k - key)
 (:init (at hall) (joined hall office) (joined office hall) (locked office) (opens k office))
 (:goal (at office)))"""


def explained(problem, init=None, avoid=(), **limits):
    task = ground(problem)
    avoided = [number for name in avoid for number in task.numbers[name]]
    explanation = explain_unsolvable(task, task.state(init or problem.init), avoided, **limits)
    return explanation.task, explanation


def kinds(explanation):
    return {rung.kind: rung for rung in explanation.rungs}


def goal(problem, *atoms):
    return Problem(problem.domain, problem.objects, problem.init, tuple(map(Literal, atoms)))


def test_a_blocked_peg_is_out_of_reach_and_clearing_it_is_the_excuse(hanoi, hanoi_at):
    start = hanoi_at(3, ("disc2", "disc3", "left"), blocked=["right"])
    task, why = explained(hanoi(3), start)
    first, *_, last = why.rungs
    assert (first.kind, first.proof) == ("unreachable goal", True)
    assert first.blame.goals == (Literal(Atom("on", ("disc3", "right"))),)
    assert Literal(Atom("clear", ("right",))) in first.blame.facts
    assert "wait for one another" in first.sentence
    assert last.blame.facts == (Literal(Atom("clear", ("right",))),)
    assert last.sentence == "with clear(right) at the start there would be a plan of 14 steps"
    assert last.strength == "proof"
    assert not last.proof
    assert task.reached(simulate(task, last.start, last.plan))


def test_goals_that_only_together_are_too_much(hanoi, hanoi_at):
    _, why = explained(hanoi(3), hanoi_at(3, ("disc2", "disc3", "left"), blocked=["middle"]))
    found = kinds(why)
    assert found["exclusion"].sentence.endswith("no order of steps brings them about together (h^2)")
    assert found["exhausted"].blame.goals == (Literal(Atom("on", ("disc3", "right"))),)
    assert "at most 2 of the 3 goals hold at once: on(disc1, disc2) and on(disc2, disc3)" in found["exhausted"].sentence


def test_an_object_on_itself(hanoi):
    _, why = explained(goal(hanoi(2), Atom("on", ("disc1", "disc1"))))
    assert why.rungs[0].blame.missing == (Literal(Atom("on", ("disc1", "disc1"))),)
    assert "types and static facts rule out place there" in why.rungs[0].sentence


def test_two_places_at_once_are_excluded_by_a_group(hanoi):
    _, why = explained(goal(hanoi(2), Atom("on", ("disc1", "left")), Atom("on", ("disc1", "right"))))
    assert why.rungs[0].kind == "exclusion"
    assert "at most one is ever true of" in why.rungs[0].sentence


def test_a_goal_that_static_facts_deny(hanoi):
    _, why = explained(goal(hanoi(2), Atom("smaller", ("disc2", "disc1"))))
    assert [r.kind for r in why.rungs] == ["static goal"]
    assert why.rungs[0].sentence == "the goal smaller(disc2, disc1) is false, and no operator changes it"


def test_a_resource_that_is_used_up():
    problem = Problem(
        domain_from_pddl(COIN), (), SymbolicState.of([Atom("coin")]), (Literal(Atom("tea")), Literal(Atom("cake")))
    )
    _, why = explained(problem)
    assert [r.kind for r in why.rungs] == ["exclusion", "exhausted", "excuse"]
    assert "all 3 states that can be reached were seen; tea and cake never hold at once" in why.rungs[1].sentence
    assert "at most 1 of the 2 goals" in why.rungs[1].sentence


def test_a_locked_door_and_no_key():
    problem = problem_from_pddl(LOCKED, domain_from_pddl(DOORS))
    task, why = explained(problem)
    first, last = why.rungs[0], why.rungs[-1]
    assert {str(m) for m in first.blame.missing} == {"lies(k, hall)", "lies(k, office)"}
    assert "which (take k hall) needs (no operator has the effect lies)" in first.sentence
    assert {str(f) for f in first.blame.facts} == {"not locked(office)", "have(k)", "lies(k, hall)"}
    assert last.sentence == "with not locked(office) at the start there would be a plan of 1 step"
    assert task.reached(simulate(task, last.start, last.plan))


def test_only_the_avoided_steps_that_matter_are_blamed(hanoi):
    avoid = [("pick", ("disc1", "table")), ("place", ("disc3", "right")), ("place", ("disc1", "left"))]
    _, why = explained(hanoi(3), avoid=avoid)
    for rung in why.rungs[:2]:
        assert rung.blame.avoided == (("place", ("disc3", "right")),)
        assert "without (place disc3 right)" in rung.sentence


def test_without_effort_the_solver_still_names_a_core_but_proves_nothing(hanoi, hanoi_at):
    start = hanoi_at(3, ("disc2", "disc3", "left"), blocked=["middle"])
    _, why = explained(hanoi(3), start, avoid=[("pick", ("disc1", "table"))], effort=0, horizon=8)
    assert not why.proven
    assert why.rungs[0].strength == "bounded to 8 steps"
    assert why.rungs[0].blame.goals == (Literal(Atom("on", ("disc3", "right"))),)
    assert why.rungs[0].blame.avoided == ()


def test_a_problem_with_a_plan_is_not_explained_away(hanoi):
    problem = hanoi(3)
    task, why = explained(problem)
    assert why.rungs == ()
    assert len(why.plan) == 14
    assert str(why) == "there is a plan"
    assert task.reached(simulate(task, task.state(problem.init), why.plan))


def test_a_deadline_that_has_passed_ends_it_early(hanoi, hanoi_at):
    begun = monotonic()
    _, why = explained(hanoi(6), hanoi_at(6, ["disc2", "disc3", "disc4", "disc5", "disc6", "left"]), deadline=begun)
    assert monotonic() - begun < 1
    assert why.plan is None
    assert not why.proven


def test_a_task_of_what_is_within_reach_is_explained_as_the_whole_one(hanoi, hanoi_at):
    problem, start = hanoi(3), hanoi_at(3, ("disc2", "disc3", "left"), blocked=["right"])
    moved = Problem(problem.domain, problem.objects, start, problem.goal)
    small = ground(moved, reachable=True)
    avoid = ("pick", ("disc1", "disc2"))
    assert not small.complete
    assert len(small.moves) < len(ground(moved).moves)
    why = explain_unsolvable(small, small.state(start), small.numbers[avoid])
    assert [str(rung) for rung in why.rungs] == [str(rung) for rung in explained(problem, start, [avoid])[1].rungs]
    assert why.task.reached(simulate(why.task, why.rungs[-1].start, why.rungs[-1].plan))


def test_nonsense_is_refused(hanoi):
    task = ground(hanoi(1))
    with pytest.raises(InvalidValue, match="avoided moves are numbers from 0 to"):
        explain_unsolvable(task, 0, [999])
    with pytest.raises(InvalidValue, match="horizon >= 1, got 5 and 0"):
        explain_unsolvable(task, 0, effort=5, horizon=0)


def wishes(task):
    wanted, unwanted = task.goal
    return {str(lit): lit for lit in task.literals(wanted, unwanted)}


def holds(task, state, literal):
    return bool(state & task.mask([literal.atom])) == literal.positive


@pytest.mark.parametrize("general", [False, True])
@pytest.mark.parametrize("block", range(6))
def test_random_problems_by_brute_force(general, block):
    """Proofs, the goals and steps they blame, smallest and largest sets of goals, and excuses."""
    unsolvable = excused = 0
    for seed in range(20 * block, 20 * block + 20):
        task, draw = random_task(seed, general), Random(seed)
        start, avoided = random_state(draw, task), draw.sample(range(9), draw.choice([0, 0, 3, 5]))
        allowed = [n for n in range(9) if n not in avoided]
        states = reachable(task, start, allowed)
        why = explain_unsolvable(task, start, avoided, horizon=5)
        if any(map(task.reached, states)):
            assert why.rungs == ()
            assert task.reached(simulate(task, start, why.plan))
            assert not set(why.plan) & set(avoided)
            continue
        unsolvable += 1
        assert why.proven
        for rung in why.rungs:
            if rung.proof:
                check_blame(task, start, rung)
            else:
                excused += 1
                check_excuse(task, start, avoided, rung)
        check_smallest(task, start, kinds(why)["exhausted"], avoided)
    assert unsolvable >= 3
    assert excused >= 3


def check_blame(task, start, rung):
    barred = set(rung.blame.avoided)
    states = reachable(task, start, [n for n in range(9) if task.names[n] not in barred])
    if rung.kind == "unreachable goal":
        assert not any(holds(task, state, literal) for state in states for literal in rung.blame.goals)
    else:
        assert not any(all(holds(task, state, literal) for literal in rung.blame.goals) for state in states)


def check_smallest(task, start, rung, avoided):
    states = reachable(task, start, [n for n in range(9) if task.names[n] not in rung.blame.avoided])
    goals = list(wishes(task).values())
    met = [sum(holds(task, state, literal) for literal in goals) for state in states]
    if len(goals) > 1:
        assert f"at most {max(met)} of the {len(goals)} goals" in rung.sentence
    for fewer in combinations(goals, len(rung.blame.goals) - 1):
        assert any(all(holds(task, state, literal) for literal in fewer) for state in states)
    assert set(rung.blame.avoided) <= {task.names[n] for n in avoided}


def check_excuse(task, start, avoided, rung):
    assert rung.kind == "excuse"
    assert task.close(rung.start) == rung.start
    assert not set(rung.plan) & set(avoided)
    assert task.reached(simulate(task, rung.start, rung.plan))
    assert set(rung.blame.facts) == {
        Literal(task.atoms[i], bool(rung.start >> i & 1))
        for i in range(len(task.atoms))
        if (rung.start ^ start) & ~task.derived & 1 << i
    }
