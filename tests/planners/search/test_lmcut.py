"""Landmark cuts: lower bounds, dead ends, and cuts taken over from the state before."""

from hypothesis import HealthCheck, given, settings
from random_tasks import cheapest_cost, reachable, task_of, tasks

from planners.grounding.task import Move
from planners.search.lmcut import LmCut

often = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@often
@given(tasks())
def test_no_state_has_a_plan_that_is_cheaper(drawn):
    task, start = drawn
    allowed = range(len(task.moves))
    heuristic = LmCut.of(task, start, allowed)
    for state in reachable(task, start, allowed):
        value, true = heuristic(state), cheapest_cost(task, state, allowed)
        assert true is None or (value is not None and value <= true)


@often
@given(tasks())
def test_nor_with_the_cuts_of_the_state_before(drawn):
    task, start = drawn
    allowed = range(len(task.moves))
    heuristic = LmCut.of(task, start, allowed)
    heuristic(start)
    for state in reachable(task, start, allowed):
        for number in allowed:
            if task.moves[number].applicable(state):
                after = task.apply(task.moves[number], state)
                value, true = heuristic.after(after, state, number), cheapest_cost(task, after, allowed)
                assert true is None or (value is not None and value <= true)


def test_it_is_exact_where_nothing_is_deleted_and_one_thing_needs_the_next():
    chain = [Move((1 << i) >> 1, 0, 1 << i, 0, i + 1) for i in range(6)]
    assert LmCut.of(task_of(chain, (63, 0)), 0, range(6))(0) == 1 + 2 + 3 + 4 + 5 + 6


def test_separate_goals_add_up_where_the_dearest_alone_would_not():
    moves = [Move(0, 0, 1 << i, 0, 4) for i in range(6)]
    assert LmCut.of(task_of(moves, (63, 0)), 0, range(6))(0b1001) == 16


def test_a_negative_goal_needs_a_move_that_deletes():
    moves = [Move(0, 0b10, 0, 1, 3), Move(0, 0, 0, 0b10, 2)]
    assert LmCut.of(task_of(moves, (0, 1)), 0b11, range(2))(0b11) == 5
    assert LmCut.of(task_of(moves[:1], (0, 1)), 0b11, range(1))(0b11) is None
