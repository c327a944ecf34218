"""Conditions and effects: from text to nouns."""

from fractions import Fraction

import pytest

from nsctl.errors import DomainError
from nsctl.symbolic import And, Atom, Exists, Forall, Literal, Not, Object, Or, When
from planners.pddl import domain_from_pddl
from planners.pddl.conditions import Reader, number
from planners.pddl.sexpressions import Word, parse

DOMAIN = domain_from_pddl("(define (domain d) (:types t) (:constants c) (:predicates (p ?x) (q)) (:functions (f ?x)))")
READER = Reader(DOMAIN, {t.name: t for t in DOMAIN.types}, {"c": Object("c"), "?x": Object("?x")}, "here")
P, Q, NOT_Q = Literal(Atom("p", ("?x",))), Literal(Atom("q")), Literal(Atom("q"), False)
Y = Object("?y", DOMAIN.type("t"))
PY = Literal(Atom("p", ("?y",)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("()", ()),
        ("(and)", ()),
        ("(and (q) (and (and) (p ?x)))", (Q, P)),
        ("(not (q))", (NOT_Q,)),
        ("(not (not (q)))", (Q,)),
        ("(not (and (q) (p ?x)))", (Not(And((Q, P))),)),
        ("(not ())", (Not(And(())),)),
        ("(or)", (Or(()),)),
        ("(or (q) (and (p ?x) (q)))", (Or((Q, And((P, Q)))),)),
        ("(or (and (q)))", (Or((Q,)),)),
        ("(imply (q) (p ?x))", (Or((NOT_Q, P)),)),
        ("(imply (or (q)) (q))", (Or((Not(Or((Q,))), Q)),)),
        ("(= ?x c)", (Literal(Atom("=", ("?x", "c"))),)),
        ("(forall (?y - t) (and (p ?y) (q)))", (Forall((Y,), And((PY, Q))),)),
        ("(exists (?y - t) (p ?y))", (Exists((Y,), PY),)),
        ("(exists (?x) (p ?x))", (Exists((Object("?x"),), P),)),
    ],
)
def test_conditions(text, expected):
    assert READER.conditions(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("()", ()),
        ("(and (q) (not (p ?x)))", (Q, Literal(P.atom, False))),
        ("(when (q) (and (p ?x) (not (q))))", (When((P, NOT_Q), (Q,)),)),
        ("(when () (q))", (Q,)),
        ("(when (or (q) (p c)) (q))", (When((Q,), (Or((Q, Literal(Atom("p", ("c",))))),)),)),
        ("(forall (?y - t) (p ?y))", (When((PY,), (), (Y,)),)),
        ("(forall () (q))", (Q,)),
        ("(forall (?y - t) (when () (and (p ?y) (q))))", (When((PY,), (), (Y,)), When((Q,), (), (Y,)))),
        ("(forall (?y - t) (and (q) (when (p ?y) (q))))", (When((Q,), (), (Y,)), When((Q,), (PY,), (Y,)))),
        ("(forall (?y - t) (forall (?z) (p ?z)))", (When((Literal(Atom("p", ("?z",))),), (), (Y, Object("?z"))),)),
    ],
)
def test_effects(text, expected):
    assert READER.effects(parse(text)) == (expected, ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", (3,)),
        ("0.125", (Fraction(1, 8),)),
        ("(f ?x)", (Atom("f", ("?x",)),)),
        ("(+ 1 (+ (f c) 2) (f ?x))", (1, Atom("f", ("c",)), 2, Atom("f", ("?x",)))),
        ("(+)", ()),
    ],
)
def test_costs(text, expected):
    assert READER.effects(parse(f"(and (q) (increase (total-cost) {text}))")) == ((Q,), expected)


@pytest.mark.parametrize("text", ["0", "12", "0.5", ".5", "5.", "-0"])
def test_numbers_are_decimal(text):
    assert number(Word(text, 1)) == Fraction(text)


@pytest.mark.parametrize(
    "text", ["", "-1", "1/2", "1e3", "1e999999999", "nan", "inf", "1_000", "\u0661", "9" * 5000, "+1", "."]
)
def test_other_numbers_are_refused(text):
    with pytest.raises(DomainError, match=r"^line 7: found .*, expected a number"):
        number(Word(text, 7))


def test_a_variable_is_known_inside_its_quantifier_only():
    with pytest.raises(DomainError, match=r"^line 1: here: no object is called '\?y'"):
        READER.conditions(parse("(and (exists (?y) (p ?y)) (p ?y))"))
    with pytest.raises(DomainError, match=r"^line 1: here: no object is called '\?y'"):
        READER.effects(parse("(and (forall (?y) (p ?y)) (not (p ?y)))"))
