"""The planner against a plain search, and the promises of its outcomes."""

from importlib.metadata import version
from itertools import product
from time import monotonic

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nsctl.errors import DomainError, InvalidValue
from nsctl.outcomes import ProvenUnsolvable, Solved, TimedOut, Unsupported
from nsctl.symbolic import Atom, Domain, Literal, Object, Operator, Plan, Predicate, Problem, SymbolicState
from planners.clingo import ClingoPlanner
from planners.costs import priced
from planners.pddl import domain_from_pddl, problem_from_pddl

SUPPORTS = ("left", "middle", "right", "table", "disc1", "disc2", "disc3")


@pytest.fixture(scope="module")
def warm(hanoi):
    return ClingoPlanner().session(hanoi(3))


def every_hanoi3_state(hanoi_at):
    """Legal and illegal ones: big discs on small ones, any number on the table, empty pegs that are blocked."""
    for places in product(SUPPORTS, repeat=3):
        below = dict(zip(("disc1", "disc2", "disc3"), places, strict=True))
        taken = [place for place in places if place != "table"]
        if len(set(taken)) == len(taken) and all(stands(disc, below) for disc in below):
            yield hanoi_at(3, places)
            if "middle" not in places:
                yield hanoi_at(3, places, blocked=["middle"])


def stands(disc, below):
    """Whether what lies under ``disc`` ends at a peg or the table, not at a disc already passed."""
    passed = []
    while disc in below and disc not in passed:
        passed.append(disc)
        disc = below[disc]
    return disc not in below


@pytest.mark.parametrize("discs", [1, 2, 3, 4])
@pytest.mark.parametrize("effort", [0, 200_000])
def test_hanoi_plans_are_the_shortest(hanoi, discs, effort):
    problem = hanoi(discs)
    outcome = ClingoPlanner(slice_effort=effort).session(problem).plan(problem.init, time_limit=60)
    assert isinstance(outcome, Solved)
    assert outcome.plan.reaches(problem, problem.init)
    assert len(outcome.plan) == outcome.bound == 2 * (2**discs - 1)
    assert outcome.optimal
    assert (outcome.planner, outcome.engine) == (
        "clingo",
        "breadth-first search" if effort else "sequential answer sets",
    )


def test_replans_from_every_legal_and_illegal_state(hanoi, hanoi_at, distances, warm):
    problem = hanoi(3)
    starts = list(every_hanoi3_state(hanoi_at))
    wanted = distances(problem, starts)
    held = [s for s in wanted if Atom("handempty") not in s]
    assert len(starts) > 150
    assert len(held) > 80
    for start in (*starts, *held):
        outcome = warm.plan(start)
        if wanted[start] is None:
            assert isinstance(outcome, ProvenUnsolvable), str(start)
        else:
            assert len(outcome.plan) == wanted[start], str(start)
            assert outcome.plan.reaches(problem, start)


def test_a_warm_solver_alone_finds_the_same_lengths(hanoi, hanoi_at, distances):
    """Without the sweep, what was learned for one start must not spoil the answer for another."""
    problem = hanoi(3)
    starts = list(every_hanoi3_state(hanoi_at))[::9]
    wanted = distances(problem, starts)
    session = ClingoPlanner(slice_effort=0).session(problem)
    for start in (s for s in starts if wanted[s] is not None):
        assert len(session.plan(start, time_limit=60).plan) == wanted[start], str(start)


@st.composite
def small_problems(draw):
    """Operators over two parameters, with negation and aliasing, on two objects."""
    predicates = (Predicate("p", (Object("x").type,)), Predicate("q", (Object("x").type,)), Predicate("r"))
    places = [Atom("p", ("?x",)), Atom("p", ("?y",)), Atom("q", ("?x",)), Atom("q", ("?y",)), Atom("r")]
    literals = st.lists(st.builds(Literal, st.sampled_from(places), st.booleans()), max_size=3, unique=True)
    parameters = (Object("?x"), Object("?y"))
    count = draw(st.integers(1, 3))
    operators = [
        Operator(f"o{i}", parameters, tuple(draw(literals)), tuple(draw(literals.filter(bool)))) for i in range(count)
    ]
    domain = Domain("random", predicates=predicates, operators=tuple(operators))
    atoms = [Atom(p, (o,)) for p in "pq" for o in ("A", "b-1")] + [Atom("r")]
    init = SymbolicState.of(draw(st.sets(st.sampled_from(atoms))))
    goal = draw(st.lists(st.builds(Literal, st.sampled_from(atoms), st.booleans()), min_size=1, max_size=3))
    return Problem(domain, (Object("A"), Object("b-1")), init, tuple(goal))


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(small_problems())
def test_small_problems_get_the_length_of_a_plain_search(shortest, problem):
    wanted = shortest(problem, problem.init)
    outcome = ClingoPlanner().session(problem).plan(problem.init)
    if wanted is None:
        assert isinstance(outcome, ProvenUnsolvable)
    else:
        assert len(outcome.plan) == wanted
        assert outcome.plan.reaches(problem, problem.init)
        alone = ClingoPlanner(slice_effort=0).session(problem).plan(problem.init)
        assert len(alone.plan) == wanted


def test_a_goal_that_holds_needs_no_step(hanoi, hanoi_at, warm):
    outcome = warm.plan(hanoi_at(3, ("disc2", "disc3", "right")))
    assert (outcome.plan, outcome.bound, outcome.optimal) == (Plan(), 0, True)


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


def test_an_exhausted_state_space_is_a_proof():
    domain = domain_from_pddl(
        """(define (domain one-coin) (:predicates (coin) (tea) (cake))
        (:action buy-tea :precondition (coin) :effect (and (tea) (not (coin))))
        (:action buy-cake :precondition (coin) :effect (and (cake) (not (coin)))))"""
    )
    goal = (Literal(Atom("tea")), Literal(Atom("cake")))
    problem = Problem(domain, (), SymbolicState.of([Atom("coin")]), goal)
    outcome = ClingoPlanner().session(problem).plan(problem.init)
    assert isinstance(outcome, ProvenUnsolvable)
    assert outcome.why == "all 3 states that can be reached were seen; none is a goal"


def test_the_time_limit_holds(hanoi):
    problem = hanoi(7)
    session = ClingoPlanner(slice_effort=0).session(problem)
    begun = monotonic()
    outcome = session.plan(problem.init, time_limit=1.0)
    assert isinstance(outcome, TimedOut)
    assert monotonic() - begun < 1.2
    assert 0 < outcome.bound <= 254
    assert isinstance(session.plan(problem.init, time_limit=0.2), TimedOut)  # and the session is still usable


def test_the_same_calls_give_the_same_plans(hanoi, hanoi_at):
    def run():
        session = ClingoPlanner().session(hanoi(3))
        starts = (hanoi(3).init, hanoi_at(3, ("table", "table", "table")), hanoi_at(3, ("left", "right", "disc1")))
        return [session.plan(start).plan for start in starts]

    assert run() == run()


def test_static_facts_may_be_left_out_but_not_contradicted(hanoi, warm):
    problem = hanoi(3)
    fluents = SymbolicState.of(a for a in problem.init if a.predicate != "smaller")
    assert len(warm.plan(fluents).plan) == 14
    lie = Atom("smaller", ("disc3", "disc1"))
    with pytest.raises(DomainError, match=r"smaller\(disc3, disc1\) is static .* and the problem denies it"):
        warm.plan(SymbolicState.of([*problem.init, lie]))
    with pytest.raises(DomainError, match="no object is called 'disc9'"):
        warm.plan(SymbolicState.of([Atom("holding", ("disc9",))]))


def test_the_cheapest_plan_is_found_where_costs_differ():
    domain = domain_from_pddl(
        """(define (domain d) (:predicates (a) (b)) (:functions (total-cost) - number)
        (:action dear :effect (and (b) (increase (total-cost) 9)))
        (:action one :effect (and (a) (increase (total-cost) 2)))
        (:action two :precondition (a) :effect (and (b) (increase (total-cost) 2))))"""
    )
    problem = Problem(domain, (), SymbolicState(), (Literal(Atom("b")),))
    outcome = ClingoPlanner().plan(problem)
    assert (outcome.plan.cost, outcome.bound, outcome.optimal) == (4, 4, True)
    assert outcome.engine == "uniform-cost search"
    text = "(define (problem p) (:domain d) (:goal (b)))"
    unit = ClingoPlanner().plan(problem_from_pddl(text, domain))
    assert (len(unit.plan), unit.plan.cost) == (1, 1), "without a metric the number of steps is what counts"


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


def test_a_large_task_is_ground_for_what_can_be_reached_and_again_for_what_could_not(monkeypatch, hanoi, hanoi_at):
    monkeypatch.setattr("planners.grounding.program.GENERAL", 0)
    problem = hanoi(3)
    session = ClingoPlanner().session(problem)
    assert len(session.plan(problem.init).plan) == 14
    illegal = hanoi_at(3, ("left", "disc1", "disc2"))
    outcome = session.plan(illegal)
    assert outcome.plan.reaches(problem, illegal)
    assert len(outcome.plan) == len(ClingoPlanner().session(problem).plan(illegal).plan)
    assert len(session.plan(problem.init).plan) == 14


def test_grounding_keeps_to_the_time_limit():
    """10,000 objects and three parameters: a million million steps."""
    domain = domain_from_pddl(
        "(define (domain d) (:predicates (p ?x ?y) (q)) (:action a :parameters (?x ?y ?z) :effect (p ?x ?y)))"
    )
    things = tuple(Object(f"o{i}") for i in range(10_000))
    problem = Problem(domain, things, SymbolicState(), (Literal(Atom("p", ("o1", "o2"))), Literal(Atom("q"), False)))
    begun = monotonic()
    outcome = ClingoPlanner().plan(problem, time_limit=2)
    assert isinstance(outcome, TimedOut)
    assert monotonic() - begun < 2.4


def test_explain_names_the_users_of_each_step(hanoi):
    problem = hanoi(1)
    session = ClingoPlanner().session(problem)
    plan = session.plan(problem.init).plan
    assert ClingoPlanner().explain(problem, plan) == [[1], ["goal"]]
    pick, place = session.contexts(plan)
    assert (pick.needed_by, place.needed_by, place.after) == ((1,), ("goal",), (0,))


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_a_senseless_time_limit_is_refused(hanoi, warm, limit):
    with pytest.raises(InvalidValue, match="time_limit must be > 0 seconds, got"):
        warm.plan(hanoi(3).init, time_limit=limit)


def test_a_negative_effort_is_refused():
    with pytest.raises(InvalidValue, match="slice_effort must be >= 0, got -1"):
        ClingoPlanner(slice_effort=-1)


def test_it_tells_a_record_its_setting_and_the_version_of_the_solver():
    told = ClingoPlanner(slice_effort=7).describe()
    assert told == {"name": "clingo", "slice_effort": 7, "clingo": version("clingo")}


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


def test_a_first_plan_works_and_says_when_it_is_proven(hanoi):
    problem = hanoi(6)
    outcome = ClingoPlanner(slice_effort=2_000).plan(problem, optimal=False)
    assert isinstance(outcome, Solved)
    assert outcome.plan.reaches(problem, problem.init)
    assert outcome.bound <= outcome.plan.cost
    assert outcome.optimal == (outcome.bound == outcome.plan.cost)


def test_costs_of_many_digits_are_exact_and_no_infinity_is_taken_for_one(hanoi):
    """Two costs with seventeen digits: in units, one step costs more than 2**60."""
    problem = priced(hanoi(3), {"pick": 50.123456789012345, "place": 0.12345678901234567})
    for effort in (2_000, 200_000):
        outcome = ClingoPlanner(effort).plan(problem, time_limit=20)
        assert isinstance(outcome, Solved)
        assert outcome.optimal
        assert len(outcome.plan) == 14
    digits = {"pick": float(f"1.{'1' * 15}e-160"), "place": 1.0}
    assert isinstance(ClingoPlanner().plan(priced(hanoi(3), digits)), Unsupported)


def test_costs_beyond_the_solvers_integers_are_unsupported_by_it_alone(hanoi):
    problem = priced(hanoi(2), {"pick": 5, "place": 2**31 + 5})
    assert ClingoPlanner().plan(problem).optimal
    outcome = ClingoPlanner(slice_effort=0).plan(problem)
    assert isinstance(outcome, Unsupported)
    assert outcome.feature == "costs too large for answer-set optimisation"


@pytest.mark.parametrize("effort", [0, 200_000])
def test_what_costs_nothing_is_bounded_by_nothing(hanoi, effort):
    outcome = ClingoPlanner(effort).plan(priced(hanoi(2), {"pick": 0, "place": 0}), time_limit=20)
    assert (outcome.plan.cost, outcome.bound, outcome.optimal) == (0, 0, True)
    assert outcome.plan.reaches(hanoi(2), hanoi(2).init)


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
