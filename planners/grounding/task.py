"""The ground task: all steps over all objects, as bit masks over numbered atoms.

A state is an integer whose bit i says whether atom i is true. Derived atoms are bits too: after every step they are
cleared and derived anew by the ground axioms.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

from nsctl.errors import DomainError
from nsctl.symbolic import (
    EQUALITY,
    And,
    Atom,
    Condition,
    Literal,
    Not,
    Number,
    Operator,
    Or,
    PlanStep,
    Problem,
    SymbolicState,
    When,
)
from planners.grounding.normal_form import AUXILIARY


@dataclass(frozen=True, slots=True)
class Branch:
    """A conditional effect: if ``pre`` holds and nothing of ``npre`` does, then ``add`` and ``delete`` happen too."""

    pre: int
    npre: int
    add: int
    delete: int


@dataclass(frozen=True, slots=True)
class Move:
    """A ground step as masks; an atom that is both added and deleted ends true. ``cost`` is in units of the task."""

    pre: int
    npre: int
    add: int
    delete: int
    cost: int = 1
    branches: tuple[Branch, ...] = ()

    def applicable(self, state: int) -> bool:
        """Whether the preconditions hold in ``state``."""
        return state & self.pre == self.pre and not state & self.npre

    def apply(self, state: int) -> int:
        """The state after the step, derived atoms left as they were."""
        add, delete = self.add, self.delete
        for branch in self.branches:
            if state & branch.pre == branch.pre and not state & branch.npre:
                add |= branch.add
                delete |= branch.delete
        return state & ~delete | add


@dataclass(frozen=True, slots=True)
class Rule:
    """A ground axiom: the derived atoms of ``head`` hold where ``pre`` holds and nothing of ``npre`` does."""

    head: int
    pre: int
    npre: int


Parts: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]
"""Of one move, in the order of its operator's text: the atoms that must hold and the atoms added."""


@dataclass(frozen=True)
class GroundTask:
    """Atoms that can change (``atoms``), ground steps (``names``: operator and arguments) and their masks (``moves``).

    A step with a disjunctive precondition has one move for each alternative. Preconditions on static atoms and
    equalities are decided already and left out of masks. ``rules`` come in strata: all of one before any of the next.
    ``goal`` has the masks of the atoms that must hold at the end and of those that must not; ``dead_goals`` are goals
    that static facts contradict. A cost of 1 in the problem is ``scale`` units. ``complete`` tells whether the steps
    serve every initial state over these objects or just those reachable from the problem's own.
    """

    problem: Problem
    atoms: tuple[Atom, ...]
    names: tuple[tuple[str, tuple[str, ...]], ...]
    moves: tuple[Move, ...]
    parts: tuple[Parts, ...]
    rules: tuple[tuple[Rule, ...], ...]
    goal: tuple[int, int]
    dead_goals: tuple[Condition, ...]
    scale: int = 1
    complete: bool = True

    @cached_property
    def index(self) -> dict[Atom, int]:
        """The number of each atom."""
        return {atom: i for i, atom in enumerate(self.atoms)}

    @cached_property
    def numbers(self) -> dict[tuple[str, tuple[str, ...]], tuple[int, ...]]:
        """The moves of each step, by operator and arguments."""
        found: dict[tuple[str, tuple[str, ...]], tuple[int, ...]] = {}
        for number, name in enumerate(self.names):
            found[name] = (*found.get(name, ()), number)
        return found

    @cached_property
    def derived(self) -> int:
        """Mask of the atoms that the rules derive."""
        return union(rule.head for stratum in self.rules for rule in stratum)

    @cached_property
    def strips(self) -> bool:
        """Whether there is neither a conditional effect nor a derived atom."""
        return not self.rules and not any(move.branches for move in self.moves)

    @cached_property
    def cheapest(self) -> int:
        """The cost of the cheapest move, in units."""
        return min((move.cost for move in self.moves), default=0)

    @cached_property
    def size(self) -> int:
        """How many atoms the moves need and change, all together."""
        return sum(sum(map(int.bit_count, (m.pre, m.npre, m.add, m.delete))) + 1 for m in self.moves)

    def price(self, numbers: Iterable[int]) -> int:
        """What these moves cost together, in units."""
        return sum(self.moves[number].cost for number in numbers)

    def close(self, state: int) -> int:
        """``state`` with exactly those derived atoms that the rules give it."""
        if not self.rules:
            return state
        state &= ~self.derived
        for stratum in self.rules:
            waiting: Collection[Rule] = stratum
            while True:
                ready = [r for r in waiting if state & r.pre == r.pre and not state & r.npre]
                if not ready:
                    break
                waiting = [r for r in waiting if not (state & r.pre == r.pre and not state & r.npre)]
                state |= union(rule.head for rule in ready)
        return state

    def apply(self, move: Move, state: int) -> int:
        """The state after ``move``, derived atoms included."""
        return self.close(move.apply(state))

    def step(self, number: int) -> PlanStep:
        """The plan step of a move, with the preconditions of the move's own alternative."""
        name, arguments = self.names[number]
        operator = self.problem.domain.operator(name)
        if operator.plain:
            step = operator.ground(arguments)
            return step if not self.problem.unit_cost else _repriced(step, 1)
        return self._general_step(operator, arguments, self.moves[number])

    def steps(self, numbers: Iterable[int]) -> tuple[PlanStep, ...]:
        """The plan steps of moves."""
        return tuple(self.step(number) for number in numbers)

    def cost(self, units: int) -> Number:
        """A cost in units as a cost of the problem."""
        value = Fraction(units, self.scale)
        return int(value) if value.denominator == 1 else value

    def mask(self, atoms: Iterable[Atom]) -> int:
        """The set of those ``atoms`` that can change."""
        return union(1 << self.index[atom] for atom in atoms if atom in self.index)

    def reachable_atoms(self) -> frozenset[Atom]:
        """The atoms that can change and hold in the problem's initial state or after some step, in the relaxation."""
        made = self.derived
        for move in self.moves:
            made |= move.add
            for branch in move.branches:
                made |= branch.add
        first = {atom for atom in self.problem.init.atoms if atom.predicate in self.problem.domain.fluents}
        return frozenset(first | {self.atoms[i] for i in bits(made)})

    def literals(self, pre: int, npre: int) -> tuple[Literal, ...]:
        """Masks as literals; auxiliary atoms, which have no meaning to a reader, are left out."""
        named = [Literal(self.atoms[i]) for i in bits(pre)] + [Literal(self.atoms[i], False) for i in bits(npre)]
        return tuple(literal for literal in named if literal.atom.predicate != AUXILIARY)

    def reached(self, state: int) -> bool:
        """Whether the goal holds in ``state``."""
        wanted, unwanted = self.goal
        return not self.dead_goals and state & wanted == wanted and not state & unwanted

    def state(self, init: SymbolicState) -> int:
        """``init`` as a mask. Static atoms may be given or left out, but must agree with the problem's facts."""
        self.problem.check_state(init)
        for atom in init.atoms:
            if atom.predicate not in self.problem.domain.fluents and atom not in self.problem.init:
                raise DomainError(f"initial state: {atom} is static (no operator changes it) and the problem denies it")
        return self.close(self.mask(init.atoms))

    def relaxed(self, state: int, allowed: Iterable[int]) -> tuple[int, int, list[int]]:
        """What could hold, what could fail and which moves could happen if nothing once so were ever lost again.

        This is the delete relaxation: whatever it leaves out is proven to be out of reach from ``state``.
        """
        pending = []
        for i in allowed:
            move = self.moves[i]
            pending.append((i, move.pre, move.npre, move.add, move.delete))
            for b in move.branches:
                pending.append((-1, move.pre | b.pre, move.npre | b.npre, b.add, b.delete))
        pending += [(-1, rule.pre, rule.npre, rule.head, 0) for stratum in self.rules for rule in stratum]
        can_hold, can_fail, happened = state, ~state | self.derived, []
        # What cannot happen yet waits for one of the atoms it lacks (negative: for that atom to be able to fail).
        waiting: dict[int, list[tuple[int, int, int, int, int]]] = {}
        while pending:
            number, pre, npre, add, delete = each = pending.pop()
            if lacking := pre & ~can_hold:
                waiting.setdefault(lacking & -lacking, []).append(each)
            elif lacking := npre & ~can_fail:
                waiting.setdefault(-(lacking & -lacking), []).append(each)
            else:
                if number >= 0:
                    happened.append(number)
                for i in bits(add & ~can_hold):
                    pending += waiting.pop(1 << i, ())
                for i in bits(delete & ~can_fail):
                    pending += waiting.pop(-1 << i, ())
                can_hold |= add
                can_fail |= delete
        return can_hold, can_fail, sorted(happened)

    def unreachable(self, can_hold: int, can_fail: int) -> tuple[str, ...]:
        """Goals that the delete relaxation leaves out of reach, in words; empty proves nothing."""
        if self.dead_goals:
            return tuple(map(str, self.dead_goals))
        wanted, unwanted = self.goal
        missing = self.literals(wanted & ~can_hold, unwanted & ~can_fail)
        if not missing and (wanted & ~can_hold or unwanted & ~can_fail):
            return tuple(map(str, self.problem.goal))
        return tuple(map(str, missing))

    def _general_step(self, operator: Operator, arguments: tuple[str, ...], move: Move) -> PlanStep:
        binding = operator.bind(arguments)
        stated = [c.substitute(binding) for c in operator.preconditions if isinstance(c, Literal)]
        fluents = self.problem.domain.fluents
        known = tuple(s for s in stated if s.atom.predicate not in fluents and s.atom.predicate != EQUALITY)
        effects = self.literals(move.add, move.delete)
        conditional = tuple(
            When(self.literals(branch.add, branch.delete), self._conditions(branch.pre, branch.npre))
            for branch in move.branches
        )
        needs = (*known, *self._conditions(move.pre, move.npre))
        return PlanStep(operator.name, arguments, needs, effects, self.cost(move.cost), conditional)

    def _conditions(self, pre: int, npre: int) -> tuple[Condition, ...]:
        """Masks as conditions; an auxiliary atom is spelled out."""
        parts: list[Condition] = []
        for mask, positive in ((pre, True), (npre, False)):
            for i in bits(mask):
                if self.atoms[i].predicate != AUXILIARY:
                    parts.append(Literal(self.atoms[i], positive))
                    continue
                rules = [rule for stratum in self.rules for rule in stratum if rule.head == 1 << i]
                either = Or(tuple(And(self._conditions(rule.pre, rule.npre)) for rule in rules))
                parts.append(either if positive else Not(either))
        return tuple(parts)


def _repriced(step: PlanStep, cost: Number) -> PlanStep:
    return PlanStep(step.operator, step.arguments, step.preconditions, step.effects, cost, step.conditional)


def union(masks: Iterable[int]) -> int:
    whole = 0
    for mask in masks:
        whole |= mask
    return whole


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
