"""Whatever pairs are called out of reach, no state that can be reached has them."""

from random import Random

import pytest
from random_tasks import random_state, random_task, reachable

from nsctl.symbolic import Atom
from planners.grounding import ground
from planners.unsolvability.pairs import Pairs


@pytest.mark.parametrize("general", [False, True])
def test_no_state_in_reach_has_an_excluded_pair(general):
    excluded = 0
    for seed in range(120):
        task, draw = random_task(seed, general), Random(seed)
        start, allowed = random_state(draw, task), draw.sample(range(9), 5)
        pairs = Pairs(task, start, allowed, 10**6)
        assert pairs.complete
        for state in reachable(task, start, allowed):
            literals = pairs.literals(state, ~state)
            assert all(literals & ~pairs.with_[n] == 0 for n in range(2 * len(task.atoms)) if literals >> n & 1)
        size = len(task.atoms)
        known = [n for n in range(2 * size) if pairs.with_[n]]
        excluded += sum(not pairs.with_[a] >> b & 1 for a in known for b in known if a % size < b % size)
    assert excluded > 100


def test_two_discs_never_share_a_place(hanoi):
    problem = hanoi(3)
    task = ground(problem)
    pairs = Pairs(task, task.state(problem.init), range(len(task.moves)), 10**6)
    both = task.mask([Atom("on", ("disc1", "left")), Atom("on", ("disc2", "left"))])
    assert pairs.excluded(both, 0) is not None
    assert pairs.excluded(task.mask([Atom("on", ("disc1", "left")), Atom("on", ("disc2", "right"))]), 0) is None


def test_too_little_effort_proves_nothing(hanoi):
    problem = hanoi(3)
    task = ground(problem)
    assert not Pairs(task, task.state(problem.init), range(len(task.moves)), 10).complete
