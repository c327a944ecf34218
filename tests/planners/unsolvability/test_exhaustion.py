"""Smallest cores and largest sets of goals, over sets drawn at random."""

from itertools import combinations
from random import Random

import pytest

from planners.unsolvability.exhaustion import smallest_core


@pytest.mark.parametrize("seed", range(60))
def test_a_core_was_never_met_and_everything_smaller_was(seed):
    draw = Random(seed)
    size = draw.randint(1, 7)
    met = [draw.getrandbits(size) & ~(1 << draw.randrange(size)) for _ in range(draw.randint(1, 8))]
    core = smallest_core(size, met)

    def was_met(places):
        return any(all(mask >> place & 1 for place in places) for mask in met)

    assert core
    assert not was_met(core)
    assert all(was_met(places) for places in combinations(range(size), len(core) - 1))


def test_of_many_goals_a_core_is_at_least_minimal():
    size = 40
    met = [(1 << size) - 1 & ~(1 << place) for place in range(0, size, 2)]
    core = smallest_core(size, met)
    assert core == tuple(range(0, size, 2))
