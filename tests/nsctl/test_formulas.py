"""Conditions beyond literals: what they mean, say and depend on."""

from __future__ import annotations

import pytest

from nsctl.atoms import OBJECT, Atom, Literal, Object, Type
from nsctl.formulas import (
    And,
    Condition,
    Exists,
    Forall,
    Not,
    Or,
    When,
    bindings,
    holds,
    scoped_literals,
    signed_predicates,
)

DISC, PEG = Type("disc", OBJECT), Type("peg", OBJECT)
THINGS = (Object("d1", DISC), Object("d2", DISC), Object("left", PEG))
X, Y, ANY = Object("?x", DISC), Object("?y", PEG), Object("?x")
TRUE = {Atom("on", ("d1", "left")), Atom("free", ("d2",)), Atom("open")}


def lit(name: str, *arguments: str, positive: bool = True) -> Literal:
    return Literal(Atom(name, arguments), positive)


OPEN, SHUT = lit("open"), lit("open", positive=False)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (OPEN, True),
        (SHUT, False),
        (lit("on", "?z", "left"), True),
        (lit("=", "?z", "d1"), True),
        (lit("=", "?z", "d2"), False),
        (lit("=", "?z", "d2", positive=False), True),
        (And(()), True),
        (Or(()), False),
        (And((OPEN, SHUT)), False),
        (Or((OPEN, SHUT)), True),
        (Not(And((OPEN, SHUT))), True),
        (Not(Not(OPEN)), True),
        (Forall((X,), lit("free", "?x")), False),
        (Exists((X,), lit("free", "?x")), True),
        (Forall((X,), Or((lit("free", "?x"), Exists((Y,), lit("on", "?x", "?y"))))), True),
        (Exists((ANY,), And((lit("free", "?x"), lit("on", "?x", "left")))), False),
        (Forall((Object("?t", Type("tray", OBJECT)),), SHUT), True),
        (Exists((Object("?t", Type("tray", OBJECT)),), OPEN), False),
        (Exists((Object("?z", DISC),), lit("free", "?z")), True),
    ],
    ids=str,
)
def test_conditions_hold_or_do_not(condition: Condition, expected: bool) -> None:
    assert holds(condition, TRUE.__contains__, THINGS, {"?z": "d1"}) is expected
    assert holds(Not(condition), TRUE.__contains__, THINGS, {"?z": "d1"}) is not expected


def test_bindings_give_each_variable_the_objects_of_its_type() -> None:
    found = list(bindings((X, Y), THINGS, {"?z": "d1"}))
    assert found == [{"?z": "d1", "?x": "d1", "?y": "left"}, {"?z": "d1", "?x": "d2", "?y": "left"}]
    assert list(bindings((), THINGS, {})) == [{}]
    assert list(bindings((Object("?t", Type("tray", OBJECT)),), THINGS, {})) == []


def test_a_condition_reads_as_a_sentence() -> None:
    condition = And((OPEN, Or((SHUT, Exists((X,), lit("free", "?x")))), Not(Or((OPEN, SHUT)))))
    assert str(condition) == "(open and (not open or (for some ?x - disc: free(?x))) and not (open or not open))"
    assert (str(And(())), str(Or(()))) == ("true", "false")
    assert str(Forall((X, Y), OPEN)) == "(for all ?x - disc, ?y - peg: open)"
    assert str(When((SHUT,), (OPEN,), (X,))) == "for all ?x - disc: when open: not open"
    assert str(When((SHUT,))) == "not open"


def test_literals_know_the_variables_around_them() -> None:
    inner = Exists((Object("?x", PEG),), lit("free", "?x"))
    found = list(scoped_literals(And((lit("free", "?x"), Not(Or((inner,))))), {"?x": X}))
    assert [(str(literal), scope["?x"].type) for literal, scope in found] == [("free(?x)", DISC), ("free(?x)", PEG)]


def test_signs_turn_with_every_negation() -> None:
    condition = And((OPEN, Not(Or((lit("a"), Not(lit("b")), Forall((X,), lit("c", positive=False)))))))
    assert list(signed_predicates(condition)) == [("open", True), ("a", False), ("b", True), ("c", True)]
    assert list(signed_predicates(condition, positive=False)) == [
        ("open", False),
        ("a", True),
        ("b", False),
        ("c", False),
    ]
