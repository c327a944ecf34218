"""Which states follow a state: tables that are filled while the search asks, so that no move is looked at twice in vain.

The moves are put into a few clusters, each with a mask of the atoms that its moves look at or change. What the moves of
one cluster do depends on ``state & mask`` alone, and that takes few different values if the mask covers few variables
(groups of atoms of which exactly one is true, or single atoms). So each cluster keeps a table from that value to what is
applicable. A move that looks at too much is entered under a part of its atoms and checked for the rest each time.

    A truck's moves look at where the truck is: one table with as many lines as there are places, one look-up per state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log2

from planners.grounding.invariants import Invariant
from planners.grounding.task import GroundTask, Move, bits

LINES = 14.0
"""Binary logarithm of the number of lines that one table may have, by the sizes of its variables."""

MOST_TRIED = 24
"""Tables that a cluster of moves is tried with, to see where it fits best."""

Flip = tuple[int, int, int]
"""The atoms that change (by exclusive or), the cost in units and the number of the move."""
Check = tuple[int, int, int, int, int, int]
"""What must hold: ``state & mask == value``; then what is kept and what is added, cost and number."""


def variables(masks: Sequence[int], start: int, groups: Sequence[Invariant]) -> list[tuple[int, int]]:
    """A partition of the atoms of ``masks`` into variables: the atoms of each and how many values it can take.

    Groups that hold in ``start`` come first, largest first; what they leave are variables of one atom.
    """
    used = 0
    for mask in masks:
        used |= mask
    found = []
    valid = [g for g in groups if g.weight(start) == 1 or (g.weight(start) == 0 and not g.exact)]
    for group in sorted(valid, key=lambda g: (-(g.members & used).bit_count(), not g.exact, g.members)):
        new = group.members & used
        if new.bit_count() > 1:
            found.append((new, new.bit_count() + (not group.exact or new != group.members)))
            used &= ~new
    return found + [(1 << atom, 2) for atom in bits(used)]


class _Flips(dict[int, tuple[Flip, ...]]):
    """From the value of a cluster's atoms to the changes that are possible then."""

    def __init__(self, moves: Sequence[tuple[int, Move]]) -> None:
        self._moves = [(m.pre | m.npre, m.pre, ~m.delete, m.add, m.cost, number) for number, m in moves]

    def __missing__(self, part: int) -> tuple[Flip, ...]:
        found = tuple(
            (part ^ (part & keep | add), cost, number)
            for mask, value, keep, add, cost, number in self._moves
            if part & mask == value and part & keep | add != part
        )
        self[part] = found
        return found


class _Bare(dict[int, tuple[int, ...]]):
    """The same without costs and numbers."""

    def __init__(self, flips: _Flips) -> None:
        self._flips = flips

    def __missing__(self, part: int) -> tuple[int, ...]:
        found = tuple(flip for flip, _, _ in self._flips.__missing__(part))
        self[part] = found
        return found


class _Checks(dict[int, tuple[Check, ...]]):
    """From the value of some of a move's atoms to the moves that remain to be checked."""

    def __init__(self, cluster: int, moves: Sequence[tuple[int, Move]]) -> None:
        self._moves = [
            (
                (m.pre | m.npre) & cluster,
                m.pre & cluster,
                ((m.pre | m.npre) & ~cluster, m.pre & ~cluster, ~m.delete, m.add, m.cost, number),
            )
            for number, m in moves
        ]

    def __missing__(self, part: int) -> tuple[Check, ...]:
        found = tuple(check for mask, value, check in self._moves if part & mask == value)
        self[part] = found
        return found


class Successors:
    """Numbered STRIPS moves in clusters; ``groups`` (see :func:`variables`) only help to make good ones."""

    def __init__(self, moves: Sequence[tuple[int, Move]], start: int, groups: Sequence[Invariant]) -> None:
        parts = [m.pre | m.npre | m.add | m.delete for _, m in moves]
        found = variables(parts, start, groups)
        sizes = [log2(size) for _, size in found]
        masks = [mask for mask, _ in found]
        of = {atom: i for i, mask in enumerate(masks) for atom in bits(mask)}
        sure: dict[int, list[tuple[int, Move]]] = {}
        checked: dict[int, list[tuple[int, Move]]] = {}
        for (number, move), part in zip(moves, parts, strict=True):
            scope, whole = _scope(move, part, of, sizes)
            (sure if whole else checked).setdefault(scope, []).append((number, move))
        self.flips = [(_union(masks, s), _Flips(m)) for s, m in _packed(sure, sizes)]
        """For each cluster its mask and its table."""
        self.bare = [(mask, _Bare(table)) for mask, table in self.flips]
        """The same without costs and numbers."""
        self.checks = [
            (mask := _union(masks, scope), _Checks(mask, cluster)) for scope, cluster in _packed(checked, sizes)
        ]
        """For each cluster of moves that need a further check its mask and its table."""

    def of(self, state: int) -> list[tuple[int, int, int]]:
        """The states that follow: each with the cost in units and the number of the move."""
        found = []
        for mask, table in self.flips:
            for flip, cost, number in table[state & mask]:
                found.append((state ^ flip, cost, number))
        for mask, checks in self.checks:
            for looked_at, value, keep, add, cost, number in checks[state & mask]:
                if state & looked_at == value:
                    found.append((state & keep | add, cost, number))
        return found


class GeneralSuccessors:
    """The same for any task, move by move."""

    def __init__(self, task: GroundTask, allowed: Sequence[int]) -> None:
        self._task = task
        self._moves = [(number, task.moves[number]) for number in allowed]

    def of(self, state: int) -> list[tuple[int, int, int]]:
        """The states that follow: each with the cost in units and the number of the move."""
        apply = self._task.apply
        return [
            (apply(move, state), move.cost, number)
            for number, move in self._moves
            if state & move.pre == move.pre and not state & move.npre
        ]


def _scope(move: Move, part: int, of: dict[int, int], sizes: Sequence[float]) -> tuple[int, bool]:
    """The variables by which a move is entered, as a bit mask, and whether these are all it looks at or changes."""
    scope = _variables(part, of)
    if sum(sizes[v] for v in bits(scope)) <= LINES:
        return scope, True
    chosen, room = 0, LINES
    needed = _variables(move.pre, of)
    for variable in sorted(
        bits(_variables(move.pre | move.npre, of)), key=lambda v: (not needed >> v & 1, -sizes[v], v)
    ):
        if sizes[variable] <= room:
            chosen |= 1 << variable
            room -= sizes[variable]
    return chosen, False


def _variables(part: int, of: dict[int, int]) -> int:
    whole = 0
    for atom in bits(part):
        whole |= 1 << of[atom]
    return whole


def _packed(
    clusters: dict[int, list[tuple[int, Move]]], sizes: Sequence[float]
) -> list[tuple[int, list[tuple[int, Move]]]]:
    """Clusters put together by least growth, as long as their tables stay small.

    Of many, the latest ones are tried, and before them the latest with a variable in common, rarest variable first.
    """
    known: dict[int, float] = {0: 0.0}

    def weight(scope: int) -> float:
        if scope not in known:
            known[scope] = sum(sizes[v] for v in bits(scope))
        return known[scope]

    packed: list[tuple[int, float, list[tuple[int, Move]]]] = []
    holders: dict[int, list[int]] = {}
    for scope in sorted(clusters, key=lambda s: (-weight(s), s)):
        tried: Iterable[int] = range(len(packed))
        if len(packed) > MOST_TRIED:
            near = sorted((holders[v] for v in bits(scope) if v in holders), key=len)
            tried = dict.fromkeys(i for held in near for i in held[-MOST_TRIED:])
            tried = [*tried, *range(len(packed) - MOST_TRIED, len(packed))][:MOST_TRIED]
        grown = ((weight(scope & ~packed[i][0]), i) for i in tried)
        growth, i = min(((g, i) for g, i in grown if packed[i][1] + g <= LINES), default=(weight(scope), len(packed)))
        if i == len(packed):
            packed.append((0, 0.0, []))
        other, size, moves = packed[i]
        moves += clusters[scope]
        packed[i] = (other | scope, size + growth, moves)
        for variable in bits(scope & ~other):
            holders.setdefault(variable, []).append(i)
    return [(scope, sorted(moves, key=lambda pair: pair[0])) for scope, _, moves in packed]


def _union(masks: Sequence[int], scope: int) -> int:
    whole = 0
    for variable in bits(scope):
        whole |= masks[variable]
    return whole
