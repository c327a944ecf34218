"""Random ground tasks, so small that all states can be tried, and what a plain search says about them.

Hypothesis draws ``tasks``, which shrink; a seed gives a ``random_task``, with conditional effects and axioms on request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from random import Random

from hypothesis import strategies as st

from nsctl.symbolic import Atom, Domain, Problem, SymbolicState
from planners.grounding.task import Branch, GroundTask, Move, Rule, bits

ATOMS = 6
"""Atoms of a task that hypothesis draws."""
FLUENTS, DERIVED, MOVES = 7, 2, 9
"""Atoms and moves of a task that a seed gives; derived atoms are those of general tasks alone."""


def task_of(
    moves: Sequence[Move], goal: tuple[int, int], atoms: int = ATOMS, rules: tuple[tuple[Rule, ...], ...] = ()
) -> GroundTask:
    """The ground task of these moves, which belong to four operators; its problem is empty."""
    problem = Problem(Domain("random"), (), SymbolicState(), ())
    named = tuple(Atom(f"p{i}") for i in range(atoms))
    names = tuple((f"move{i % 4}", (f"thing{i}",)) for i in range(len(moves)))
    parts = tuple((tuple(bits(move.pre)), tuple(bits(move.add))) for move in moves)
    return GroundTask(problem, named, names, tuple(moves), parts, rules, goal, ())


@st.composite
def tasks(draw, costs=(0, 1, 2, 3)):
    """A STRIPS task over six atoms with negative preconditions and the given costs, and a start."""
    masks = st.integers(0, 2**ATOMS - 1)
    small = st.builds(lambda a, b: 1 << a | 1 << b, *(st.integers(0, ATOMS - 1),) * 2)
    moves = []
    for _ in range(draw(st.integers(1, 10))):
        pre, add = draw(st.one_of(st.just(0), small)), draw(small)
        npre, delete = draw(st.one_of(st.just(0), small)) & ~pre, draw(masks) & ~add
        moves.append(Move(pre, npre, add, delete, draw(st.sampled_from(costs))))
    wanted = draw(masks)
    goal = wanted, draw(st.one_of(st.just(0), small)) & ~wanted
    return task_of(moves, goal), draw(masks)


def random_task(seed: int, general: bool = False, most: int = 1) -> GroundTask:
    """A task whose goal does not hold where nothing does; moves cost 0 to ``most`` if that is more than 1, else 1.

    ``general`` tasks have conditional effects and derived atoms.
    """
    draw = Random(seed)
    atoms = FLUENTS + DERIVED * general
    moves = [_move(draw, atoms, general, most) for _ in range(MOVES)]
    rules = tuple(tuple(_rule(draw, FLUENTS + i) for _ in range(2)) for i in range(DERIVED * general))
    return task_of(moves, _condition(draw, atoms, (2, 3)), atoms, rules)


def random_state(draw: Random, task: GroundTask) -> int:
    """Fluents, a quarter of them true, and what follows from them."""
    return task.close(draw.getrandbits(FLUENTS) & draw.getrandbits(FLUENTS))


def simulate(task: GroundTask, start: int, plan: Iterable[int]) -> int:
    """The state after ``plan``; every step must be applicable."""
    state = start
    for number in plan:
        assert task.moves[number].applicable(state)
        state = task.apply(task.moves[number], state)
    return state


def price(task: GroundTask, start: int, plan: Sequence[int]) -> int:
    """What ``plan`` costs; fails if it does not lead to the goal."""
    assert task.reached(simulate(task, start, plan))
    return sum(task.moves[number].cost for number in plan)


def reachable(task: GroundTask, start: int, allowed: Iterable[int]) -> list[int]:
    """All states that the moves ``allowed`` lead to, nearest first."""
    seen, queue = {start}, [start]
    moves = [task.moves[number] for number in allowed]
    for state in queue:
        for after in (task.apply(move, state) for move in moves if move.applicable(state)):
            if after not in seen:
                seen.add(after)
                queue.append(after)
    return queue


def cheapest(task: GroundTask, start: int, allowed: Iterable[int] | None = None) -> tuple[int, int] | None:
    """Cost and steps of a cheapest plan that has, among such, the fewest steps; ``None`` if there is no plan.

    Its steps are among ``allowed``, or any.
    """
    moves = task.moves if allowed is None else [task.moves[number] for number in allowed]
    best, queue = {start: (0, 0)}, [(0, 0, start)]
    while queue:
        cost, steps, state = heappop(queue)
        if task.reached(state):
            return cost, steps
        if best[state] < (cost, steps):
            continue
        for move in moves:
            if move.applicable(state):
                after, new = task.apply(move, state), (cost + move.cost, steps + 1)
                if after not in best or new < best[after]:
                    best[after] = new
                    heappush(queue, (*new, after))
    return None


def cheapest_cost(task: GroundTask, start: int, allowed: Iterable[int] | None = None) -> int | None:
    """The cost alone; where every move costs 1, the length of a shortest plan."""
    found = cheapest(task, start, allowed)
    return None if found is None else found[0]


def _move(draw: Random, atoms: int, general: bool, most: int) -> Move:
    effects = _effects(draw)
    branches = [Branch(*_condition(draw, atoms, (0, 2)), *_effects(draw)) for _ in range(draw.randint(0, 2) * general)]
    cost = draw.randint(0, most) if most > 1 else 1
    return Move(*_condition(draw, atoms, (0, 2)), *effects, cost, tuple(branches))


def _rule(draw: Random, head: int) -> Rule:
    """An axiom for one derived atom over fluents, what was derived before and, at times, itself."""
    pre, npre = _condition(draw, head, (1, 2))
    return Rule(1 << head, pre | draw.choice([0, 0, 1 << head]), npre)


def _effects(draw: Random) -> tuple[int, int]:
    add = _atoms(draw, FLUENTS, (0, 2))
    return add, _atoms(draw, FLUENTS, (1, 2)) & ~add


def _condition(draw: Random, atoms: int, count: tuple[int, int]) -> tuple[int, int]:
    """So many atoms that must be true, and at most one that must not."""
    pre = _atoms(draw, atoms, count)
    return pre, _atoms(draw, atoms, (0, 1)) & ~pre


def _atoms(draw: Random, atoms: int, count: tuple[int, int]) -> int:
    return sum(1 << i for i in draw.sample(range(atoms), draw.randint(*count)))
