"""Random small problems that use everything that is read: subtypes, ``either``, quantifiers, conditions, axioms, costs."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from random import Random

from hypothesis import strategies as st

from nsctl.symbolic import (
    EQUALITY,
    OBJECT,
    And,
    Atom,
    Axiom,
    Condition,
    Domain,
    Effect,
    Exists,
    Forall,
    Literal,
    Not,
    Object,
    Operator,
    Or,
    Predicate,
    Problem,
    SymbolicState,
    Type,
    When,
)

A, B = Type("a", OBJECT), Type("b", OBJECT)
A1 = Type("a1", A)
UNION = Type("either(a1, b)", OBJECT, (A1, B))
PLAIN = (OBJECT, A, A1, B)
KINDS = (*PLAIN, UNION)

CHANGING = (Predicate("p", (OBJECT,)), Predicate("q", (A, OBJECT)), Predicate("r"), Predicate("s", (UNION,)))
STATIC = (Predicate("e", (OBJECT, OBJECT)), Predicate("t", (A,)))
DERIVED = (Predicate("d0", (OBJECT,)), Predicate("d1", (A, OBJECT)), Predicate("d2"))
LEVEL = {predicate.name: level for level, predicate in enumerate(DERIVED)}
EQUALS = Predicate(EQUALITY, (OBJECT, OBJECT))
COST = Predicate("f", (OBJECT,))

Scope = Sequence[Object]


def atom(draw: Random, predicates: Sequence[Predicate], scope: Scope) -> Atom:
    """An atom whose arguments all fit; ``predicates`` has one without arguments."""
    fitting = {p: [[o.name for o in scope if o.type.is_a(t)] for t in p.types] for p in predicates}
    predicate = draw.choice([p for p, places in fitting.items() if all(places)])
    return Atom(predicate.name, tuple(map(draw.choice, fitting[predicate])))


def condition(draw: Random, scope: Scope, level: int | None = None, depth: int = 2, positive: bool = True) -> Condition:
    """A condition over ``scope``; below an axiom of a ``level``, only what keeps the axioms stratified."""
    nested = ["and", "or", "or", "not", "forall", "exists"] if depth else []
    match draw.choice(["literal", "literal", *nested]):
        case "literal":
            sign = draw.random() < 0.6
            bound = len(DERIVED) if level is None else level + (sign == positive)
            allowed = (*CHANGING, *STATIC, *DERIVED[:bound] * 3, EQUALS)
            return Literal(atom(draw, allowed, scope), sign)
        case "not":
            return Not(condition(draw, scope, level, depth - 1, not positive))
        case "and" | "or" as kind:
            number = draw.choice([0, 2, 2, 2, 3])
            parts = tuple(condition(draw, scope, level, depth - 1, positive) for _ in range(number))
            return And(parts) if kind == "and" else Or(parts)
        case quantifier:
            variable = Object(draw.choice(["?x", "?y", "?z"]), draw.choice(KINDS))
            inner = [*(o for o in scope if o.name != variable.name), variable]
            body = condition(draw, inner, level, depth - 1, positive)
            return Forall((variable,), body) if quantifier == "forall" else Exists((variable,), body)


def conditions(draw: Random, scope: Scope, most: int, level: int | None = None) -> tuple[Condition, ...]:
    return tuple(condition(draw, scope, level) for _ in range(draw.randint(0, most)))


def changes(draw: Random, scope: Scope, least: int, most: int) -> tuple[Literal, ...]:
    number = draw.randint(least, most)
    return tuple(Literal(atom(draw, CHANGING, scope), draw.random() < 0.5) for _ in range(number))


def when(draw: Random, scope: Scope) -> When:
    """A conditional effect; one with neither condition nor variable would be a plain one."""
    variables = tuple(Object(f"?v{i}", draw.choice(KINDS)) for i in range(draw.randint(0, 2)))
    inner = [*scope, *variables]
    needed = conditions(draw, inner, 2) or (condition(draw, inner),)
    return When(changes(draw, inner, 1, 2), needed, variables)


def operator(draw: Random, name: str, constants: Scope) -> Operator:
    own = tuple(Object(parameter, draw.choice(KINDS)) for parameter in ("?x", "?y")[: draw.randint(0, 2)])
    scope = (*constants, *own)
    effects: list[Effect] = list(changes(draw, scope, 0, 3))
    effects += [when(draw, scope) for _ in range(draw.randint(0, 2))]
    needed = conditions(draw, scope, 2)
    if draw.random() < 0.5:  # something moves from one place to another: what invariants are made of
        old, new = atom(draw, CHANGING, scope), atom(draw, CHANGING, scope)
        needed = (*needed, Literal(old))
        effects += [Literal(old, False), Literal(new)]
    terms = tuple(Atom("f", (thing.name,)) for thing in scope[: draw.randint(0, 1)])
    cost = draw.choice([0, 1, 1, 2, Fraction(1, 2)])
    return Operator(name, own, needed, tuple(effects), cost, terms)


def axiom(draw: Random, constants: Scope) -> Axiom:
    head = draw.choice(DERIVED)
    kinds = [draw.choice([kind for kind in PLAIN if kind.is_a(wanted)]) for wanted in head.types]
    own = tuple(Object(f"?h{i}", kind) for i, kind in enumerate(kinds))
    body = conditions(draw, (*constants, *own), 2, LEVEL[head.name])
    if LEVEL[head.name] and draw.random() < 0.4:  # asks what does not follow on the level below
        thing = Object("?u", A)
        below = DERIVED[LEVEL[head.name] - 1]
        body = (*body, Exists((thing,), Literal(Atom(below.name, (thing.name,) * len(below.types)), False)))
    return Axiom(Atom(head.name, tuple(o.name for o in own)), own, body)


def ground_atoms(predicates: Sequence[Predicate], things: Scope) -> list[Atom]:
    return [
        Atom(p.name, arguments)
        for p in predicates
        for arguments in product(*([o.name for o in things if o.type.is_a(t)] for t in p.types))
    ]


def problem(seed: int) -> Problem:
    """A problem with two to four things; conditions are two connectives deep; axioms are stratified."""
    draw = Random(seed)
    constants = tuple(Object("c", draw.choice(PLAIN)) for _ in range(draw.randint(0, 1)))
    objects = tuple(Object(f"o{i}", draw.choice(PLAIN)) for i in range(draw.randint(2, 3)))
    operators = tuple(operator(draw, f"act{i}", constants) for i in range(draw.randint(1, 3)))
    axioms = tuple(axiom(draw, constants) for _ in range(draw.randint(0, 5)))
    domain = Domain("d", PLAIN, (*CHANGING, *STATIC, *DERIVED), operators, constants, axioms, (COST,))
    things = (*constants, *objects)
    init = (each for each in ground_atoms((*CHANGING, *STATIC), things) if draw.random() < 0.4)
    values = {t: draw.choice([0, 1, Fraction(3, 4)]) for t in ground_atoms((COST,), things) if draw.random() < 0.8}
    goal = conditions(draw, things, 2)
    return Problem(domain, objects, SymbolicState.of(init), goal, "x", values, unit_cost=draw.random() < 0.3)


problems = st.integers(0, 10**9).map(problem)
"""Random problems, by seed."""
