"""The warm solver behind a session: is there a plan of exactly n steps from this state?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from time import monotonic

import clingo

from planners import asp
from planners.ground import GroundTask, bits
from planners.invariants import Invariant

# Steps unrolled in one call: one call for many is about twice as fast as one call for each, and a deadline can pass
# between two calls only.
CHUNK = 8

# Seconds; clingo takes an infinite wait for none.
LONGEST_WAIT = 1e6

OPTIONS = ("--warn=none", "--seed=1", "--parallel-mode=1")


class Horizons:
    """Unrolls the transition system once, further when needed, and answers questions by assumptions alone."""

    def __init__(self, task: GroundTask, invariants: Sequence[Invariant]) -> None:
        self._task, self._invariants = task, tuple(invariants)
        self._control = clingo.Control(list(OPTIONS))
        self._control.add("base", [], asp.facts(task, invariants))
        self._control.add("base", [], (files("planners") / "encodings" / "sequential.lp").read_text("utf-8"))
        self._control.ground([("base", [])])
        self.unrolled = 0
        """For how many steps the transition system is ground."""
        self._valid = [self._literal("valid", number) for number in range(len(self._invariants))]

    def ask(self, states: Mapping[int, int], avoided: Sequence[int], steps: int, deadline: float) -> list[int] | None:
        """The numbers of ``steps`` (one or more) steps that lead to the goal through ``states``: where to be after 0
        steps, and, if known, after others.

        Empty if there are none; ``None`` if the deadline (of the monotonic clock) came first. The caller knows that no
        shorter plan exists: what was learned holds for every question, but only plans of this very length are sought.
        """
        while self.unrolled < steps:
            if monotonic() >= deadline:
                return None
            self._unroll(min(max(steps, self.unrolled + CHUNK), self.unrolled + 2 * CHUNK))
        assumptions = [*self._at(states), *self._groups(states[0]), *self._end(steps)]
        assumptions += [-self._literal("occurs", action, t) for t in range(1, steps + 1) for action in avoided]
        return self._solve(assumptions, steps, deadline)

    def _at(self, states: Mapping[int, int]) -> Iterable[int]:
        for t, state in states.items():
            for number in range(len(self._task.atoms)):
                literal = self._literal("holds", number, t)
                yield literal if state >> number & 1 else -literal

    def _groups(self, state: int) -> Iterable[int]:
        for invariant, literal in zip(self._invariants, self._valid, strict=True):
            weight = invariant.weight(state)
            yield literal if weight == 1 or (weight == 0 and not invariant.exact) else -literal

    def _end(self, steps: int) -> Iterable[int]:
        wanted, unwanted = self._task.goal
        yield from (self._literal("holds", number, steps) for number in bits(wanted))
        yield from (-self._literal("holds", number, steps) for number in bits(unwanted))
        yield self._literal("active", steps)
        if steps < self.unrolled:
            yield -self._literal("active", steps + 1)

    def _solve(self, assumptions: list[int], steps: int, deadline: float) -> list[int] | None:
        plan: dict[int, int] = {}

        def read(model: clingo.Model) -> bool:
            pairs = ((symbol.arguments[1].number, symbol.arguments[0].number) for symbol in model.symbols(shown=True))
            plan.update(pair for pair in pairs if pair[0] <= steps)
            return False

        with self._control.solve(assumptions=assumptions, on_model=read, async_=True) as handle:
            if not handle.wait(min(max(0.0, deadline - monotonic()), LONGEST_WAIT)):
                handle.cancel()
                return None
            result = handle.get()
        return [plan[t] for t in sorted(plan)] if result.satisfiable else []

    def _unroll(self, until: int) -> None:
        new = range(self.unrolled + 1, until + 1)
        self._control.ground([("step", [clingo.Number(t)]) for t in new])
        self.unrolled = until

    def _literal(self, name: str, *numbers: int) -> int:
        atom = self._control.symbolic_atoms[clingo.Function(name, [clingo.Number(n) for n in numbers])]
        assert atom is not None, f"the encoding lost {name}{numbers}"
        return atom.literal
