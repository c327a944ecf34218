"""Ground tasks over seven atoms (and two derived ones) drawn at random, so small that all states can be tried."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

from nsctl.symbolic import Atom, Domain, Problem, SymbolicState
from planners.grounding.task import Branch, GroundTask, Move, Rule, bits

BASE, DERIVED, MOVES = 7, 2, 9


class _Draw(Random):
    """A random source of masks."""

    def mask(self, atoms: int, least: int, most: int, without: int = 0) -> int:
        places = [i for i in range(atoms) if not without >> i & 1]
        return sum(1 << i for i in self.sample(places, self.randint(least, most)))

    def needs(self, atoms: int, most: int) -> tuple[int, int]:
        pre = self.mask(atoms, 0, most)
        return pre, self.mask(atoms, 0, 1, without=pre)

    def changes(self) -> tuple[int, int]:
        add = self.mask(BASE, 0, 2)
        return add, self.mask(BASE, 1, 2, without=add)

    def move(self, atoms: int, general: bool) -> Move:
        branches = [Branch(*self.needs(atoms, 2), *self.changes()) for _ in range(self.randint(0, 2) * general)]
        return Move(*self.needs(atoms, 2), *self.changes(), 1, tuple(branches))

    def rule(self, head: int) -> Rule:
        """An axiom over base atoms and earlier derived ones; one in three also asks for its own head."""
        pre = self.mask(head, 1, 2)
        return Rule(1 << head, pre | self.choice((0, 0, 1 << head)), self.mask(head, 0, 1, without=pre))


def random_task(seed: int, general: bool = False) -> GroundTask:
    """Nine moves; ``general`` ones may have conditional effects, and there are axioms then."""
    draw = _Draw(seed)
    atoms = BASE + DERIVED * general
    moves = tuple(draw.move(atoms, general) for _ in range(MOVES))
    rules = tuple((draw.rule(BASE + i), draw.rule(BASE + i)) for i in range(DERIVED * general))
    wanted = draw.mask(atoms, 2, 3)
    goal = (wanted, draw.mask(atoms, 0, 1, without=wanted))
    names = tuple((f"act{i % 4}", (f"o{i}",)) for i in range(MOVES))
    parts = tuple((tuple(bits(move.pre)), tuple(bits(move.add))) for move in moves)
    problem = Problem(Domain("tiny"), (), SymbolicState(), ())
    return GroundTask(problem, tuple(Atom(f"p{i}") for i in range(atoms)), names, moves, parts, rules, goal, ())


def random_state(draw: Random, task: GroundTask) -> int:
    """A state in which about a quarter of the base atoms are true."""
    return task.close(sum(1 << i for i in range(BASE) if draw.random() < 0.25))


def simulate(task: GroundTask, state: int, plan: Iterable[int]) -> int:
    """Where ``plan`` ends; every move must be applicable."""
    for number in plan:
        assert task.moves[number].applicable(state)
        state = task.apply(task.moves[number], state)
    return state


def reachable(task: GroundTask, start: int, allowed: Sequence[int]) -> set[int]:
    """All states that can be reached from ``start``."""
    seen, queue = {start}, [start]
    for state in queue:
        for number in allowed:
            if task.moves[number].applicable(state):
                after = task.apply(task.moves[number], state)
                if after not in seen:
                    seen.add(after)
                    queue.append(after)
    return seen
