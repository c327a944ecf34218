"""Is this a plan? An answer that owes nothing to grounding or search: the lifted operators are carried out one by one.

The semantics is that of PDDL 2.2 (Edelkamp and Hoffmann, 2004; the validator VAL of Howey, Long and Fox, 2004): a
conditional effect happens if its conditions held before the step, all effects happen at once, an atom both added and
deleted ends true, and derived atoms are derived anew in every state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from nsctl.errors import DomainError, NsctlError
from nsctl.formulas import plain_literals
from nsctl.symbolic import (
    And,
    Atom,
    Condition,
    Exists,
    Forall,
    Literal,
    Number,
    Operator,
    Plan,
    PlanStep,
    Problem,
    SymbolicState,
    When,
)
from planners.plans.witness import Why, Witness

Named: TypeAlias = tuple[str, tuple[str, ...]]
"""An operator's name and its arguments."""


@dataclass(frozen=True)
class Firing:
    """Effects that happened at once, and the literals because of which they did (none if they always do)."""

    effects: Why
    because: Why = ()


@dataclass(frozen=True)
class Execution:
    """A step as it was carried out: what of its precondition held, and what it did.

    ``idle`` are literals each of which kept a conditional effect from happening.
    """

    step: Named
    needs: Why
    firings: tuple[Firing, ...]
    cost: Number
    idle: Why = ()

    @property
    def adds(self) -> frozenset[Atom]:
        """What the step made true, or left so by adding it again."""
        return frozenset(e.atom for f in self.firings for e in f.effects if e.positive)

    @property
    def deletes(self) -> frozenset[Atom]:
        """What the step made false."""
        return frozenset(e.atom for f in self.firings for e in f.effects if not e.positive) - self.adds

    def __str__(self) -> str:
        return spoken(self.step)


@dataclass(frozen=True)
class Verdict:
    """Whether a sequence of steps is a plan.

    ``states`` are the start and the state after each step that could be taken, derived atoms included; ``cost`` is what
    these steps cost. If not ``valid``, ``failed`` is the number, from 0, of the step that could not be taken (the
    number of steps, if it was the goal that did not hold) and ``why`` says in words what failed, counting steps from 1.
    """

    valid: bool
    cost: Number
    states: tuple[SymbolicState, ...]
    executions: tuple[Execution, ...]
    failed: int | None = None
    why: str = ""

    def __bool__(self) -> bool:
        return self.valid


class Refused(NsctlError):
    """A step that cannot be taken; for the validator's own use."""


class Validator:
    """Carries out steps from a state. Static facts are the problem's; ``init`` may give or leave out those it has."""

    def __init__(self, problem: Problem, init: SymbolicState | None = None) -> None:
        self.problem = problem
        start = problem.init if init is None else init
        problem.check_state(start)
        fluents = problem.domain.fluents
        static = {atom for atom in problem.init.atoms if atom.predicate not in fluents}
        if strange := {atom for atom in start.atoms if atom.predicate not in fluents} - static:
            raise DomainError(f"initial state: {min(strange)} is static, and the problem denies it")
        self.witness = Witness(problem, start.atoms | static)

    def take(self, step: Named | PlanStep) -> Execution:
        """Carry out one step and go on from the state after it; raises :class:`Refused`, the state unchanged."""
        name, arguments = (step.operator, step.arguments) if isinstance(step, PlanStep) else step
        operator, binding = self._instance(name, arguments)
        planned = step.preconditions if isinstance(step, PlanStep) else ()
        view = self.witness.preferring(need for need in planned if isinstance(need, Literal))
        needs = view.why(And(operator.preconditions), binding)
        if needs is None:
            raise Refused("; ".join(failures(view, operator.preconditions, binding)))
        firings, idle = self._effects(operator, binding)
        done = Execution((name, arguments), needs, firings, self._cost(operator, binding), idle)
        self.witness = Witness(self.problem, (view.state.atoms - done.deletes) | done.adds)
        return done

    def _instance(self, name: str, arguments: tuple[str, ...]) -> tuple[Operator, Mapping[str, str]]:
        """The operator and its binding; refuses what does not fit together."""
        try:
            operator = self.problem.domain.operator(name)
            binding = operator.bind(arguments)
            for parameter in operator.parameters:
                thing = self.problem.object(binding[parameter.name])
                if not thing.type.is_a(parameter.type):
                    raise Refused(f"{parameter.name} must be a {parameter.type}, but {thing.name} is a {thing.type}")
            scope = {thing.name: thing for thing in self.problem.things}
            for literal in plain_literals((*operator.preconditions, *operator.effects)):
                if literal.atom.predicate != "=":
                    self.problem.domain.check(literal.atom.substitute(binding), scope, "atom")
        except (DomainError, LookupError) as misfit:
            raise Refused(str(misfit)) from None
        return operator, binding

    def _cost(self, operator: Operator, binding: Mapping[str, str]) -> Number:
        if self.problem.unit_cost:
            return 1
        terms = [term.substitute(binding) for term in operator.cost_terms]
        for term in terms:
            if term not in self.problem.values:
                raise Refused(f"its cost {term} has no value in the problem")
        return operator.cost + sum(self.problem.values[term] for term in terms)

    def _effects(self, operator: Operator, binding: Mapping[str, str]) -> tuple[tuple[Firing, ...], Why]:
        firings: list[Firing] = []
        idle: dict[Literal, None] = {}
        for effect in operator.effects:
            when = When((effect,)) if isinstance(effect, Literal) else effect
            for each in self.witness.bindings(when.variables, binding):
                because = self.witness.why(And(when.conditions), each)
                if because is None:
                    idle |= dict.fromkeys(self.witness.why(And(when.conditions), each, positive=False) or ())
                else:
                    firings.append(Firing(tuple(e.substitute(each) for e in when.effects), because))
        return tuple(firings), tuple(idle)


def validate(problem: Problem, steps: Iterable[Named | PlanStep] | Plan, init: SymbolicState | None = None) -> Verdict:
    """Whether ``steps`` lead from ``init`` (the problem's own, if not given) to the problem's goal.

    Of a step only its operator's name and its arguments are believed; raises :class:`DomainError` only for an ``init``
    that does not fit the problem.
    """
    validator = Validator(problem, init)
    states, done = [validator.witness.state], []
    number = -1
    for number, step in enumerate(steps):
        try:
            done.append(validator.take(step))
        except Refused as refusal:
            name = spoken((step.operator, step.arguments) if isinstance(step, PlanStep) else step)
            why = f"step {number + 1}, {name}: {refusal}"
            return Verdict(False, _total(done), tuple(states), tuple(done), number, why)
        states.append(validator.witness.state)
    missing = list(failures(validator.witness, problem.goal, {}))
    if missing:
        why = f"at the end, the goal does not hold: {'; '.join(missing)}"
        return Verdict(False, _total(done), tuple(states), tuple(done), number + 1, why)
    return Verdict(True, _total(done), tuple(states), tuple(done))


def failures(witness: Witness, conditions: Iterable[Condition], binding: Mapping[str, str]) -> Iterator[str]:
    """In words, each of the conditions that does not hold, and because of which atoms."""
    for condition in conditions:
        if isinstance(condition, And):
            yield from failures(witness, condition.parts, binding)
            continue
        because = witness.why(condition, binding, positive=False)
        if because is None:
            continue
        if isinstance(condition, Literal):
            yield f"needs {condition.substitute(binding)}"
        else:
            found = " and ".join(f"{b.atom} {'holds' if b.positive else 'does not hold'}" for b in because)
            yield f"needs {_bound(condition, binding)}, but {found or 'no object fits'}"


def spoken(step: Named) -> str:
    """A step as plan files write it."""
    return f"({' '.join((step[0], *step[1]))})"


def _bound(condition: Condition, binding: Mapping[str, str]) -> str:
    """The condition's text with arguments for parameters, except where a quantifier reuses a name."""
    if isinstance(condition, Forall | Exists):
        binding = {name: v for name, v in binding.items() if name not in {v.name for v in condition.variables}}
    return re.sub(r"\?[^\s,():]+", lambda found: binding.get(found[0], found[0]), str(condition))


def _total(done: Iterable[Execution]) -> Number:
    return sum(each.cost for each in done)
