"""What would have had to be different at the start: excuses.

An excuse is a smallest change of the initial state after which there is a plan (Goebelbecker, Keller, Eyerich, Brenner
and Nebel, "Coming up with good excuses", 2010). It respects the invariant groups that hold at the start: what is in one
place is put into another, and that is one change. Goals themselves are wished true only if nothing else helps.

Single changes are tried one by one with a sweep, which may also prove that none helps; the rest is the solver's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from planners.unsolvability.bounded import Change, bounded, smallest_change
from planners.unsolvability.exhaustion import sweep
from planners.unsolvability.explanations import Blame, Question, Rung, granted, listed


@dataclass(frozen=True)
class _Found:
    change: Change
    strength: str
    goals_too: bool


def excuse(question: Question, horizon: int) -> Rung | None:
    """A smallest change of the start from which a plan leads to the goal; one that the solver finds, within ``horizon``
    steps. ``None`` if the deadline came first or if no change helps."""
    for goals_too in (False, True):
        single, refuted = _single_change(question, goals_too)
        if single:
            return _rung(question, _Found(single, "proof", goals_too))
        if found := _solved(question, horizon, goals_too, refuted):
            return _rung(question, found)
    return None


def _single_change(question: Question, goals_too: bool) -> tuple[Change | None, bool]:
    """The single change with the shortest plan; if there is none, whether that is sure."""
    best, sure, hopeful = None, question.task.complete, []
    for start in _candidates(question, goals_too):
        if question.late:
            return None, False
        if _may_work(question, start):
            hopeful.append(start)
    for start in hopeful:
        if question.late:
            return best, False
        seen = sweep(replace(question, start=start), question.allowed, question.effort // len(hopeful))
        sure = sure and (seen.complete or seen.plan is not None)
        if seen.plan is not None and (best is None or len(seen.plan) < len(best.plan)):
            best = Change(start, seen.plan, 1, True)
    return best, sure


def _may_work(question: Question, start: int) -> bool:
    """Whether the delete relaxation reaches every goal."""
    can_hold, can_fail, _ = question.task.relaxed(start, question.allowed)
    return all(wish.possible(can_hold, can_fail) for wish in question.wishes)


def _candidates(question: Question, goals_too: bool) -> Iterator[int]:
    """Starts with one change; what comes pushes out whatever the exact groups do not let it stand beside."""
    task, start = question.task, question.start
    denied, held = (0, 0) if goals_too else granted(question)
    exact = [group.members for group in question.groups if group.exact and group.weight(start)]
    grouped = 0
    for members in exact:
        grouped |= members
    for number in range(len(task.atoms)):
        atom = 1 << number
        if atom & (task.derived | denied | held) or start & atom & grouped:
            continue
        gone = 0
        for members in exact:
            gone |= members & start if members & atom else 0
        changed = start & ~atom if start & atom else start & ~gone | atom
        whole = all((members & changed).bit_count() == 1 for members in exact)
        if whole and not gone & held and all(group.weight(changed) <= 1 for group in question.groups):
            yield task.close(changed)


def _solved(question: Question, horizon: int, goals_too: bool, no_single: bool) -> _Found | None:
    """The solver's answer, for 4, 8, ... steps up to ``horizon``."""
    best: _Found | None = None
    steps = min(4, horizon)
    while not question.late:
        change = smallest_change(question, steps, goals_too)
        if change and (best is None or change.cost < best.change.cost):
            best = _Found(change, _strength(change, steps, no_single), goals_too)
        elif best and change and change.optimal:
            best = replace(best, strength=_strength(best.change, steps, no_single))
        if steps >= horizon or (best and best.strength == "proof"):
            break
        steps = min(2 * steps, horizon)
    return best


def _strength(change: Change, steps: int, no_single: bool) -> str:
    """A change of one is smallest as there is no plan without; one of two, if no single one helps."""
    return "proof" if change.cost <= 1 + no_single else bounded(steps)


def _rung(question: Question, found: _Found) -> Rung:
    task, start = question.task, found.change.start
    base = ~task.derived
    changes = task.literals(start & ~question.start & base, question.start & ~start & base)
    shorter = sweep(replace(question, start=start), question.allowed, question.effort).plan
    plan = found.change.plan if shorter is None else shorter
    there = f"there would be a plan of {len(plan)} step{'s' * (len(plan) != 1)}" if plan else "the goal would hold"
    trivial = " (nothing short of granting goals was found to help)" if found.goals_too else ""
    sentence = f"with {listed(changes)} at the start {there}{trivial}"
    return Rung("excuse", found.strength, Blame(facts=changes), sentence, start, plan)
