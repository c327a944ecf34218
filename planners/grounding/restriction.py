"""Steps that are forbidden for now: always, or only where some atoms hold (what the world has just refused)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from planners.grounding.task import GroundTask, Move, bits


@dataclass(frozen=True)
class Ban:
    """None of ``moves`` may happen where all of ``pre`` holds and nothing of ``npre``; with neither, nowhere."""

    moves: frozenset[int]
    pre: int = 0
    npre: int = 0

    @property
    def always(self) -> bool:
        """Whether the moves are forbidden in every state."""
        return not self.pre and not self.npre


def restricted(task: GroundTask, bans: Iterable[Ban]) -> tuple[GroundTask, list[int]]:
    """A task in which no ban can be broken, and the numbers of the moves that may be used in it.

    The first moves of the new task are those of ``task``. A move that is forbidden in some states only is replaced by
    variants behind them: one for each literal of the context, which needs that literal to be otherwise.
    """
    moves = list(task.moves)
    variants: dict[int, list[Move]] = {}
    for ban in bans:
        for number in ban.moves:
            variants[number] = [v for old in variants.get(number, [moves[number]]) for v in _elsewhere(old, ban)]
    allowed = [i for i in range(len(moves)) if i not in variants]
    owners = [number for number, found in variants.items() for _ in found]
    allowed += range(len(moves), len(moves) + len(owners))
    if not owners:
        return task, allowed
    return replace(
        task,
        moves=(*moves, *(variant for found in variants.values() for variant in found)),
        names=(*task.names, *(task.names[number] for number in owners)),
        parts=(*task.parts, *(task.parts[number] for number in owners)),
    ), allowed


def _elsewhere(move: Move, ban: Ban) -> Iterator[Move]:
    """The move where the context of the ban does not hold; nothing if the ban leaves no such state."""
    if ban.pre & move.npre or ban.npre & move.pre:
        yield move  # the context contradicts the preconditions: nothing to forbid
        return
    for bit in bits(ban.pre & ~move.pre):
        yield replace(move, npre=move.npre | 1 << bit)
    for bit in bits(ban.npre & ~move.npre):
        yield replace(move, pre=move.pre | 1 << bit)
