"""The warm solver behind a session: is there a plan of exactly n steps from this state?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from planners.answersets.rules import check, names
from planners.answersets.solver import Found, NoPlan, Solver, Undecided
from planners.grounding.invariants import Invariant
from planners.grounding.task import GroundTask

__all__ = ["Found", "Horizons", "NoPlan", "Undecided"]


class Horizons:
    """Unrolls the transition system once, further when needed, and answers questions by assumptions alone.

    ``rules`` are further constraints of the user; ``encodings/rules.lp`` tells what they may speak of.
    """

    def __init__(self, task: GroundTask, invariants: Sequence[Invariant], rules: str = "") -> None:
        self._task, self._ruled = task, bool(rules)
        encodings = ["sequential.lp", "rules.lp"] if rules else ["sequential.lp"]
        more = "\n" + names(task) if rules else ""
        self._solver = Solver(encodings, task, invariants, more, rules=rules)
        if rules:
            check(rules, task)
        self._forbidden: set[int] = set()
        self._tokens: dict[tuple[frozenset[int], int, int], int] = {}
        self._plans: dict[tuple[int, ...], int] = {}

    @property
    def unrolled(self) -> int:
        """For how many steps the transition system is ground."""
        return self._solver.unrolled

    @property
    def conflicts(self) -> int:
        """The solver's conflicts in all questions so far: a measure of effort that no machine changes."""
        return self._solver.conflicts

    def forbid(self, moves: Iterable[int], pre: int = 0, npre: int = 0) -> int:
        """From now on none of ``moves`` happens where all of ``pre`` and nothing of ``npre`` holds; returns a token.

        The same ban has the same token whenever it comes back.
        """
        key = frozenset(moves), pre, npre
        if key not in self._tokens:
            self._tokens[key] = self._solver.ban(key[0], pre, npre)
        self._forbidden.add(self._tokens[key])
        return self._tokens[key]

    def lift(self, token: int) -> None:
        """Allow again what :meth:`forbid` forbade when it returned ``token``."""
        self._forbidden.discard(token)

    def ask(
        self,
        start: int,
        avoided: Sequence[int],
        steps: int,
        deadline: float,
        conflicts: int | None = None,
        different_from: Iterable[Sequence[int]] = (),
        near: Sequence[int] = (),
    ) -> Found | NoPlan | Undecided:
        """Is there a plan of exactly ``steps`` (one or more) moves from ``start`` to the goal?

        Undecided if ``conflicts`` or the time until ``deadline`` (monotonic clock) were not enough. The plan uses no
        move of ``avoided`` and is none of the plans ``different_from``. Of several, it is one that has as many of the
        moves of the plan ``near`` as could be had for the effort. The caller knows that no shorter plan exists: what was
        learned holds for every question, but only plans of this very length are sought.
        """
        if self._task.dead_goals:
            return NoPlan(0)
        if not self._solver.unroll(steps, deadline):
            return Undecided(0, late=True)
        assumptions = [*self._solver.start(start), *self._solver.goal(steps), *self._length(steps)]
        assumptions += self._solver.banned(self._forbidden, avoided)
        assumptions += self._others({tuple(plan) for plan in different_from if len(plan) == steps})
        answer = self._solve(assumptions, steps, deadline, conflicts)
        if near and isinstance(answer, Found):
            return self._nearer(answer, assumptions, near, deadline, conflicts)
        return answer

    def _length(self, steps: int) -> Iterable[int]:
        yield self._solver.literal("active", steps)
        if steps < self.unrolled:
            yield -self._solver.literal("active", steps + 1)
        if self._ruled:
            for t in range(1, self.unrolled + 1):
                yield self._solver.literal("ends", t) if t == steps else -self._solver.literal("ends", t)

    def _others(self, plans: set[tuple[int, ...]]) -> list[int]:
        for plan in sorted(plans - self._plans.keys()):
            self._plans[plan] = self._solver.switch()
            whole = [self._solver.literal("occurs", move, t) for t, move in enumerate(plan, 1)]
            self._solver.refuse([[self._plans[plan], *whole]])
        return [switch if plan in plans else -switch for plan, switch in self._plans.items()]

    def _solve(
        self, assumptions: Sequence[int], steps: int, deadline: float, conflicts: int | None
    ) -> Found | NoPlan | Undecided:
        answer = self._solver.solve(assumptions, deadline, conflicts)
        if answer.shown is not None:
            plan = {t: move for move, t in answer.shown}
            return Found(tuple(plan[t] for t in range(1, steps + 1)), answer.conflicts)
        return NoPlan(answer.conflicts) if answer.proven else Undecided(answer.conflicts, answer.late)

    def _nearer(
        self, best: Found, assumptions: Sequence[int], near: Sequence[int], deadline: float, conflicts: int | None
    ) -> Found:
        """Ask for plans with one more move of ``near`` until there is none or the effort is spent."""
        spent, steps = best.conflicts, len(best.plan)
        used = [
            self._solver.any_of([self._solver.literal("occurs", move, t) for t in range(1, steps + 1)])
            for move in sorted(set(near))
        ]
        while conflicts is None or spent < conflicts:
            more = self._solver.at_least(len(set(near) & set(best.plan)) + 1, used)
            left = None if conflicts is None else conflicts - spent
            answer = self._solve([*assumptions, more], steps, deadline, left)
            spent += max(1, answer.conflicts)
            if not isinstance(answer, Found):
                break
            best = answer
        return Found(best.plan, spent)
