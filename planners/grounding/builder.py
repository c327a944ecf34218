"""From a problem to its ground task: clingo finds the steps, the rest is bookkeeping over bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf, lcm
from operator import itemgetter
from time import monotonic

from nsctl.errors import DomainError, UnsupportedFeature
from nsctl.symbolic import Atom, Condition, Literal, Number, Operator, Problem, When
from planners.grounding import program
from planners.grounding.normal_form import Alternative, NormalForms
from planners.grounding.task import Branch, GroundTask, Move, Parts, Rule, bits

LARGEST = 1 << 500
"""Costs in units stay below this, so that searches can tell them from the infinite."""


def ground(problem: Problem, deadline: float = inf, reachable: bool | None = None) -> GroundTask:
    """The ground task of ``problem``; raises ``program.OutOfTime`` past ``deadline`` (monotonic clock).

    ``reachable`` limits it to the steps that can be reached from the problem's initial state; by default that is done
    only where all steps would be too many.
    """
    if reachable is None:
        reachable = program.candidates(problem) > program.GENERAL
    found = program.find(problem, reachable, deadline)
    return _Builder(problem, deadline).task(found, complete=not reachable)


@dataclass
class _Builder:
    """Numbers the atoms as they are met, and turns ground steps into masks."""

    problem: Problem
    deadline: float = inf
    index: dict[tuple[str, ...], int] = field(default_factory=dict)
    names: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    moves: list[tuple[Move, Number]] = field(default_factory=list)
    parts: list[Parts] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.forms = NormalForms(self.problem)
        self.fluents = self.problem.domain.fluents

    def task(self, found: program.Found, complete: bool) -> GroundTask:
        self._add_steps(found.steps)
        rules = list(self._axioms(found.axioms))
        goals = [self.forms.alternatives([condition], {}) for condition in self.problem.goal]
        dead = tuple(c for c, form in zip(self.problem.goal, goals, strict=True) if not form)
        goal = self.forms.one(self.problem.goal, {})
        if goal is None and not dead:
            dead = self.problem.goal  # each part can hold, but not all at once
        masks = self._masks(goal or {})
        rules += [self._rule(atom, alternative) for atom, alternative in self.forms.axioms]
        atoms = tuple(Atom(key[0], key[1:]) for key in self.index)
        scale = lcm(*(Fraction(cost).denominator for _, cost in self.moves)) if self.moves else 1
        moves = tuple(_priced(move, int(cost * scale)) for move, cost in self.moves)
        if any(move.cost >= LARGEST for move in moves):
            raise UnsupportedFeature("costs of so many digits", "costs with more than 150 digits are not supported")
        return GroundTask(
            self.problem,
            atoms,
            tuple(self.names),
            moves,
            tuple(self.parts),
            _strata(rules),
            masks,
            dead,
            scale,
            complete,
        )

    def _add_steps(self, steps: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        writers = {operator.name: _Writer(self, operator) for operator in self.problem.domain.operators}
        for name, arguments in steps:
            if not len(self.moves) % 512 and monotonic() > self.deadline:
                raise program.OutOfTime
            for move, cost, parts in writers[name].moves(arguments):
                self.names.append((name, arguments))
                self.moves.append((move, cost))
                self.parts.append(parts)

    def _axioms(self, found: Iterable[tuple[int, tuple[str, ...]]]) -> Iterator[Rule]:
        for number, arguments in found:
            axiom = self.problem.domain.axioms[number]
            binding = {p.name: a for p, a in zip(axiom.parameters, arguments, strict=True)}
            for alternative in self.forms.alternatives(axiom.body, binding):
                yield self._rule(axiom.head.substitute(binding), alternative)

    def _rule(self, head: Atom, alternative: Alternative) -> Rule:
        return Rule(1 << self.bit(head), *self._masks(alternative))

    def _masks(self, alternative: Alternative) -> tuple[int, int]:
        pre = npre = 0
        for atom, positive in alternative.items():
            if positive:
                pre |= 1 << self.bit(atom)
            else:
                npre |= 1 << self.bit(atom)
        return pre, npre

    def bit(self, atom: Atom) -> int:
        """The number of an atom, a new one if it was not met before."""
        return self.number((atom.predicate, *atom.arguments))

    def number(self, key: tuple[str, ...]) -> int:
        """The same for predicate and arguments in one tuple."""
        return self.index.setdefault(key, len(self.index))


class _Writer:
    """Writes the moves of one operator. Plain operators take a short way: patterns instead of formulas."""

    def __init__(self, builder: _Builder, operator: Operator) -> None:
        self.builder, self.operator = builder, operator
        self.unit = builder.problem.unit_cost
        if operator.plain:
            fluents = builder.fluents
            places = {p.name: i for i, p in enumerate(operator.parameters)}
            literals = [c for c in operator.preconditions if isinstance(c, Literal) and c.atom.predicate in fluents]
            effects = [e for e in operator.effects if isinstance(e, Literal)]
            self.patterns = [
                _Patterns([part.atom for part in parts if part.positive == sign], places)
                for parts in (literals, effects)
                for sign in (True, False)
            ]

    def moves(self, arguments: tuple[str, ...]) -> Iterator[tuple[Move, Number, Parts]]:
        """One move for each alternative of the precondition; none if it never does anything."""
        if self.operator.plain:
            numbers = [pattern.numbers(arguments, self.builder.number) for pattern in self.patterns]
            pre, npre, add, delete = map(_mask, numbers)
            if not pre & npre and (add or delete):
                cost = 1 if self.unit else self.operator.cost
                yield Move(pre, npre, add, delete & ~add), cost, (numbers[0], numbers[2])
            return
        binding = self.operator.bind(arguments)
        price = self._cost(binding)
        if price is None:
            return
        for alternative in self.builder.forms.alternatives(self.operator.preconditions, binding):
            pre, npre = self.builder._masks(alternative)
            add, delete, branches = self._effects(binding)
            if add or delete or branches:
                yield Move(pre, npre, add, delete & ~add, 1, branches), price, (tuple(bits(pre)), tuple(bits(add)))

    def _cost(self, binding: Mapping[str, str]) -> Number | None:
        """What the step costs; ``None`` if a cost function has no value there: then the step cannot be taken."""
        if self.unit:
            return 1
        values = self.builder.problem.values
        terms = [values.get(term.substitute(binding)) for term in self.operator.cost_terms]
        if any(term is None for term in terms):
            return None
        return self.operator.cost + sum(term for term in terms if term is not None)

    def _effects(self, binding: Mapping[str, str]) -> tuple[int, int, tuple[Branch, ...]]:
        add = delete = 0
        branches: dict[tuple[int, int], tuple[int, int]] = {}
        for effect in self.operator.effects:
            when = When((effect,)) if isinstance(effect, Literal) else effect
            for each in self.builder.forms.bindings(when.variables, binding):
                adds, deletes = self._changes(when.effects, each)
                for alternative in self._alternatives(when.conditions, each):
                    key = self.builder._masks(alternative)
                    if key == (0, 0):
                        add, delete = add | adds, delete | deletes
                    else:
                        old = branches.get(key, (0, 0))
                        branches[key] = (old[0] | adds, old[1] | deletes)
        kept = (Branch(*key, a & ~add, d & ~a & ~add & ~delete) for key, (a, d) in branches.items())
        return add, delete, tuple(branch for branch in kept if branch.add or branch.delete)

    def _alternatives(self, conditions: tuple[Condition, ...], binding: Mapping[str, str]) -> list[Alternative]:
        return self.builder.forms.alternatives(conditions, binding)

    def _changes(self, effects: Iterable[Literal], binding: Mapping[str, str]) -> tuple[int, int]:
        add = delete = 0
        for literal in effects:
            bit = 1 << self.builder.bit(literal.atom.substitute(binding))
            add, delete = (add | bit, delete) if literal.positive else (add, delete | bit)
        return add, delete


class _Patterns:
    """Atoms of one kind in a plain operator: where each argument comes from."""

    def __init__(self, atoms: Iterable[Atom], places: Mapping[str, int]) -> None:
        self._constants: list[str] = []
        self._getters = [self._getter(atom, places) for atom in atoms]

    def _getter(self, atom: Atom, places: Mapping[str, int]) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
        """Picks predicate and arguments from the step's arguments, followed by the constants."""
        where = []
        for word in (atom.predicate, *atom.arguments):
            if word in places:
                where.append(places[word])
            else:
                where.append(len(places) + len(self._constants))
                self._constants.append(word)
        if len(where) == 1:
            only = where[0]
            return lambda words: (words[only],)
        getter: Callable[[tuple[str, ...]], tuple[str, ...]] = itemgetter(*where)
        return getter

    def numbers(self, arguments: tuple[str, ...], number: Callable[[tuple[str, ...]], int]) -> tuple[int, ...]:
        """The numbers of the atoms, for these arguments."""
        words = (*arguments, *self._constants)
        return tuple([number(getter(words)) for getter in self._getters])


def _mask(numbers: Iterable[int]) -> int:
    whole = 0
    for number in numbers:
        whole |= 1 << number
    return whole


def _priced(move: Move, cost: int) -> Move:
    return move if move.cost == cost else Move(move.pre, move.npre, move.add, move.delete, cost, move.branches)


def _strata(rules: list[Rule]) -> tuple[tuple[Rule, ...], ...]:
    """The rules in layers: what a rule denies is complete before its layer begins."""
    level = {rule.head.bit_length() - 1: 0 for rule in rules}
    derived = _mask(level)
    uses = [
        (rule.head.bit_length() - 1, used, bool(rule.npre >> used & 1))
        for rule in rules
        for used in bits((rule.pre | rule.npre) & derived)
    ]
    for _ in range(len(level) + 1):
        before = dict(level)
        for head, used, denied in uses:
            level[head] = max(level[head], level[used] + denied)
        if level == before:
            layers = sorted(set(level.values()))
            return tuple(tuple(r for r in rules if level[r.head.bit_length() - 1] == n) for n in layers)
    raise DomainError("a derived predicate depends on its own negation")
