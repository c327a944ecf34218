"""From our nouns to a problem of unified-planning, for its engines to solve."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from unified_planning.environment import get_environment
from unified_planning.model import Problem as UnifiedProblem
from unified_planning.model.metrics import MinimizeActionCosts, MinimizeSequentialPlanLength

from nsctl.errors import UnsupportedFeature
from nsctl.symbolic import EQUALITY, And, Atom, Literal, Not, Number, Operator, Problem, SymbolicState
from planners.plans.validation import Named
from planners.unified.expressions import Expressions, Scope
from planners.unified.nouns import Nouns
from planners.unified.prices import Prices


@dataclass(frozen=True)
class Statement:
    """A problem of ours as one of UP's (``problem``), and what the names there stand for here."""

    problem: UnifiedProblem
    operators: dict[str, str]
    """Names of UP's actions and of our operators."""
    objects: dict[str, str]
    """Names of UP's objects and of ours."""
    scale: Number
    """What a cost of 1 is there."""

    def steps(self, plan: Iterable[Named]) -> list[Named]:
        """Steps by UP's names as steps by ours."""
        return [(self.operators[name], tuple(self.objects[a] for a in arguments)) for name, arguments in plan]


def state(problem: Problem, init: SymbolicState, avoid: Collection[Named] = (), metric: bool = True) -> Statement:
    """``problem`` from ``init`` without the steps of ``avoid``; with a ``metric``, so that engines minimise the cost.

    Static atoms are the problem's own. Raises :class:`UnsupportedFeature` for what UP cannot say: axioms, and choices
    between types.
    """
    if problem.domain.axioms:
        raise UnsupportedFeature("derived predicates", "unified-planning has no derived predicates")
    nouns = Nouns(problem, get_environment())  # some engines work in no environment but the global one
    expressions, prices = Expressions(nouns), Prices(nouns)
    operators, costs = {}, {}
    for operator in problem.domain.operators:
        if not operator.parameters and (operator.name, ()) in avoid:
            continue
        action, scope = expressions.action(nouns.names.new(operator.name), operator)
        for ban in _bans(operator, scope, avoid, problem):
            action.add_precondition(expressions.condition(ban, scope))
        for known in prices.known(operator, expressions, scope):
            action.add_precondition(known)
        nouns.target.add_action(action)
        operators[action.name], costs[action] = operator.name, prices.of(operator, expressions, scope)
    for atom in _facts(problem, init):
        nouns.set(nouns.fluents[atom.predicate], atom, True)
    for condition in problem.goal:
        nouns.target.add_goal(expressions.condition(condition, {}))
    if metric:
        length = MinimizeSequentialPlanLength(environment=nouns.environment)
        cost = MinimizeActionCosts(costs, environment=nouns.environment)
        nouns.target.add_quality_metric(length if prices.equal else cost)
    return Statement(nouns.target, operators, {thing.name: name for name, thing in nouns.things.items()}, prices.scale)


def _bans(operator: Operator, scope: Scope, avoid: Iterable[Named], problem: Problem) -> Iterator[Not]:
    """Of each step to avoid that it is not taken: not all arguments are its own."""
    for name, arguments in avoid:
        if name == operator.name:
            pairs = [(p.name, a) for p, a in zip(operator.parameters, arguments, strict=True)]
            if all(problem.object(argument).type.is_a(scope[name][1]) for name, argument in pairs):
                yield Not(And(tuple(Literal(Atom(EQUALITY, pair)) for pair in pairs)))


def _facts(problem: Problem, init: SymbolicState) -> Iterator[Atom]:
    """What is true at first: fluents by ``init``, all else by the problem."""
    fluents = problem.domain.fluents
    yield from (atom for atom in init if atom.predicate in fluents)
    yield from (atom for atom in problem.init if atom.predicate not in fluents)
