"""The ground task: all steps over all objects, as bit masks over numbered atoms, good for every initial state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from nsctl.errors import DomainError
from nsctl.symbolic import Atom, Literal, PlanStep, Problem, SymbolicState


@dataclass(frozen=True)
class Move:
    """A ground step as masks: bit i stands for atom i of the task."""

    pre: int
    npre: int
    add: int
    delete: int

    def applicable(self, state: int) -> bool:
        """Whether the preconditions hold in ``state``."""
        return state & self.pre == self.pre and not state & self.npre

    def apply(self, state: int) -> int:
        """The state after the step."""
        return state & ~self.delete | self.add


@dataclass(frozen=True)
class GroundTask:
    """Atoms that can change (``atoms``), ground steps (``steps``) and their masks (``moves``), in one fixed order.

    Preconditions on static atoms and equalities are decided already and left out of masks.
    """

    problem: Problem
    atoms: tuple[Atom, ...]
    steps: tuple[PlanStep, ...]

    @cached_property
    def index(self) -> dict[Atom, int]:
        """The number of each atom."""
        return {atom: i for i, atom in enumerate(self.atoms)}

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """The steps as masks, in the order of ``steps``."""
        return tuple(
            Move(
                self.mask(p.atom for p in step.preconditions if p.positive),
                self.mask(p.atom for p in step.preconditions if not p.positive),
                self.mask(step.adds),
                self.mask(step.deletes),
            )
            for step in self.steps
        )

    @cached_property
    def goal(self) -> tuple[int, int]:
        """Masks of the atoms that must hold at the end, and of those that must not."""
        goal = self.problem.goal
        return self.mask(g.atom for g in goal if g.positive), self.mask(g.atom for g in goal if not g.positive)

    @cached_property
    def dead_goals(self) -> tuple[Literal, ...]:
        """Goals about static atoms that the problem's facts contradict: nothing will ever change them."""
        fixed = [g for g in self.problem.goal if g.atom not in self.index]
        return self.problem.init.violated(fixed)

    def mask(self, atoms: Iterable[Atom]) -> int:
        """The set of those ``atoms`` that can change."""
        return sum({1 << self.index[atom] for atom in atoms if atom in self.index})

    def reached(self, state: int) -> bool:
        """Whether the changeable part of the goal holds in ``state``."""
        wanted, unwanted = self.goal
        return state & wanted == wanted and not state & unwanted

    def state(self, init: SymbolicState) -> int:
        """``init`` as a mask. Static atoms may be given or left out, but must agree with the problem's facts."""
        scope = {o.name: o for o in (*self.problem.domain.constants, *self.problem.objects)}
        for atom in init:
            self.problem.domain.check(atom, scope, "initial state")
            if atom.predicate not in self.problem.domain.fluents and atom not in self.problem.init:
                raise DomainError(f"initial state: {atom} is static (no operator changes it) and the problem denies it")
        return self.mask(init)

    def unreachable(self, state: int, allowed: Iterable[int]) -> tuple[Literal, ...]:
        """Goals that stay out of reach even if nothing that was once true (or once false) were ever lost again.

        This is the delete relaxation: an empty answer proves nothing, any other proves that no plan exists.
        """
        can_hold, can_fail = state, ~state
        waiting = [self.moves[i] for i in allowed]
        while True:
            ready = [m for m in waiting if can_hold & m.pre == m.pre and can_fail & m.npre == m.npre]
            waiting = [m for m in waiting if not (can_hold & m.pre == m.pre and can_fail & m.npre == m.npre)]
            if not ready:
                break
            for move in ready:
                can_hold |= move.add
                can_fail |= move.delete
        return tuple(g for g in self.problem.goal if not self._possible(g, can_hold, can_fail))

    def _possible(self, goal: Literal, can_hold: int, can_fail: int) -> bool:
        if goal.atom not in self.index:
            return goal not in self.dead_goals
        return bool((can_hold if goal.positive else can_fail) >> self.index[goal.atom] & 1)


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
