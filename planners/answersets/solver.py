"""What the engines share: a clingo program over numbers that grows step by step and is asked under assumptions.

Nothing that a question assumes is ever added to the program, so whatever the solver learns serves later questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from time import monotonic

import clingo

from nsctl.errors import DomainError
from planners.answersets.facts import facts
from planners.answersets.rules import WARN, Complaints
from planners.grounding.invariants import Invariant
from planners.grounding.task import GroundTask, bits

# Steps unrolled in one call: one call for many is about twice as fast as one call for each, but a deadline can pass
# between two calls only. So large tasks, by the number of atoms that steps need and change, get fewer at once.
CHUNK = 8
CHUNK_SIZE = 40_000

# Seconds; clingo takes an infinite wait for none.
LONGEST_WAIT = 1e6

OPTIONS = ("--seed=1", "--parallel-mode=1")

# More than any solver can have; it stands for no limit on the number of conflicts.
NO_LIMIT = "umax"
MOST_CONFLICTS = 2**31 - 1


@dataclass(frozen=True)
class Found:
    """A plan, as the numbers of its moves; ``conflicts`` is what this answer took, in conflicts of the solver."""

    plan: tuple[int, ...]
    conflicts: int


@dataclass(frozen=True)
class NoPlan:
    """Proven: no plan of the kind asked for."""

    conflicts: int


@dataclass(frozen=True)
class Undecided:
    """The conflicts granted or the time were used up; what was learned is kept, so asking again goes on from there."""

    conflicts: int
    late: bool
    """Whether it was the deadline."""


@dataclass(frozen=True)
class Answer:
    """What one call of the solver told: the numbers in the shown atoms of an answer set, ``None`` without one."""

    shown: list[tuple[int, ...]] | None
    proven: bool
    """Whether there is certainly no answer set, or none better."""
    late: bool
    conflicts: int


@dataclass(frozen=True)
class _Ban:
    """Steps that must not happen in some states, as long as ``switch`` is assumed."""

    switch: int
    moves: tuple[int, ...]
    pre: int
    npre: int


class Solver:
    """One encoding over one task."""

    def __init__(
        self,
        encodings: Sequence[str],
        task: GroundTask,
        invariants: Sequence[Invariant],
        more: str = "",
        moves: Sequence[int] | None = None,
        options: Sequence[str] = (),
        rules: str = "",
    ) -> None:
        """``encodings`` are files that stand on transitions.lp, ``more`` further facts for them; ``moves`` may happen.

        ``rules`` are the user's; raises :class:`nsctl.errors.DomainError` for what clingo does not understand of them.
        """
        self.task, self.invariants = task, tuple(invariants)
        self.unrolled = 0
        """For how many steps or layers the encoding is ground."""
        self.conflicts = 0
        """Conflicts of all questions so far: a measure of effort that is the same on every machine."""
        self._complaints = Complaints()
        warnings = WARN if rules else "--warn=none"
        self.control = clingo.Control([*OPTIONS, warnings, *options], logger=self._complaints.hear)
        self.control.add("base", [], facts(task, invariants, moves) + more)
        for name in ("transitions.lp", *encodings):
            self.control.add("base", [], (files("planners.answersets") / "encodings" / name).read_text("utf-8"))
        if rules:
            self._add(rules)
        self._ground([("base", [])])
        self._bans: list[_Ban] = []
        self._avoided: dict[int, int] = {}
        self._literals: dict[tuple[str, tuple[int, ...]], int] = {}
        self._chunk = max(1, min(CHUNK, CHUNK_SIZE // (task.size + 1)))

    def unroll(self, steps: int, deadline: float, exactly: bool = False) -> bool:
        """Ground the program for ``steps`` steps, or more unless ``exactly``; false if the deadline came first."""
        while self.unrolled < steps:
            if monotonic() >= deadline:
                return False
            last = self.unrolled + self._chunk
            new = range(self.unrolled + 1, (min(steps, last) if exactly else last) + 1)
            self._ground([("step", [clingo.Number(t)]) for t in new])
            self.unrolled = new[-1]
            for ban in self._bans:
                self._spread(ban, new)
        return True

    def ban(self, moves: Iterable[int], pre: int = 0, npre: int = 0) -> int:
        """A literal: where it is assumed, no step of ``moves`` happens while all of ``pre`` and nothing of ``npre`` holds.

        It must be assumed, or its negation, in every later question (see :meth:`banned`).
        """
        ban = _Ban(self.switch(), tuple(moves), pre, npre)
        self._bans.append(ban)
        self._spread(ban, range(1, self.unrolled + 1))
        return ban.switch

    def banned(self, active: Iterable[int], avoided: Iterable[int]) -> list[int]:
        """The assumptions that these bans hold, that no move of ``avoided`` happens, and that no other ban holds."""
        switches = set(active)
        for move in avoided:
            if move not in self._avoided:
                self._avoided[move] = self.ban([move])
            switches.add(self._avoided[move])
        return [ban.switch if ban.switch in switches else -ban.switch for ban in self._bans]

    def literal(self, name: str, *numbers: int) -> int:
        """The solver's literal for an atom of the program; that of falsity for one that the grounder proved false."""
        key = (name, numbers)
        if key not in self._literals:
            atom = self.control.symbolic_atoms[clingo.Function(name, [clingo.Number(n) for n in numbers])]
            self._literals[key] = atom.literal if atom is not None else -self._true
        return self._literals[key]

    def _spread(self, ban: _Ban, steps: Iterable[int]) -> None:
        for t in steps:
            context = [self.literal("holds", bit, t - 1) for bit in bits(ban.pre)]
            context += [-self.literal("holds", bit, t - 1) for bit in bits(ban.npre)]
            self.refuse([ban.switch, self.literal("occurs", move, t), *context] for move in ban.moves)

    def switch(self) -> int:
        """A new literal that is true or false as assumed."""
        with self.control.backend() as backend:
            literal = int(backend.add_atom())
            backend.add_rule([literal], choice=True)
        return literal

    def refuse(self, bodies: Iterable[Sequence[int]]) -> None:
        """From now on, the literals of each body are never all true."""
        known = list(bodies)
        with self.control.backend() as backend:
            for body in known:
                backend.add_rule([], body)

    def at_least(self, count: int, literals: Sequence[int]) -> int:
        """A new literal that is true where at least ``count`` of ``literals`` are."""
        with self.control.backend() as backend:
            literal = int(backend.add_atom())
            backend.add_weight_rule([literal], count, [(each, 1) for each in literals])
        return literal

    def any_of(self, literals: Sequence[int]) -> int:
        """A new literal that is true where at least one of ``literals`` is."""
        with self.control.backend() as backend:
            literal = int(backend.add_atom())
            for each in literals:
                backend.add_rule([literal], [each])
        return literal

    def _add(self, rules: str) -> None:
        try:
            self.control.add("base", [], rules)
        except RuntimeError as refusal:
            self._complaints.raise_any()
            raise DomainError(f"in the rules: {refusal}") from None

    def _ground(self, parts: Sequence[tuple[str, Sequence[clingo.Symbol]]]) -> None:
        try:
            self.control.ground(parts)
        except RuntimeError:
            self._complaints.raise_any()
            raise
        self._complaints.raise_any()

    def start(self, state: int) -> list[int]:
        """The assumptions that the plan starts in ``state``: its fluents, and the groups that it respects."""
        literals = []
        for number in range(len(self.task.atoms)):
            if not self.task.derived >> number & 1:
                literal = self.literal("holds", number, 0)
                literals.append(literal if state >> number & 1 else -literal)
        for number, invariant in enumerate(self.invariants):
            literal, weight = self.literal("valid", number), invariant.weight(state)
            literals.append(literal if weight == 1 or (weight == 0 and not invariant.exact) else -literal)
        return literals

    def goal(self, steps: int) -> list[int]:
        """The assumptions that the goal holds after ``steps`` steps."""
        wanted, unwanted = self.task.goal
        return [
            *(self.literal("holds", number, steps) for number in bits(wanted)),
            *(-self.literal("holds", number, steps) for number in bits(unwanted)),
        ]

    def solve(
        self,
        assumptions: Iterable[int],
        deadline: float,
        conflicts: int | None = None,
        each: Callable[[list[tuple[int, ...]]], None] | None = None,
    ) -> Answer:
        """Look for one answer set under ``assumptions``, for so many conflicts and until ``deadline``.

        A program that minimises goes on to the best answer set; ``each`` is told of all on the way.
        """
        configuration = self.control.configuration.solve
        assert isinstance(configuration, clingo.Configuration)
        configuration.solve_limit = NO_LIMIT if conflicts is None else str(min(max(0, conflicts), MOST_CONFLICTS))
        shown: list[tuple[int, ...]] = []

        def read(model: clingo.Model) -> bool:
            shown[:] = [
                tuple(term.number for term in symbol.arguments)
                for symbol in model.symbols(shown=True)
                if all(term.type is clingo.SymbolType.Number for term in symbol.arguments)
            ]
            if each is not None:
                each(shown)
            return each is not None

        with self.control.solve(assumptions=list(assumptions), on_model=read, async_=True) as handle:
            late = not handle.wait(min(max(0.0, deadline - monotonic()), LONGEST_WAIT))
            if late:
                handle.cancel()
            result = handle.get()
        spent = int(self.control.statistics["solving"]["solvers"]["conflicts"])
        self.conflicts += spent
        proven = bool(result.unsatisfiable) or (each is not None and result.exhausted)
        return Answer(shown if result.satisfiable else None, proven, late, spent)

    @property
    def _true(self) -> int:
        key = ("", ())
        if key not in self._literals:
            with self.control.backend() as backend:
                self._literals[key] = backend.add_atom()
                backend.add_rule([self._literals[key]])
        return self._literals[key]
