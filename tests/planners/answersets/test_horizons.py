"""The warm solver says yes at the right horizon, no below it, and forgets nothing."""

from dataclasses import replace
from math import inf
from random import Random

import pytest
from random_tasks import cheapest_cost, random_state, random_task, simulate

from nsctl.errors import DomainError
from planners.answersets.horizons import Found, Horizons, NoPlan, Undecided
from planners.grounding import ground
from planners.grounding.invariants import invariants
from planners.pddl import domain_from_pddl, problem_from_pddl


def test_only_the_right_horizon_has_a_plan_in_any_order(hanoi):
    problem = hanoi(2)
    task = ground(problem)
    horizons = Horizons(task, invariants(task))
    start = task.state(problem.init)
    longer = horizons.ask(start, [], 20, inf)  # a longer plan exists too, and unrolls further than needed below
    assert isinstance(longer, Found)
    for steps in (5, 3, 1):
        assert isinstance(horizons.ask(start, [], steps, inf), NoPlan)
    found = horizons.ask(start, [], 6, inf)
    assert isinstance(found, Found)
    assert len(found.plan) == 6
    assert task.reached(simulate(task, start, found.plan))
    assert horizons.unrolled >= 20


def shortest_by(horizons, start, most):
    """The shortest length at which there is a plan, up to ``most``."""
    for steps in range(1, most + 1):
        answer = horizons.ask(start, [], steps, inf)
        if isinstance(answer, Found):
            return answer.plan
        assert isinstance(answer, NoPlan)
    return None


@pytest.mark.parametrize("general", [False, True])
def test_one_warm_solver_finds_the_lengths_of_a_plain_search_from_every_start(general):
    lengths = set()
    for seed in range(60):
        task, draw = random_task(seed, general), Random(seed)
        horizons = Horizons(task, invariants(task))
        for start in [random_state(draw, task) for _ in range(3)]:
            length = cheapest_cost(task, start)
            lengths.add(length)
            if length == 0:
                continue
            plan = shortest_by(horizons, start, 6 if length is None else length)
            assert (plan and len(plan)) == length
            assert plan is None or task.reached(simulate(task, start, plan))
    assert lengths >= {None, 0, 1, 2, 3, 4}


def test_groups_change_no_answer(hanoi):
    problem = hanoi(2)
    task = ground(problem)
    bare = Horizons(task, ())
    start = task.state(problem.init)
    assert [type(bare.ask(start, [], n, inf)) for n in range(1, 8)] == [NoPlan] * 5 + [Found, NoPlan]


def test_avoided_moves_are_avoided_for_one_question_only(hanoi):
    problem = hanoi(2)
    task = ground(problem)
    horizons = Horizons(task, invariants(task))
    start = task.state(problem.init)
    first = horizons.ask(start, [], 6, inf)
    assert isinstance(first, Found)
    avoided = first.plan[1]
    others = replace(task, moves=tuple(replace(m, npre=m.pre) if i == avoided else m for i, m in enumerate(task.moves)))
    length = cheapest_cost(others, start)
    around = [horizons.ask(start, [avoided], steps, inf) for steps in range(1, length + 1)]
    assert [type(answer) for answer in around] == [NoPlan] * (length - 1) + [Found]
    assert avoided not in around[-1].plan
    assert isinstance(horizons.ask(start, [], 6, inf), Found)


def test_a_past_deadline_is_told(hanoi):
    task = ground(hanoi(1))
    assert Horizons(task, ()).ask(0, [], 1, -inf) == Undecided(0, late=True)


def test_slices_of_conflicts_add_up_to_the_same_length(hanoi):
    problem = hanoi(3)
    task = ground(problem)
    horizons = Horizons(task, invariants(task))
    undecided, steps, answer = 0, 1, None
    while not isinstance(answer, Found):
        answer = horizons.ask(task.state(problem.init), [], steps, inf, conflicts=5)
        undecided += isinstance(answer, Undecided)
        steps += isinstance(answer, NoPlan)
        assert answer.conflicts <= 10  # the solver may overstep a little
    assert undecided > 0
    assert len(answer.plan) == 14
    assert horizons.conflicts > 0


def warm(task):
    return Horizons(task, invariants(task)), task.state(task.problem.init)


def shortest(horizons, start, **wishes):
    for steps in range(1, 40):
        answer = horizons.ask(start, [], steps, inf, **wishes)
        if isinstance(answer, Found):
            return answer.plan
    raise AssertionError("no plan")


@pytest.mark.parametrize("general", [False, True])
def test_what_is_forbidden_in_context_is_as_if_the_move_needed_the_opposite(general):
    longer = lifted = 0
    for seed in range(150):
        task, draw = random_task(seed, general), Random(seed)
        start, number = random_state(draw, task), draw.randrange(len(task.moves))
        bit = 1 << draw.randrange(len(task.atoms))
        horizons = Horizons(task, invariants(task))
        length = cheapest_cost(task, start)
        if not length:
            continue
        horizons.ask(start, [], 1, inf)  # so that some steps are unrolled before, others after
        token = horizons.forbid([number], pre=bit)
        moves = list(task.moves)
        moves[number] = replace(moves[number], npre=moves[number].npre | bit)
        around = cheapest_cost(replace(task, moves=tuple(moves)), start)
        plan = shortest_by(horizons, start, 9 if around is None else around)
        assert (plan and len(plan)) == around
        longer += around != length
        horizons.lift(token)
        assert len(shortest_by(horizons, start, length)) == length
        lifted += 1
    assert lifted > 12
    assert longer > 1


def test_different_plans_come_one_after_the_other_until_there_is_none(hanoi):
    task = ground(hanoi(2))
    horizons, start = warm(task)
    seen = []
    while isinstance(answer := horizons.ask(start, [], 7, inf, different_from=seen), Found):
        assert answer.plan not in seen
        assert task.reached(simulate(task, start, answer.plan))
        seen.append(answer.plan)
    assert len(seen) == 0  # no legal plan has an odd number of steps
    while isinstance(answer := horizons.ask(start, [], 8, inf, different_from=seen), Found):
        assert answer.plan not in seen
        seen.append(answer.plan)
    assert len(seen) > 3
    assert isinstance(horizons.ask(start, [], 8, inf, different_from=seen[1:]), Found)
    assert horizons.ask(start, [], 8, inf, different_from=seen[1:]).plan == seen[0]


def test_a_plan_near_another_shares_its_steps(hanoi):
    task = ground(hanoi(2))
    horizons, start = warm(task)
    every = []
    while isinstance(answer := horizons.ask(start, [], 8, inf, different_from=every), Found):
        every.append(answer.plan)
    for old in every:
        others = [plan for plan in every if plan != old]
        most = max(len(set(old) & set(plan)) for plan in others)
        found = horizons.ask(start, [], 8, inf, different_from=[old], near=old)
        assert len(set(old) & set(found.plan)) == most


VISIT = """
#program step(t).
visited(t) :- holds(on(D,"middle"),t), object("disc",D).
visited(t) :- visited(t-1).
:- ends(t), not visited(t).
"""


def test_rules_of_the_user_take_plans_away_and_nothing_else(hanoi):
    task = ground(hanoi(1))
    start = task.state(task.problem.init)
    for rules, length in [
        ("% nothing", 2),
        (VISIT, 4),
        ('#program step(t). :- occurs(place(D,"right"),t), holds(on(D,"left"),t-2).', 4),
        (':- static(smaller("disc1","left")), #false.', 2),
        (':- not static(smaller("disc1","left")).', 2),
    ]:
        plan = shortest(Horizons(task, invariants(task), rules), start)
        assert len(plan) == length, rules
        assert task.reached(simulate(task, start, plan))
    impossible = Horizons(task, invariants(task), '#program step(t). :- occurs(pick("disc1",P),t).')
    assert all(isinstance(impossible.ask(start, [], steps, inf), NoPlan) for steps in range(1, 9))


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (":- holds(on(D),t)\n:- .", "in the rules: line 2: error: syntax error, unexpected :-"),
        ("\n:- X < 1.", "in the rules: line 2: error: unsafe variables in: .* line 2: note: 'X' is unsafe"),
        ("#program step(t). :- ocurs(X,t).", "in the rules: line 1: info: atom does not occur in any rule head: ocurs"),
    ],
)
def test_what_clingo_says_about_rules_is_told_with_the_line(hanoi, rules, message):
    task = ground(hanoi(1))
    with pytest.raises(DomainError, match=message):
        Horizons(task, (), rules).ask(0, [], 1, inf)


def test_names_that_only_punctuation_tells_apart_are_refused():
    domain = domain_from_pddl(
        """(define (domain d) (:predicates (a-b) (a_b)) (:action go :effect (and (a-b) (not (a_b)))))"""
    )
    task = ground(problem_from_pddl("(define (problem p) (:domain d) (:init (a_b)) (:goal (a-b)))", domain))
    with pytest.raises(DomainError, match=r"rules cannot tell a.b and a.b apart: both are written a_b"):
        Horizons(task, (), "% any")
