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
