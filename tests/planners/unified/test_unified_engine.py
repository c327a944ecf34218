"""Our engines under UP's contract: statuses that claim no more than was shown, warm replanning, validation."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

pytest.importorskip("unified_planning")

from unified_planning import shortcuts as up
from unified_planning.engines import (
    AnytimeGuarantee,
    FailedValidationReason,
    OptimalityGuarantee,
    PlanGenerationResultStatus,
    ValidationResultStatus,
)
from unified_planning.environment import get_environment
from unified_planning.exceptions import UPUsageError
from unified_planning.plans import ActionInstance, SequentialPlan
from unified_planning.test.examples import get_example_problems

import planners.unified
from planners.unified.engine import NsctlOptimalPlanner, NsctlPlanner
from planners.unified.kinds import beyond

CASES = {name: case for name, case in get_example_problems().items() if not beyond(case.problem.kind)}
OTHERS = {name: case for name, case in get_example_problems().items() if beyond(case.problem.kind)}
STATUS = PlanGenerationResultStatus


@pytest.fixture(autouse=True)
def _registered() -> Any:
    environment = get_environment()
    stream, environment.credits_stream = environment.credits_stream, None
    planners.unified.register()
    yield
    environment.credits_stream = stream


def _judged(problem: up.Problem, plan: SequentialPlan) -> Any:
    """By UP's own validator."""
    with up.PlanValidator(name="sequential_plan_validator") as validator:
        return validator.validate(problem, plan)


def _line(places: int = 4, metric: Any = None) -> up.Problem:
    """Walk from the first place to the last; every way is open in one direction, and one leap costs 9."""
    place = up.UserType("place")
    problem = up.Problem("line")
    at = problem.add_fluent("at", up.BoolType(), default_initial_value=False, p=place)
    open_way = problem.add_fluent("open", up.BoolType(), default_initial_value=False, p=place, q=place)
    places_ = [problem.add_object(f"p{i}", place) for i in range(places)]
    for p, q in itertools.pairwise(places_):
        problem.set_initial_value(open_way(p, q), True)
    problem.set_initial_value(at(places_[0]), True)
    walk, leap = up.InstantaneousAction("walk", p=place, q=place), up.InstantaneousAction("leap", p=place, q=place)
    for action in (walk, leap):
        p, q = action.parameter("p"), action.parameter("q")
        action.add_precondition(at(p))
        action.add_effect(at(p), False)
        action.add_effect(at(q), True)
        problem.add_action(action)
    walk.add_precondition(open_way(walk.parameter("p"), walk.parameter("q")))
    problem.add_goal(at(places_[-1]))
    if metric == "costs":
        problem.add_quality_metric(up.MinimizeActionCosts({leap: 9}, default=2))
    if metric == "length":
        problem.add_quality_metric(up.MinimizeSequentialPlanLength())
    return problem


def test_registering_twice_adds_each_engine_once() -> None:
    factory = get_environment().factory
    planners.unified.register(factory)
    for name in planners.unified.ENGINES:
        assert factory.preference_list.count(name) == 1
    assert factory.engine("nsctl").is_oneshot_planner()
    assert factory.engine("nsctl").is_anytime_planner()
    assert factory.engine("nsctl-opt").is_replanner()
    assert factory.engine("nsctl-val").is_plan_validator()
    assert not factory.engine("nsctl-val").is_oneshot_planner()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("engine", ["nsctl", "nsctl-opt"])
def test_every_supported_example_is_answered_rightly(name: str, engine: str) -> None:
    case = CASES[name]
    with up.OneshotPlanner(name=engine) as planner:
        result = planner.solve(case.problem, timeout=10.0)
    assert case.solvable == (result.plan is not None)
    verdict = _judged(case.problem, result.plan)
    assert verdict.status is ValidationResultStatus.VALID
    if not case.problem.quality_metrics:
        assert result.status is STATUS.SOLVED_SATISFICING
    elif engine == "nsctl-opt":
        assert result.status is STATUS.SOLVED_OPTIMALLY
        assert list(verdict.metric_evaluations.values()) == [case.optimum]


@pytest.mark.parametrize("name", CASES)
def test_our_validator_agrees_with_theirs(name: str) -> None:
    case = CASES[name]
    plans = [*case.valid_plans, *case.invalid_plans]
    plans += [SequentialPlan(plan.actions[:-1], plan.environment) for plan in case.valid_plans]
    plans += [SequentialPlan([*plan.actions, *plan.actions], plan.environment) for plan in case.valid_plans]
    assert plans
    with up.PlanValidator(name="nsctl-val") as validator:
        for plan in plans:
            ours, theirs = validator.validate(case.problem, plan), _judged(case.problem, plan)
            assert (ours.status, ours.reason) == (theirs.status, theirs.reason)
            assert ours.inapplicable_action is theirs.inapplicable_action
            assert list((ours.metric_evaluations or {}).values()) == list((theirs.metric_evaluations or {}).values())


def test_a_plan_with_a_stranger_in_it_is_invalid() -> None:
    problem = _line()
    stranger = up.InstantaneousAction("fly")
    plan = SequentialPlan([ActionInstance(stranger)], problem.environment)
    with up.PlanValidator(name="nsctl-val") as validator:
        verdict = validator.validate(problem, plan)
    assert verdict.status is ValidationResultStatus.INVALID
    assert verdict.reason is FailedValidationReason.INAPPLICABLE_ACTION
    assert "fly" in verdict.log_messages[0].message


@pytest.mark.filterwarnings("ignore:We cannot establish")
@pytest.mark.parametrize("name", sorted(OTHERS)[::6])
def test_what_is_not_supported_is_refused_by_check_and_by_status(name: str) -> None:
    problem = OTHERS[name].problem
    checked = NsctlPlanner()
    with pytest.raises(UPUsageError):
        checked.solve(problem)
    with up.OneshotPlanner(name="nsctl") as planner:
        result = planner.solve(problem)
    assert (result.status, result.plan) == (STATUS.UNSUPPORTED_PROBLEM, None)
    assert beyond(problem.kind)[0] in result.log_messages[0].message
    with up.AnytimePlanner(name="nsctl") as anytime:
        assert [r.status for r in anytime.get_solutions(problem)] == [STATUS.UNSUPPORTED_PROBLEM]


def test_optimality_is_promised_by_the_optimal_engine_alone_and_kept() -> None:
    optimally = OptimalityGuarantee.SOLVED_OPTIMALLY
    assert not NsctlPlanner.satisfies(optimally)
    assert NsctlOptimalPlanner.satisfies(optimally)
    with up.OneshotPlanner(name="nsctl-opt", optimality_guarantee=optimally) as planner:
        result = planner.solve(_line(metric="costs"), timeout=10)
        assert [a.action.name for a in result.plan.actions] == ["walk"] * 3
        assert result.status is STATUS.SOLVED_OPTIMALLY
        result = planner.solve(_line(metric="length"), timeout=10)
        assert [a.action.name for a in result.plan.actions] == ["leap"]
        assert result.status is STATUS.SOLVED_OPTIMALLY
        with pytest.raises(UPUsageError):
            planner.solve(_line())


def test_what_cannot_be_is_proven_so() -> None:
    problem = _line()
    at = problem.fluent("at")
    problem.add_goal(up.And(at(problem.object("p0")), at(problem.object("p3"))))
    for engine in ("nsctl", "nsctl-opt"):
        with up.OneshotPlanner(name=engine) as planner:
            result = planner.solve(problem, timeout=10)
        assert (result.status, result.plan) == (STATUS.UNSOLVABLE_PROVEN, None)
        assert result.log_messages[0].message


def test_the_time_limit_may_be_over_at_once_or_left_out() -> None:
    with up.OneshotPlanner(name="nsctl") as planner:
        assert planner.solve(_line(), timeout=0.0).status is STATUS.TIMEOUT
        assert planner.solve(_line()).status is STATUS.SOLVED_SATISFICING


def test_what_is_given_and_not_used_is_warned_of() -> None:
    with up.OneshotPlanner(name="nsctl") as planner, pytest.warns(UserWarning, match="ignores the heuristic"):
        planner.solve(_line(), heuristic=lambda state: 0.0)


def test_anytime_results_never_get_worse_and_end_with_the_best() -> None:
    assert NsctlPlanner.ensures(AnytimeGuarantee.INCREASING_QUALITY)
    problem = _line(9, "costs")
    with up.AnytimePlanner(name="nsctl") as planner:
        results = list(planner.get_solutions(problem, timeout=10))
        assert [r.status for r in planner.get_solutions(_line(), timeout=10)] == [STATUS.SOLVED_SATISFICING]
        assert [r.status for r in planner.get_solutions(_line(), timeout=0)] == [STATUS.TIMEOUT]
    costs = [next(iter(_judged(problem, r.plan).metric_evaluations.values())) for r in results]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == 9
    assert [r.status for r in results] == [STATUS.INTERMEDIATE] * (len(results) - 1) + [STATUS.SOLVED_OPTIMALLY]


def test_replanning_follows_every_change_and_stays_warm_for_fluents() -> None:
    problem = _line(metric="costs")
    at, open_way = problem.fluent("at"), problem.fluent("open")
    p0, p1, p2, p3 = problem.all_objects
    with up.Replanner(problem, name="nsctl-opt") as replanner:

        def names() -> list[str]:
            result = replanner.resolve(timeout=10)
            assert result.plan is None or _judged(replanner._problem, result.plan)
            return [a.action.name for a in result.plan.actions] if result.plan else [result.status.name]

        assert names() == ["walk"] * 3
        session = replanner._warm[1]
        replanner.update_initial_value(at(p0), False)
        replanner.update_initial_value(at(p1), True)
        assert names() == ["walk"] * 2
        assert replanner._warm[1] is session
        replanner.update_initial_value(open_way(p1, p2), False)
        assert names() == ["leap"]
        replanner.add_goal(at(p2))
        assert names() == ["UNSOLVABLE_PROVEN"]
        replanner.remove_goal(at(p3))
        assert names() == ["leap"]
        leap = problem.action("leap")
        replanner.remove_action("leap")
        assert names() == ["UNSOLVABLE_PROVEN"]
        replanner.add_action(leap)
        assert names() == ["leap"]
        with pytest.warns(UserWarning, match="no goal"):
            replanner.remove_goal(at(p3))
        with pytest.warns(UserWarning, match="no action fly"):
            replanner.remove_action("fly")
    assert len(problem.goals) == 1, "the caller's problem is left alone"
