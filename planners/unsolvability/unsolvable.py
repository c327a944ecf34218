"""Why there is no plan: a ladder of explanations, cheap ones first, each saying how strong it is.

1. A goal that static facts deny, or that is out of reach even if nothing were ever undone.
2. Goals that exclude each other, by an invariant group or by pairs of facts that never hold at once (h^2).
3. Everything within reach was seen: which goals never held together, and how many did.
4. Where that is too much: goals and avoided steps that clingo finds in each other's way, up to a number of steps.
5. What would have had to be different at the start.

The first three are proofs; the fourth never is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from math import inf

from nsctl.errors import InvalidValue
from planners.grounding import ground, program
from planners.grounding.task import GroundTask, bits
from planners.unsolvability.bounded import bounded_core
from planners.unsolvability.excuses import excuse
from planners.unsolvability.exhaustion import exhausted, sweep
from planners.unsolvability.explanations import Blame, Explanation, Question, Rung
from planners.unsolvability.obstacles import exclusion, static_goal, unreachable_goal

__all__ = ["Blame", "Explanation", "Rung", "explain_unsolvable"]

# States times moves looked at by each rung; about 0.2 s.
EFFORT = 500_000
# Candidates of ground steps up to which a task is ground anew for every start; well under a second.
MOST_CANDIDATES = 20_000


def explain_unsolvable(
    task: GroundTask,
    start: int,
    avoided: Collection[int] = (),
    effort: int = EFFORT,
    deadline: float = inf,
    horizon: int = 16,
) -> Explanation:
    """Why no plan leads from the state ``start`` to the task's goal without the moves ``avoided``.

    ``effort`` bounds how many states times moves the sweep may look at (and, alike, the pairs), ``deadline`` is of the
    monotonic clock, and ``horizon`` is up to how many steps the solver looks for cores and excuses. Where there is a
    plan after all and it is met, the explanation has no rungs and that plan. A task that is not ``complete`` must have
    been ground from ``start``; it is ground anew, for every start, if it is small enough, since excuses need that.
    """
    if effort < 0 or horizon < 1:
        raise InvalidValue(f"effort must be >= 0 and horizon >= 1, got {effort} and {horizon}")
    numbers = frozenset(avoided)
    if strange := sorted(n for n in numbers if not 0 <= n < len(task.moves)):
        raise InvalidValue(f"avoided moves are numbers from 0 to {len(task.moves) - 1}, got {strange[0]}")
    question = Question(task, start, numbers, effort, deadline)
    if denied := static_goal(question):
        return Explanation(task, (denied,))
    seen = sweep(question, question.allowed, effort)
    if seen.plan is not None:
        return Explanation(task, (), seen.plan)
    question = _completed(question)
    rungs = [*_obstacles(question)]
    if seen.complete:
        rungs.append(exhausted(question, seen))
    if not rungs and not question.late:
        rungs += filter(None, [bounded_core(question, horizon)])
    if rungs and not question.late:
        rungs += filter(None, [excuse(question, horizon)])
    return Explanation(question.task, tuple(rungs))


def _completed(question: Question) -> Question:
    """The same question over a task with all ground steps, not just those within reach, where that can be had.

    A task whose moves are not simply those of its problem (someone restricted them) is left as it is.
    """
    task = question.task
    if task.complete or program.candidates(task.problem) > MOST_CANDIDATES:
        return question
    try:
        whole = ground(task.problem, question.deadline, reachable=False)
    except program.OutOfTime:
        return question
    shift = [1 << whole.index[atom] if atom in whole.index else 0 for atom in task.atoms]

    def moved(mask: int) -> int:
        return sum(shift[i] for i in bits(mask))

    if not all(shift) or not _moves_kept(task, whole, moved):
        return question
    whole = replace(whole, goal=(moved(task.goal[0]), moved(task.goal[1])))
    barred = {task.names[number] for number in question.avoided}
    avoided = frozenset(number for name in barred for number in whole.numbers[name])
    # What no step within reach touches is as it was where the task was ground from.
    untouched = whole.mask(atom for atom in task.problem.init.atoms if atom not in task.index)
    start = whole.close(moved(question.start & ~task.derived) | untouched)
    return replace(question, task=whole, start=start, avoided=avoided)


def _moves_kept(task: GroundTask, whole: GroundTask, moved: Callable[[int], int]) -> bool:
    for name, numbers in task.numbers.items():
        others = [whole.moves[n] for n in whole.numbers.get(name, ())]
        known = {(move.pre, move.npre, move.add, move.delete) for move in others}
        for move in (task.moves[n] for n in numbers):
            if (moved(move.pre), moved(move.npre), moved(move.add), moved(move.delete)) not in known:
                return False
    return True


def _obstacles(question: Question) -> Iterator[Rung]:
    for find in (unreachable_goal, exclusion):
        if question.late:
            return
        if rung := find(question):
            yield rung
            return
