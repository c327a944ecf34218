"""Masks mean what the nouns mean (see test_grounding.py for everything beyond STRIPS)."""

from itertools import islice
from random import Random

import pytest
from random_tasks import random_state, random_task

from nsctl.errors import DomainError
from nsctl.symbolic import Atom, SymbolicState
from planners.grounding import ground
from planners.grounding.task import bits
from planners.pddl import domain_from_pddl, problem_from_pddl


def test_masks_agree_with_symbolic_states(hanoi):
    problem = hanoi(2)
    task = ground(problem)
    state, mask, seen = problem.init, task.state(problem.init), 0
    numbered = [(task.step(i), move) for i, move in enumerate(task.moves)]
    for step, move in islice((pair for _ in range(3) for pair in numbered), 99):
        assert step.applicable(state) == move.applicable(mask)
        if step.applicable(state):
            state, mask, seen = step.apply(state), move.apply(mask), seen + 1
            assert task.state(state) == mask
    assert seen > 3
    assert task.strips


def test_the_delete_relaxation_names_what_is_out_of_reach(hanoi):
    problem = hanoi(2)
    task = ground(problem)
    everything = range(len(task.moves))
    can_hold, can_fail, happened = task.relaxed(task.state(problem.init), everything)
    assert task.unreachable(can_hold, can_fail) == ()
    assert happened
    can_hold, can_fail, happened = task.relaxed(task.state(SymbolicState.of([Atom("handempty")])), everything)
    assert task.unreachable(can_hold, can_fail) == tuple(map(str, problem.goal))
    assert happened == []


def test_a_static_fact_that_the_problem_denies_is_refused(hanoi):
    task = ground(hanoi(2))
    with pytest.raises(
        DomainError, match=r"^initial state: smaller\(disc2, disc1\) is static .* and the problem denies it$"
    ):
        task.state(SymbolicState.of([Atom("smaller", ("disc2", "disc1"))]))


def test_static_facts_may_be_left_out_of_a_state(hanoi):
    problem = hanoi(2)
    task = ground(problem)
    changing = SymbolicState.of(a for a in problem.init if a.predicate != "smaller")
    assert task.state(changing) == task.state(problem.init)


def test_derived_atoms_are_never_believed():
    domain = domain_from_pddl(
        """(define (domain d) (:predicates (p) (even) (odd))
        (:derived (odd) (p)) (:derived (even) (not (odd)))
        (:action flip :effect (and (when (p) (not (p))) (when (not (p)) (p)))))"""
    )
    task = ground(problem_from_pddl("(define (problem x) (:domain d) (:goal (and (odd) (not (even)))))", domain))
    assert not task.strips
    assert len(task.rules) == 2
    flip = task.moves[0]
    start = task.state(SymbolicState.of([Atom("odd")]))
    assert start == task.mask([Atom("even")])
    assert task.apply(flip, start) == task.mask([Atom("odd"), Atom("p")])
    assert task.reached(task.apply(flip, start))
    assert task.apply(flip, task.apply(flip, start)) == start


def test_bits_are_listed_from_the_lowest():
    assert list(bits(0b101001)) == [0, 3, 5]


def test_the_delete_relaxation_is_the_fixpoint_of_a_plain_loop():
    for seed in range(200):
        task, draw = random_task(seed, general=True), Random(seed)
        start = random_state(draw, task)
        allowed = [number for number in range(len(task.moves)) if draw.random() < 0.8]
        moves = [(task.moves[n].pre, task.moves[n].npre, task.moves[n].add, task.moves[n].delete) for n in allowed]
        causes = [*moves, *((r.pre, r.npre, r.head, 0) for stratum in task.rules for r in stratum)]
        for move in (task.moves[number] for number in allowed):
            causes += [(move.pre | b.pre, move.npre | b.npre, b.add, b.delete) for b in move.branches]
        hold, fail = start, ~start | task.derived
        for _ in range(2 * len(task.atoms) + 1):
            for pre, npre, add, delete in causes:
                if hold & pre == pre and fail & npre == npre:
                    hold, fail = hold | add, fail | delete
        happened = [n for n, (pre, npre, _, _) in zip(allowed, moves, strict=True) if not (pre & ~hold or npre & ~fail)]
        assert task.relaxed(start, allowed) == (hold, fail, happened)
