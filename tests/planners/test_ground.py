"""Masks mean what the nouns mean."""

from itertools import islice

from nsctl.symbolic import Atom, SymbolicState
from planners.asp import ground
from planners.ground import bits


def test_masks_agree_with_symbolic_states(hanoi):
    problem = hanoi(2)
    task = ground(problem)
    state, mask, seen = problem.init, task.state(problem.init), 0
    for step, move in islice(((s, m) for _ in range(3) for s, m in zip(task.steps, task.moves, strict=True)), 99):
        assert step.applicable(state) == move.applicable(mask)
        if step.applicable(state):
            state, mask, seen = step.apply(state), move.apply(mask), seen + 1
            assert task.state(state) == mask
    assert seen > 3


def test_the_delete_relaxation_names_what_is_out_of_reach(hanoi):
    problem = hanoi(2)
    task = ground(problem)
    everything = range(len(task.steps))
    assert task.unreachable(task.state(problem.init), everything) == ()
    assert task.unreachable(task.state(SymbolicState.of([Atom("handempty")])), everything) == problem.goal


def test_bits_are_listed_from_the_lowest():
    assert list(bits(0b101001)) == [0, 3, 5]
