"""The sweep proves lengths, unsolvability, or a bound."""

from itertools import pairwise
from math import inf

from planners.asp import ground
from planners.sweep import Sweep


def sweep_of(problem, allowed=None):
    task = ground(problem)
    steps = range(len(task.steps)) if allowed is None else [i for i, s in enumerate(task.steps) if allowed(s)]
    return Sweep(task, task.state(problem.init), steps)


def test_the_depth_at_the_goal_is_the_length_of_the_shortest_plan(hanoi, shortest):
    problem = hanoi(2)
    sweep = sweep_of(problem)
    sweep.advance(10**6, inf)
    assert sweep.met
    assert sweep.depth == shortest(problem, problem.init) == 6


def test_a_paused_sweep_has_a_lower_bound_and_goes_on(hanoi):
    sweep = sweep_of(hanoi(4))
    sweep.advance(500, inf)
    assert not sweep.over
    assert 0 < sweep.depth < 30
    sweep.advance(10**7, inf)
    assert (sweep.met, sweep.depth) == (True, 30)


def test_dry_layers_are_a_proof(hanoi):
    sweep = sweep_of(hanoi(2), allowed=lambda step: step.arguments != ("disc2", "right"))
    sweep.advance(10**6, inf)
    assert (sweep.exhausted, sweep.met) == (True, False)


def test_no_effort_and_a_past_deadline_change_nothing(hanoi):
    sweep = sweep_of(hanoi(3))
    sweep.advance(0, inf)
    sweep.advance(10**6, -inf)
    assert (sweep.depth, sweep.states, sweep.over) == (0, 1, False)


def test_milestones_are_states_on_one_shortest_way(hanoi):
    problem = hanoi(3)
    sweep = sweep_of(problem)
    assert sweep.milestones(4) == {}
    sweep.advance(10**6, inf)
    found = sweep.milestones(4)
    assert list(found) == [4, 8, 12]
    task = ground(problem)
    states = [task.state(problem.init), *sweep.milestones(1).values()]
    assert len(states) == 14
    for before, after in pairwise(states):
        assert after in {move.apply(before) for move in task.moves if move.applicable(before)}
