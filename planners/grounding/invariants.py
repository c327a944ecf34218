"""Groups of atoms of which at most one is ever true, such as the places where one disc can be.

A group is kept only if every ground step leaves its weight (the number of its true atoms) where it was or lowers it:
whatever a step newly adds to the group, it first needs and deletes as many members. That is a property of the steps
alone. So it holds from *any* initial state in which the weight is at most one; where a strange state breaks
a group, that group is switched off for this state, and the others stay valid.

How groups are found: start from one atom. A step that adds it must also use up a member, so one of the step's deleted
preconditions must join; which one is chosen once for each operator and effect and tried in all ways (the candidates of
Helmert, "Concise finite-domain representations", 2009, on ground atoms).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from time import monotonic

from planners.grounding.task import GroundTask, Move, bits

# Closures tried in all, and for one atom: enough for every domain measured, and a stop for the exponential worst case.
TRIES = 4000
TRIES_PER_ATOM = 60
# The same choices fail for most atoms of a predicate alike: after so many they are not tried for the others.
FAILURES = 6

Choice = tuple[str, int]  # an operator and the number of one of its effects


@dataclass(frozen=True)
class Invariant:
    """Atoms, as a mask, of which at most one is true; ``exact`` if one that is true is always replaced by another."""

    members: int
    exact: bool

    def weight(self, state: int) -> int:
        """How many members are true in ``state``."""
        return (self.members & state).bit_count()


def invariants(task: GroundTask, deadline: float = inf) -> tuple[Invariant, ...]:
    """Groups of two or more atoms; none is part of another, and no step raises the weight of any.

    Fewer of them, if the ``deadline`` (monotonic clock) comes first.
    """
    search = _Search(task)
    for atom in range(len(task.atoms)):
        if monotonic() > deadline:
            break
        search.grow(atom)
    found = sorted(search.found, key=lambda mask: (-mask.bit_count(), mask))
    largest = [mask for i, mask in enumerate(found) if not any(mask & ~other == 0 for other in found[:i])]
    return tuple(Invariant(mask, _always_replaced(mask, task.moves)) for mask in sorted(largest))


def never_grows(members: int, moves: Iterable[Move]) -> bool:
    """Whether no move raises the weight of ``members``, given that the weight is at most one."""
    return all(not _raises(members, move) for move in moves)


def _branching(task: GroundTask) -> int:
    """Atoms that no group may have: those that conditional effects add, and derived ones."""
    whole = task.derived
    for move in task.moves:
        for branch in move.branches:
            whole |= branch.add
    return whole


def _raises(members: int, move: Move) -> bool:
    if (move.pre & members).bit_count() > 1:
        return False  # needs two members at once, which is never the case
    new = (move.add & ~move.pre & members).bit_count()
    return new > (move.pre & move.delete & members).bit_count()


def _always_replaced(members: int, moves: tuple[Move, ...]) -> bool:
    """Whether every move that deletes a member also adds one."""
    return all(
        (not move.delete & members or move.add & members)
        and not any(branch.delete & members for branch in move.branches)
        for move in moves
    )


class _Search:
    """Grows groups from single atoms; remembers which atoms are covered and how many closures were tried."""

    def __init__(self, task: GroundTask) -> None:
        self.task = task
        self.found: set[int] = set()
        self.tries = 0
        self.adders: dict[int, list[tuple[int, int]]] = {}  # atom -> (step, number of the effect that adds it)
        self.barred = _branching(task)
        self.failures: Counter[tuple[str, frozenset[tuple[Choice, int]]]] = Counter()
        for number, (_, added) in enumerate(task.parts):
            for position, atom in enumerate(added):
                self.adders.setdefault(atom, []).append((number, position))

    def grow(self, atom: int) -> None:
        """Keep every group that some set of choices yields from ``atom``."""
        if self.barred >> atom & 1:
            return
        predicate = self.task.atoms[atom].predicate
        pending: list[dict[Choice, int]] = [{}]
        for _ in range(TRIES_PER_ATOM):
            if not pending or self.tries >= TRIES:
                return
            choices = pending.pop()
            key = predicate, frozenset(choices.items())
            if self.failures[key] >= FAILURES:
                continue
            self.tries += 1
            members, open_choice = self._close(atom, choices)
            if open_choice is not None:
                pending += [{**choices, open_choice[0]: place} for place in reversed(open_choice[1])]
            elif members in self.found or (members.bit_count() > 1 and never_grows(members, self._adding(members))):
                self.found.add(members)
            else:
                self.failures[key] += 1

    def _adding(self, members: int) -> list[Move]:
        """The moves that add a member: no other can raise the weight."""
        adders = {number for atom in bits(members) for number, _ in self.adders.get(atom, ())}
        return [self.task.moves[number] for number in adders]

    def _close(self, atom: int, choices: dict[Choice, int]) -> tuple[int, tuple[Choice, list[int]] | None]:
        """The atoms that must join ``atom`` under ``choices``, and the first choice that is still to be made."""
        members, queue = 1 << atom, [atom]
        while queue:
            for number, position in self.adders.get(queue.pop(), ()):
                move, (needed, _) = self.task.moves[number], self.task.parts[number]
                if not _raises(members, move):
                    continue
                if (move.add & ~move.pre & members).bit_count() > 1:
                    return 0, None  # adds two members at once: no choice can balance it
                choice = (self.task.names[number][0], position)
                if choice not in choices:
                    places = [place for place, atom in enumerate(needed) if move.delete >> atom & 1]
                    return members, (choice, places)
                place = choices[choice]
                joining = needed[place] if place < len(needed) else -1
                if joining < 0 or not move.delete >> joining & 1 or self.barred >> joining & 1:
                    return 0, None
                members |= 1 << joining
                queue.append(joining)
        return members, None
