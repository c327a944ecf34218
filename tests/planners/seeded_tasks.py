"""Ground tasks drawn from seeds, some with conditional effects and axioms, and a plain uniform-cost search over them."""

from __future__ import annotations

from heapq import heappop, heappush
from random import Random

from nsctl.symbolic import Atom, Domain, Problem, SymbolicState
from planners.grounding.task import Branch, GroundTask, Move, Rule, bits

FLUENTS, DERIVED = 7, 2


def random_task(seed: int, general: bool = False, most: int = 1, moves: int = 9) -> GroundTask:
    """A task whose goal does not hold where nothing does; moves cost 0 to ``most`` if that is more than 1.

    ``general`` tasks have conditional effects and derived atoms.
    """
    draw = Random(seed)
    atoms = FLUENTS + DERIVED * general
    found = tuple(_move(draw, atoms, general, most) for _ in range(moves))
    rules = tuple(tuple(_rule(draw, FLUENTS + i) for _ in range(2)) for i in range(DERIVED * general))
    names = tuple((f"move{i % 4}", (f"thing{i}",)) for i in range(moves))
    parts = tuple((tuple(bits(move.pre)), tuple(bits(move.add))) for move in found)
    named = tuple(Atom(f"p{i}") for i in range(atoms))
    problem = Problem(Domain("random"), (), SymbolicState(), ())
    goal = _condition(draw, atoms, (2, 3), (0, 1))
    return GroundTask(problem, named, names, found, parts, rules, goal, ())


def random_state(draw: Random, task: GroundTask) -> int:
    """Fluents, more of them false than true, and what follows from them."""
    return task.close(draw.getrandbits(FLUENTS) & draw.getrandbits(FLUENTS))


def cheapest_cost(task: GroundTask, start: int, unit: bool = False) -> int | None:
    """The cost of the cheapest plan (the length of the shortest if ``unit``); ``None`` if there is no plan."""
    known, queue = {start: 0}, [(0, start)]
    while queue:
        cost, state = heappop(queue)
        if cost > known[state]:
            continue
        if task.reached(state):
            return cost
        for move in task.moves:
            if move.applicable(state):
                after, total = task.apply(move, state), cost + (1 if unit else move.cost)
                if total < known.get(after, total + 1):
                    known[after] = total
                    heappush(queue, (total, after))
    return None


def simulate(task: GroundTask, start: int, plan: tuple[int, ...]) -> int:
    """The state after ``plan``; every step must be applicable."""
    state = start
    for number in plan:
        assert task.moves[number].applicable(state)
        state = task.apply(task.moves[number], state)
    return state


def _move(draw: Random, atoms: int, general: bool, most: int) -> Move:
    add, delete = _effects(draw)
    branches = []
    for _ in range(draw.randint(0, 2) * general):
        branches.append(Branch(*_condition(draw, atoms, (0, 2), (0, 1)), *_effects(draw)))
    cost = draw.randint(0, most) if most > 1 else 1
    return Move(*_condition(draw, atoms, (0, 2), (0, 1)), add, delete, cost, tuple(branches))


def _rule(draw: Random, head: int) -> Rule:
    """An axiom for one derived atom over fluents, what was derived before and, at times, itself."""
    pre, npre = _condition(draw, head, (1, 2), (0, 1))
    return Rule(1 << head, pre | draw.choice([0, 0, 1 << head]), npre)


def _effects(draw: Random) -> tuple[int, int]:
    add = _atoms(draw, FLUENTS, (0, 2))
    return add, _atoms(draw, FLUENTS, (1, 2)) & ~add


def _condition(draw: Random, atoms: int, yes: tuple[int, int], no: tuple[int, int]) -> tuple[int, int]:
    pre = _atoms(draw, atoms, yes)
    return pre, _atoms(draw, atoms, no) & ~pre


def _atoms(draw: Random, atoms: int, count: tuple[int, int]) -> int:
    return sum(1 << i for i in draw.sample(range(atoms), draw.randint(*count)))
