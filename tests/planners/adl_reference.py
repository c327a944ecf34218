"""What PDDL means, word by word on the nouns: slow, plain, and sharing nothing with the grounder but the formulas."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count

from nsctl.formulas import bindings, holds
from nsctl.symbolic import Atom, Number, Operator, Problem, SymbolicState, When

Named = tuple[str, tuple[str, ...]]


def price(problem: Problem, operator: Operator, binding: dict[str, str]) -> Number | None:
    """What a step costs; ``None`` where a cost function has no value, so that the step cannot be taken."""
    if problem.unit_cost:
        return 1
    terms = [problem.values.get(term.substitute(binding)) for term in operator.cost_terms]
    return None if None in terms else operator.cost + sum(terms)


def result(problem: Problem, state: SymbolicState, operator: Operator, binding: dict[str, str]) -> SymbolicState:
    """The state afterwards: conditions are judged before, an addition beats a deletion, axioms are asked anew."""
    added: set[Atom] = set()
    deleted: set[Atom] = set()
    for effect in operator.effects:
        when = effect if isinstance(effect, When) else When((effect,))
        for each in bindings(when.variables, problem.things, binding):
            if all(holds(c, state.atoms.__contains__, problem.things, each) for c in when.conditions):
                for literal in when.effects:
                    (added if literal.positive else deleted).add(literal.atom.substitute(each))
    return problem.derive(SymbolicState(state.atoms - deleted | added))


def successors(problem: Problem, state: SymbolicState) -> Iterator[tuple[Named, Number, SymbolicState]]:
    """Every step that can be taken in ``state`` (derived atoms complete), its cost and where it leads."""
    for operator in problem.domain.operators:
        for binding in bindings(operator.parameters, problem.things, {}):
            cost = price(problem, operator, binding)
            if cost is not None and all(problem.holds(c, state, binding) for c in operator.preconditions):
                arguments = tuple(binding[parameter.name] for parameter in operator.parameters)
                yield (operator.name, arguments), cost, result(problem, state, operator, binding)


def reachable(problem: Problem) -> dict[SymbolicState, Number]:
    """Every state that can be reached and the least cost of getting there (Dijkstra, 1959)."""
    ticket = count()
    start = problem.derive(problem.init)
    distance: dict[SymbolicState, Number] = {}
    queue: list[tuple[Number, int, SymbolicState]] = [(0, next(ticket), start)]
    while queue:
        cost, _, state = heappop(queue)
        if state in distance:
            continue
        distance[state] = cost
        for _, more, after in successors(problem, state):
            if after not in distance:
                heappush(queue, (cost + more, next(ticket), after))
    return distance


def least_cost(problem: Problem) -> Number | None:
    """The cost of a cheapest plan; ``None`` if there is none."""
    return min((cost for state, cost in reachable(problem).items() if problem.reached(state)), default=None)
