"""A plan gets no longer, stays a plan, and loses what a plain search can see that it does not need."""

from math import inf
from random import Random
from time import monotonic

import pytest
from random_tasks import cheapest_cost, random_state, random_task, simulate

from planners.grounding import ground
from planners.grounding.invariants import invariants
from planners.search.windows import Windows, chained, eliminated, regressed


def rambling_plans(general, costs):
    """Tasks, states and plans found by walking about until the goal happens to hold."""
    for seed in range(250):
        task, draw = random_task(seed, general, costs), Random(seed)
        start = state = random_state(draw, task)
        plan = []
        while not task.reached(state) and len(plan) < 60:
            able = [i for i, move in enumerate(task.moves) if move.applicable(state)]
            if not able:
                break
            plan.append(draw.choice(able))
            state = task.apply(task.moves[plan[-1]], state)
        if task.reached(state) and plan:
            yield task, start, tuple(plan)


def way_of(task, start, plan):
    return [simulate(task, start, plan[:i]) for i in range(len(plan) + 1)]


@pytest.mark.parametrize(("general", "costs"), [(False, 1), (True, 1), (False, 5), (True, 5)])
def test_rambling_plans_of_small_tasks_become_cheapest(general, costs):
    seen = improved = 0
    for task, start, plan in rambling_plans(general, costs):
        windows = Windows(task, start, plan, range(len(task.moves)), invariants(task))
        before = [windows.cost]
        while not windows.over:
            windows.advance(1_000, inf)
            before.append(windows.cost)
            assert task.reached(simulate(task, start, windows.plan))
        assert before == sorted(before, reverse=True)
        best = cheapest_cost(task, start)
        assert windows.cost >= best
        seen += 1
        improved += windows.cost == best
    # Only what the plan's own steps change is changed, so a few shortcuts go unseen.
    assert seen > 40
    assert improved > 0.8 * seen


@pytest.mark.parametrize("general", [False, True])
def test_what_regression_asks_for_is_enough_for_the_rest_of_the_plan(general):
    checked = 0
    for task, start, plan in rambling_plans(general, 1):
        way = way_of(task, start, plan)
        fluents = (1 << len(task.atoms)) - 1 & ~task.derived
        draw = Random(len(plan))
        for at, (pre, npre) in enumerate(regressed(task, way, plan)):
            assert way[at] & pre == pre
            assert not way[at] & npre
            other = task.close((draw.getrandbits(len(task.atoms)) & fluents | pre) & ~npre)
            assert task.reached(simulate(task, other, plan[at:]))
            checked += other != way[at]
    assert checked > 50


@pytest.mark.parametrize("general", [False, True])
def test_no_single_step_of_an_eliminated_plan_can_be_left_out(general):
    for task, start, plan in rambling_plans(general, 1):
        kept = eliminated(task, start, plan)
        assert task.reached(simulate(task, start, kept))
        for at in range(len(kept)):
            state, works = start, True
            for number in kept[:at] + kept[at + 1 :]:
                works = works and task.moves[number].applicable(state)
                state = task.apply(task.moves[number], state)
            assert not (works and task.reached(state))


def test_chains_have_the_same_steps_and_still_work():
    changed = 0
    for task, start, plan in rambling_plans(False, 1):
        order = chained(task, plan)
        assert sorted(order) == sorted(plan)
        assert simulate(task, start, order) == simulate(task, start, plan)
        changed += order != plan
    assert changed > 5


def test_a_past_deadline_leaves_the_plan_and_the_same_effort_gives_the_same_plan(hanoi):
    task = ground(hanoi(2))
    start = task.state(task.problem.init)
    numbers = {name: found[0] for name, found in task.numbers.items()}
    plan = []
    for disc, source, target in [(1, "disc2", "right"), (2, "left", "middle"), (1, "right", "left")]:
        plan += [numbers["pick", (f"disc{disc}", source)], numbers["place", (f"disc{disc}", target)]]
    for disc, source, target in [(2, "middle", "right"), (1, "left", "disc2")]:
        plan += [numbers["pick", (f"disc{disc}", source)], numbers["place", (f"disc{disc}", target)]]
    windows = [Windows(task, start, plan, range(len(task.moves)), invariants(task)) for _ in range(3)]
    windows[0].advance(10**6, -inf)
    assert windows[0].plan == tuple(plan)
    for each in windows[1:]:
        each.advance(10**6, inf)
    assert windows[1].plan == windows[2].plan
    assert len(windows[1].plan) == 6


def test_a_very_long_plan_is_taken_as_it_is_and_the_clock_is_read_soon(hanoi):
    task = ground(hanoi(2))
    start = task.state(task.problem.init)
    there, back = (task.numbers[name][0] for name in (("pick", ("disc1", "disc2")), ("place", ("disc1", "disc2"))))
    plan = (there, back) * 1000
    begun = monotonic()
    windows = Windows(task, start, plan, range(len(task.moves)))
    windows.advance(10**9, begun + 0.05)
    assert monotonic() - begun < 0.5
    assert simulate(task, start, windows.plan) == start
