"""The last proof of all: every state that can be reached was seen, and none is a goal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf
from time import monotonic

from planners.grounding.task import bits
from planners.unsolvability.explanations import Blame, Question, Rung, Wish, listed, minimal, without

# Up to this many subsets of goals are tried, smallest first; beyond, one that is minimal, not smallest, is named.
MOST_SUBSETS = 50_000
# Sweeps with some avoided steps given back.
MOST_SWEEPS = 24


@dataclass(frozen=True)
class Seen:
    """What a breadth-first sweep saw: ``met`` are the sets of goals that held at once (as masks over the goals' places),
    without those that another one contains. ``plan`` reaches the goal, if there is a way; ``complete`` says that
    everything within reach was seen; ``looks`` are states times moves looked at."""

    states: int
    met: tuple[int, ...]
    plan: tuple[int, ...] | None
    complete: bool
    looks: int


def sweep(question: Question, allowed: Sequence[int], effort: int) -> Seen:
    """All states within reach by ``allowed`` moves, as far as ``effort`` (states times moves) goes."""
    task, wishes = question.task, question.wishes
    moves = [(number, task.moves[number]) for number in allowed]
    before: dict[int, tuple[int, int] | None] = {question.start: None}
    queue, met, looks = [question.start], {_met(wishes, question.start)}, 0
    for state in queue:
        if task.reached(state):
            return Seen(len(before), _largest(met), _way(before, state), False, looks)
        looks += len(moves) + 1
        if looks > effort or question.late:
            return Seen(len(before), _largest(met), None, False, looks)
        for number, move in moves:
            if move.applicable(state):
                after = task.apply(move, state)
                if after not in before:
                    before[after] = (state, number)
                    queue.append(after)
                    met.add(_met(wishes, after))
    return Seen(len(before), _largest(met), None, True, looks)


def exhausted(question: Question, seen: Seen) -> Rung:
    """The rung of a complete sweep without a plan."""
    wishes = question.wishes
    culprits = _culprits(question, seen)
    if culprits != question.forbidden:
        again = sweep(question, question.without(culprits), max(question.effort, 4 * seen.looks))
        if again.complete:
            seen = again
        else:  # the deadline came: what was seen before is a proof, with all that is avoided
            culprits = question.forbidden
    places = smallest_core(len(wishes), seen.met, question.deadline)
    core = tuple(dict.fromkeys(wishes[place].said for place in places))
    most = max(seen.met, key=lambda mask: (mask.bit_count(), -mask), default=0)
    held = f"; at most {most.bit_count()} of the {len(wishes)} goals hold at once" if len(wishes) > 1 else ""
    if most:
        held += f": {listed(wishes[place].said for place in bits(most))}"
    count = f"all {seen.states} states that can be reached were seen" if seen.states > 1 else "no step can be taken"
    never = f"{listed(core)} never hold{'s' if len(core) == 1 else ' at once'}{without(culprits)}"
    return Rung("exhausted", "proof", Blame(core, culprits), f"{count}; {never}{held}")


def smallest_core(size: int, met: Sequence[int], deadline: float = inf) -> tuple[int, ...]:
    """The fewest of ``size`` goals that never held all at once, given the largest sets that did.

    Merely minimal, if there are very many goals or the ``deadline`` (monotonic clock) comes first.
    """
    whole = (1 << size) - 1
    left = [whole & ~mask for mask in met]  # a core must have one goal that is left out of each set that was met

    def core(places: Sequence[int]) -> bool:
        chosen = sum(1 << place for place in places)
        return all(chosen & mask for mask in left)

    tried = 0
    for count in range(1, size + 1):
        for places in combinations(range(size), count):
            tried += 1
            if core(places):
                return places
            if tried > MOST_SUBSETS or monotonic() >= deadline:
                return tuple(minimal(range(size), core, size * size))
    return tuple(range(size))


def _culprits(question: Question, seen: Seen) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The avoided steps without which there is no plan; a sweep that runs out counts as no proof."""
    effort = max(question.effort, 4 * seen.looks)

    def fails(allowed: list[int]) -> bool:
        again = sweep(question, allowed, effort)
        return again.complete and again.plan is None

    return question.culprits(fails, MOST_SWEEPS) if question.avoided else ()


def _met(wishes: Sequence[Wish], state: int) -> int:
    return sum(1 << place for place, wish in enumerate(wishes) if wish.holds(state))


def _largest(met: set[int]) -> tuple[int, ...]:
    kept: list[int] = []
    for mask in sorted(met, key=lambda mask: (-mask.bit_count(), mask)):
        if not any(mask & ~other == 0 for other in kept):
            kept.append(mask)
    return tuple(kept)


def _way(before: dict[int, tuple[int, int] | None], state: int) -> tuple[int, ...]:
    way: list[int] = []
    step = before[state]
    while step is not None:
        way.append(step[1])
        step = before[step[0]]
    return tuple(reversed(way))
