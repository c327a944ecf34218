"""Random small ground tasks, and what a plain search says about them."""

from heapq import heappop, heappush

from hypothesis import strategies as st

from nsctl.symbolic import Atom, Domain, Problem, SymbolicState
from planners.grounding.task import GroundTask, Move

ATOMS = 6


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
    return task(moves, goal), draw(masks)


def task(moves, goal):
    """The ground task of these moves; its problem is empty."""
    parts = tuple((_numbers(move.pre), _numbers(move.add)) for move in moves)
    problem = Problem(Domain("random"), (), SymbolicState(), ())
    atoms = tuple(Atom(f"p{i}") for i in range(ATOMS))
    names = tuple(("move", (str(i),)) for i in range(len(moves)))
    return GroundTask(problem, atoms, names, tuple(moves), parts, (), goal, ())


def cheapest(task, start, allowed):
    """Cost and steps of a cheapest plan that has, among such, the fewest steps; ``None`` if there is no plan."""
    best, queue = {start: (0, 0)}, [(0, 0, start)]
    while queue:
        cost, steps, state = heappop(queue)
        if task.reached(state):
            return cost, steps
        if best[state] < (cost, steps):
            continue
        for move in (task.moves[i] for i in allowed):
            if move.applicable(state):
                after, new = task.apply(move, state), (cost + move.cost, steps + 1)
                if new < best.get(after, (1 << 40, 0)):
                    best[after] = new
                    heappush(queue, (*new, after))
    return None


def reachable(task, start, allowed):
    """All states that the moves lead to."""
    seen, queue = {start}, [start]
    for state in queue:
        for after in (task.apply(task.moves[i], state) for i in allowed if task.moves[i].applicable(state)):
            if after not in seen:
                seen.add(after)
                queue.append(after)
    return queue


def price(task, start, plan):
    """What ``plan`` costs; fails if it does not lead to the goal."""
    state = start
    for number in plan:
        assert task.moves[number].applicable(state)
        state = task.apply(task.moves[number], state)
    assert task.reached(state)
    return sum(task.moves[number].cost for number in plan)


def _numbers(mask):
    return tuple(i for i in range(ATOMS) if mask >> i & 1)
