"""Pattern databases that share costs with landmark cuts: their sum is a lower bound in every state."""

from hypothesis import HealthCheck, given, settings
from random_tasks import cheapest_cost, reachable, tasks

from planners.grounding import ground
from planners.grounding.invariants import invariants
from planners.search.lmcut import LmCut
from planners.search.patterns import best_heuristic
from planners.search.projections import FAR, Projection

often = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@often
@given(tasks())
def test_no_state_has_a_plan_that_is_cheaper(drawn):
    task, start = drawn
    allowed = range(len(task.moves))
    heuristic = best_heuristic(task, start, allowed)
    for state in reachable(task, start, allowed):
        value, true = heuristic(state), cheapest_cost(task, state, allowed)
        assert true is None or (value is not None and value <= true)


@often
@given(tasks())
def test_a_projection_to_everything_knows_the_true_costs(drawn):
    task, start = drawn
    allowed = range(len(task.moves))
    projection = Projection(task, start, allowed, 2**6 - 1, (), 100)
    distances = projection.distances([move.cost for move in task.moves])
    assert set(projection.index) == set(reachable(task, start, allowed))
    for state, number in projection.index.items():
        true = cheapest_cost(task, state, allowed)
        assert distances[number] == (FAR if true is None else true)


@often
@given(tasks())
def test_saturated_costs_keep_the_distances(drawn):
    task, start = drawn
    projection = Projection(task, start, range(len(task.moves)), 0b1011, (), 100)
    costs = [move.cost for move in task.moves]
    distances = projection.distances(costs)
    used = list(costs)
    for cost, numbers in zip(projection.used(distances), projection.labels, strict=True):
        assert cost <= min(costs[n] for n in numbers)
        used = [cost if n in numbers else c for n, c in enumerate(used)]
    assert projection.distances(used) == distances


def test_patterns_raise_the_bound_of_a_robot_that_must_come_back(hanoi):
    """For two discs the cuts say 6, since they do not see that discs get into each other's way."""
    task = ground(hanoi(3))
    start, allowed = task.state(task.problem.init), range(len(task.moves))
    groups = invariants(task)
    with_patterns = best_heuristic(task, start, allowed, groups)
    assert with_patterns.patterns
    cuts = LmCut.of(task, start, allowed)(start)
    assert cuts < with_patterns(start) <= 14
    assert best_heuristic(task, start, allowed, groups, effort=0)(start) == cuts
