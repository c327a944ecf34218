"""The words of an explanation why a problem has no plan, and the question that is explained."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import monotonic
from typing import Literal as OneOf
from typing import TypeAlias, TypeVar

from nsctl.symbolic import And, Condition, Literal
from planners.grounding.invariants import Invariant, invariants
from planners.grounding.normal_form import AUXILIARY, Alternative, NormalForms
from planners.grounding.task import GroundTask, bits
from planners.plans.validation import Named, spoken

Kind: TypeAlias = OneOf["static goal", "unreachable goal", "exclusion", "exhausted", "bounded core", "excuse"]


@dataclass(frozen=True)
class Blame:
    """What a rung lays the failure on: goals that cannot hold (together), avoided steps that would have been needed,
    ``missing`` literals that no step brings about, and ``facts``: what would have to be so at the start."""

    goals: tuple[Condition, ...] = ()
    avoided: tuple[Named, ...] = ()
    missing: tuple[Literal, ...] = ()
    facts: tuple[Literal, ...] = ()


@dataclass(frozen=True)
class Rung:
    """One reason. ``strength`` is ``"proof"``, or ``"bounded to N steps"`` where longer plans were not ruled out.

    Of an excuse it says whether a smaller change was ruled out; that the change helps is certain: ``plan`` are the
    moves from ``start``, the changed state.
    """

    kind: Kind
    strength: str
    blame: Blame
    sentence: str
    start: int | None = None
    plan: tuple[int, ...] = ()

    @property
    def proof(self) -> bool:
        """Whether this alone shows that there is no plan, of any length."""
        return self.strength == "proof" and self.kind != "excuse"

    def __str__(self) -> str:
        return f"{self.sentence} ({self.strength})"


@dataclass(frozen=True)
class Explanation:
    """The reasons found, the first proof first. ``plan`` are moves that do reach the goal, if looking found some.

    States and numbers of moves are those of ``task``, which may have more moves than the task that was asked about.
    """

    task: GroundTask
    rungs: tuple[Rung, ...]
    plan: tuple[int, ...] | None = None

    @property
    def proven(self) -> bool:
        """Whether some rung is a proof."""
        return any(rung.proof for rung in self.rungs)

    def __str__(self) -> str:
        return "\n".join(map(str, self.rungs)) or (
            "there is a plan" if self.plan is not None else "no reason was found"
        )


@dataclass(frozen=True)
class Wish:
    """One condition of the goal, as the user said it, and the ways in which it can hold (what must, what must not)."""

    ways: tuple[tuple[int, int], ...]
    said: Condition

    def holds(self, state: int) -> bool:
        return any(state & pre == pre and not state & npre for pre, npre in self.ways)

    def possible(self, can_hold: int, can_fail: int) -> bool:
        """Whether some way is within what can hold and what can fail."""
        return any(can_hold & pre == pre and can_fail & npre == npre for pre, npre in self.ways)


@dataclass(frozen=True)
class Question:
    """Why is there no plan from ``start`` without the moves ``avoided``? ``effort`` and ``deadline`` bound each rung."""

    task: GroundTask
    start: int
    avoided: frozenset[int]
    effort: int
    deadline: float

    @cached_property
    def allowed(self) -> list[int]:
        return self.permitted(self.avoided)

    @cached_property
    def wishes(self) -> tuple[Wish, ...]:
        """The goal, literal by literal; with disjunctions condition by condition; all as one where those are too many."""
        problem, (wanted, unwanted) = self.task.problem, self.task.goal
        if not any(self.task.atoms[i].predicate == AUXILIARY for i in bits(wanted | unwanted)):
            literals = self.task.literals(wanted, unwanted)
            order = {condition: place for place, condition in enumerate(problem.goal)}
            literals = tuple(sorted(literals, key=lambda literal: order.get(literal, len(order))))
            return tuple(Wish((self._masks(literal),), literal) for literal in literals)
        forms = NormalForms(problem)
        alternatives = [forms.alternatives([condition], {}) for condition in problem.goal]
        if forms.axioms:
            return (Wish((self.task.goal,), And(problem.goal)),)
        wishes = zip(alternatives, problem.goal, strict=True)
        return tuple(Wish(tuple(self._ways(found)), condition) for found, condition in wishes if found != [{}])

    @cached_property
    def groups(self) -> tuple[Invariant, ...]:
        """The groups that the start respects: at most one of each is ever true."""
        return tuple(group for group in invariants(self.task, self.deadline) if group.weight(self.start) <= 1)

    @cached_property
    def forbidden(self) -> tuple[Named, ...]:
        """The avoided steps by name."""
        return tuple(sorted({self.task.names[number] for number in self.avoided}))

    @property
    def late(self) -> bool:
        return monotonic() >= self.deadline

    def permitted(self, avoided: Collection[int]) -> list[int]:
        """All other moves."""
        return [number for number in range(len(self.task.moves)) if number not in avoided]

    def culprits(self, fails: Callable[[list[int]], bool], most: int) -> tuple[Named, ...]:
        """Avoided steps of which none can be given back so that ``fails`` (asked of allowed moves) still says so.

        At most about ``most`` questions are asked, none after the deadline; past that, what is left is not minimal.
        """

        def still(steps: Collection[Named]) -> bool:
            return not self.late and fails(self.without(steps))

        return tuple(minimal(self.forbidden, still, most))

    def without(self, steps: Iterable[Named]) -> list[int]:
        """The moves allowed if just these steps are avoided."""
        barred = set(steps)
        return self.permitted({n for n in self.avoided if self.task.names[n] in barred})

    def _masks(self, literal: Literal) -> tuple[int, int]:
        mask = self.task.mask([literal.atom])
        return (mask, 0) if literal.positive else (0, mask)

    def _ways(self, alternatives: Iterable[Alternative]) -> Iterator[tuple[int, int]]:
        """Masks; an atom that the task lost on the way is touched by no step, and stays as the problem has it."""
        for alternative in alternatives:
            lost = {atom: sign for atom, sign in alternative.items() if atom not in self.task.index}
            if all((atom in self.task.problem.init) == sign for atom, sign in lost.items()):
                pre = self.task.mask(atom for atom, sign in alternative.items() if sign)
                yield pre, self.task.mask(atom for atom, sign in alternative.items() if not sign)


T = TypeVar("T")


def minimal(items: Sequence[T], fails: Callable[[Sequence[T]], bool], most: int) -> list[T]:
    """Some of ``items``, which fail together, so that they still do and none can be left out (deletion in halves).

    ``fails`` must hold of a set if it holds of a part of it. It is asked about ``most`` times at most.
    """
    kept, size = list(items), len(items)
    while size and most > 0:
        at = 0
        while at < len(kept) and most > 0:
            fewer = kept[:at] + kept[at + size :]
            most -= 1
            if fails(fewer):
                kept = fewer
            else:
                at += size
        size = 0 if size == 1 else (size + 1) // 2
    return kept


def granted(question: Question) -> tuple[int, int]:
    """Atoms that may not be made true at the start, and false, lest goals be granted rather than reached."""
    denied = held = 0
    for wish in question.wishes:
        for pre, npre in () if wish.holds(question.start) else wish.ways:
            denied |= pre & ~question.start
            held |= npre & question.start
    return denied, held


def listed(things: Iterable[object], joint: str = "and", most: int = 6) -> str:
    """``a, b and c``; of many the first few."""
    words = [spoken(thing) if isinstance(thing, tuple) else str(thing) for thing in things]
    if len(words) > most:
        words = [*words[: most - 1], f"{len(words) - most + 1} more"]
    return f" {joint} ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else "nothing"


def without(steps: Sequence[Named]) -> str:
    """``, without (pick a)``; nothing if no step is to blame."""
    return f" without {listed(steps, 'or')}" if steps else ""
