"""A warm session: what is forbidden and for how long, rules of the user, plans near others and different from them."""

import pytest

from nsctl.errors import DomainError, InvalidValue
from nsctl.outcomes import ProvenUnsolvable, TimedOut
from nsctl.symbolic import Atom, Literal, Plan, Problem, SymbolicState
from planners.clingo import ClingoPlanner
from planners.pddl import domain_from_pddl


@pytest.fixture(scope="module")
def warm(hanoi):
    return ClingoPlanner().session(hanoi(3))


def test_avoid_forbids_steps_for_one_call_only(hanoi, shortest, warm):
    problem = hanoi(3)
    first = warm.plan(problem.init).plan.steps[1]
    around = warm.plan(problem.init, avoid=[first])
    assert first not in around.plan.steps
    assert len(around.plan) == shortest(problem, problem.init, [first]) > 14
    assert len(warm.plan(problem.init).plan) == 14


def test_avoiding_every_step_on_the_way_is_unsolvable(hanoi, warm):
    problem = hanoi(3)
    avoid = [problem.domain.operator("place").ground(("disc3", "right"))]
    outcome = warm.plan(problem.init, avoid=avoid)
    assert isinstance(outcome, ProvenUnsolvable)
    assert outcome.why == (
        "no sequence of steps makes on(disc3, right) true without the steps to avoid, even if nothing were undone"
    )


def test_what_the_world_refuses_is_forbidden_for_as_long_as_it_should(hanoi, shortest, warm):
    problem = hanoi(3)
    first = warm.plan(problem.init).plan.steps[1]
    wanted = shortest(problem, problem.init, [first])
    warm.forbid(first.operator, first.arguments, plans=2)
    assert [len(warm.plan(problem.init).plan) for _ in range(3)] == [wanted, wanted, 14]
    ban = warm.forbid("place", ("disc1", None))
    assert isinstance(warm.plan(problem.init), ProvenUnsolvable)
    warm.lift(ban)
    assert len(warm.plan(problem.init).plan) == 14


@pytest.mark.parametrize("there", [True, False])
def test_what_is_forbidden_in_a_context_is_allowed_elsewhere(hanoi, warm, there):
    """A shortest plan puts the small disc on the right peg once, while the big one lies on the left."""
    problem = hanoi(3)
    context = Literal(Atom("on", ("disc3", "left")), positive=there)
    ban = warm.forbid("place", ("disc1", "right"), when=[context])
    plan, state, hits = warm.plan(problem.init).plan, problem.init, []
    for step in plan:
        if (step.operator, step.arguments) == ("place", ("disc1", "right")):
            hits.append(state.satisfies([context]))
        state = step.apply(state)
    assert plan.reaches(problem, problem.init)
    assert not any(hits)
    assert (len(plan) > 14, len(hits)) == ((True, 0) if there else (False, 1))
    warm.lift(ban)


def test_a_senseless_ban_is_refused(warm):
    with pytest.raises(InvalidValue, match="place takes 2 arguments"):
        warm.forbid("place", ("disc1",))
    with pytest.raises(InvalidValue, match="plans must be >= 1 or None, got 0"):
        warm.forbid("place", ("disc1", None), plans=0)


@pytest.mark.parametrize("effort", [0, 200_000])
def test_states_and_solver_agree_on_what_is_forbidden_in_a_context(hanoi, effort):
    problem = hanoi(3)
    session = ClingoPlanner(effort).session(problem)
    ban = session.forbid("place", ("disc1", "right"), when=[Literal(Atom("on", ("disc3", "left")))])
    assert len(session.plan(problem.init, time_limit=60).plan) == 18
    session.lift(ban)
    assert len(session.plan(problem.init, time_limit=60).plan) == 14


def test_rules_of_the_user_are_kept_and_a_plan_without_them_is_only_a_bound(hanoi):
    problem = hanoi(2)
    rules = '#program step(t). visited(t) :- holds(on("disc2","middle"),t). visited(t) :- visited(t-1).'
    rules += " :- ends(t), not visited(t)."
    outcome = ClingoPlanner().session(problem, rules=rules).plan(problem.init, time_limit=60)
    state, visited = problem.init, False
    for step in outcome.plan:
        state = step.apply(state)
        visited |= Atom("on", ("disc2", "middle")) in state
    assert visited
    assert (len(outcome.plan), outcome.optimal, len(ClingoPlanner().plan(problem).plan)) == (10, True, 6)
    never = "#program step(t). :- occurs(pick(D,S),t)."
    outcome = ClingoPlanner().session(problem, rules=never).plan(problem.init, time_limit=0.5)
    assert isinstance(outcome, TimedOut), "that rules leave no plan is not proven by longer and longer plans"
    with pytest.raises(DomainError, match="in the rules: line"):
        ClingoPlanner().session(problem, rules="#program step(t). :- occurs(pick(D,S),t)").plan(problem.init)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("#program step(t). :- occurs(pikc(D,S),t).", "no name in occurs(...) is called 'pikc'. Did you mean 'pick'?"),
        ('#program step(t). :- holds(on("disk1",S),t).', "no object is called '\"disk1\"'. Did you mean 'disc1'?"),
        ("#program step(t). :- holds(on(disc1,S),t).", 'objects are strings: write "disc1" in on(disc1,S)'),
        ("#program step(t). :- holds(on(D),t).", "on has 2 arguments, got on(D)"),
        ("#script (python) \n#end.", "in the rules"),
    ],
)
def test_rules_that_could_never_match_are_refused(hanoi, rules, message):
    with pytest.raises(DomainError) as refusal:
        ClingoPlanner().session(hanoi(2), rules=rules).plan(hanoi(2).init)
    assert message in str(refusal.value)


TWO_WAYS = """(define (domain d) (:predicates (s) (a1) (a2) (b1) (b2) (g))
(:action a-one :precondition (s) :effect (and (a1) (not (s)))) (:action a-two :precondition (a1) :effect (a2))
(:action a-three :precondition (a2) :effect (g))
(:action b-one :precondition (s) :effect (and (b1) (not (s)))) (:action b-two :precondition (b1) :effect (b2))
(:action b-three :precondition (b2) :effect (g)))"""


@pytest.fixture
def two_ways():
    domain = domain_from_pddl(TWO_WAYS)
    return Problem(domain, (), SymbolicState.of([Atom("s")]), (Literal(Atom("g")),))


@pytest.mark.parametrize("way", ["a", "b"])
def test_a_new_plan_stays_near_the_old_one_where_that_costs_nothing(two_ways, way):
    old = Plan(tuple(two_ways.domain.operator(f"{way}-{n}").ground(()) for n in ("one", "two", "three")))
    outcome = ClingoPlanner().session(two_ways).plan(two_ways.init, near=old)
    assert (outcome.plan, outcome.optimal) == (old, True)


def test_different_plans_are_all_plans_and_all_different(two_ways, hanoi):
    plans = ClingoPlanner().session(two_ways).alternatives(two_ways.init, 5)
    assert {plan.steps[0].operator for plan in plans} == {"a-one", "b-one"}
    assert len(plans) == 2
    problem = hanoi(2)
    plans = ClingoPlanner().session(problem).alternatives(problem.init, 4, longer=2)
    assert len(set(plans)) == len(plans) == 4
    assert [len(plan) for plan in plans] == sorted(len(plan) for plan in plans)
    assert all(plan.reaches(problem, problem.init) for plan in plans)
    with pytest.raises(InvalidValue, match="count must be >= 1, got 0"):
        ClingoPlanner().session(problem).alternatives(problem.init, 0)


def test_a_context_that_held_once_is_not_taken_to_hold_for_ever():
    domain = domain_from_pddl(
        "(define (domain d) (:predicates (lock) (g)) (:action go :effect (g)) (:action bar :effect (lock)))"
    )
    problem = Problem(domain, (), SymbolicState.of([Atom("lock")]), (Literal(Atom("g")),))
    session = ClingoPlanner().session(problem)
    session.forbid("go", (), when=[Literal(Atom("lock"))])
    assert isinstance(session.plan(problem.init), ProvenUnsolvable)
    assert len(session.plan(SymbolicState()).plan) == 1


def test_alternatives_are_different_steps_and_use_up_no_ban():
    domain = domain_from_pddl(
        """(define (domain d) (:predicates (a) (b) (g))
        (:action go :precondition (or (a) (b)) :effect (g)) (:action jump :precondition (a) :effect (g)))"""
    )
    problem = Problem(domain, (), SymbolicState.of([Atom("a"), Atom("b")]), (Literal(Atom("g")),))
    session = ClingoPlanner().session(problem)
    plans = session.alternatives(problem.init, 5)
    assert sorted(str(plan) for plan in plans) == ["go()", "jump()"]
    session.forbid("go", (), plans=1)
    assert [str(plan) for plan in session.alternatives(problem.init, 5)] == ["jump()"]
    assert str(session.plan(problem.init).plan) == "jump()"
    assert len(session.alternatives(problem.init, 5)) == 2


def test_a_monitor_may_come_before_the_first_plan(hanoi):
    problem = hanoi(2)
    plan = ClingoPlanner().plan(problem).plan
    assert ClingoPlanner().session(problem).monitor(plan).entry(problem.init) == 0
