"""The planner's nouns: what they mean and what they refuse."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsctl.errors import DomainError, UnknownName
from nsctl.symbolic import (
    OBJECT,
    Atom,
    Domain,
    Literal,
    Object,
    Operator,
    Plan,
    PlanStep,
    Predicate,
    Problem,
    SymbolicState,
    Type,
)

SUPPORT = Type("support", OBJECT)
DISC = Type("disc", SUPPORT)
PEG = Type("peg", SUPPORT)
ON, CLEAR, SMALLER = (
    Predicate("on", (DISC, SUPPORT)),
    Predicate("clear", (SUPPORT,)),
    Predicate("smaller", (DISC, DISC)),
)
MOVE = Operator(
    "move",
    (Object("?disc", DISC), Object("?from", SUPPORT), Object("?to", SUPPORT)),
    (Literal(ON("?disc", "?from")), Literal(CLEAR("?disc")), Literal(CLEAR("?to"))),
    (
        Literal(ON("?disc", "?to")),
        Literal(CLEAR("?from")),
        Literal(ON("?disc", "?from"), False),
        Literal(CLEAR("?to"), False),
    ),
)
HANOI = Domain("hanoi", (OBJECT, SUPPORT, DISC, PEG), (ON, CLEAR, SMALLER), (MOVE,))
THINGS = (Object("d1", DISC), Object("left", PEG), Object("right", PEG))
START = SymbolicState.of([ON("d1", "left"), CLEAR("d1"), CLEAR("right")])
GOAL = (Literal(ON("d1", "right")),)
ATOMS = st.builds(Atom, st.sampled_from("pqr"), st.tuples(st.sampled_from("abc")))
LITERALS = st.lists(st.builds(Literal, ATOMS, st.booleans()), max_size=6).map(tuple)


def operator(*preconditions: Literal, parameters: tuple[Object, ...] = ()) -> Operator:
    return Operator("act", parameters, preconditions)


def domain(*operators: Operator) -> Domain:
    return Domain("test", HANOI.types, HANOI.predicates, operators, (Object("table", PEG),))


def test_a_type_is_what_its_parents_are_but_not_the_reverse() -> None:
    assert DISC.is_a(DISC)
    assert DISC.is_a(OBJECT)
    assert not SUPPORT.is_a(DISC)
    assert not DISC.is_a(PEG)


def test_texts_read_as_in_the_field() -> None:
    assert str(Object("d1", DISC)) == "d1 - disc"
    assert str(Literal(ON("d1", "left"), False)) == "not on(d1, left)"
    assert str(Atom("handempty")) == "handempty"
    assert str(START) == "{clear(d1), clear(right), on(d1, left)}"
    assert str(MOVE.ground(("d1", "left", "right"))) == "move(d1, left, right)"


@pytest.mark.parametrize("arguments", [(), ("d1",), ("d1", "left", "right")])
def test_a_predicate_refuses_another_number_of_arguments(arguments: tuple[str, ...]) -> None:
    with pytest.raises(DomainError, match=f"^on takes 2 arguments, got {len(arguments)}"):
        ON(*arguments)


def test_nouns_are_frozen_hashable_and_survive_pickling() -> None:
    problem = Problem(HANOI, THINGS, START, GOAL)
    for noun in (DISC, THINGS[0], ON, ON("d1", "left"), GOAL[0], START, MOVE, Plan()):
        assert hash(noun) == hash(pickle.loads(pickle.dumps(noun)))
        with pytest.raises(FrozenInstanceError):
            noun.name = "other"  # type: ignore[misc, union-attr]
    assert HANOI.fluents  # fill the cache, which must neither enter equality nor hinder pickling
    assert pickle.loads(pickle.dumps(problem)) == problem
    with pytest.raises(FrozenInstanceError):
        problem.goal = ()  # type: ignore[misc]


def test_every_atom_that_is_not_named_is_false() -> None:
    assert START.satisfies([Literal(ON("d1", "left")), Literal(ON("d1", "right"), False)])
    assert not START.satisfies([Literal(CLEAR("left"))])
    assert START.violated([Literal(CLEAR("left")), Literal(CLEAR("d1")), Literal(CLEAR("right"), False)]) == (
        Literal(CLEAR("left")),
        Literal(CLEAR("right"), False),
    )
    assert ON("d1", "left") in START
    assert len(START) == 3


def test_a_step_changes_what_its_operator_says_and_nothing_else() -> None:
    extra = SMALLER("d1", "d1")
    after = MOVE.ground(("d1", "left", "right")).apply(SymbolicState(START.atoms | {extra}))
    assert after == SymbolicState.of([ON("d1", "right"), CLEAR("d1"), CLEAR("left"), extra])


def test_an_atom_both_deleted_and_added_ends_true() -> None:
    p = Atom("p")
    for effects in ((Literal(p), Literal(p, False)), (Literal(p, False), Literal(p))):
        step = PlanStep("act", (), (), effects)
        assert p in step.apply(SymbolicState())
        assert p in step.apply(SymbolicState.of([p]))
        assert step.deletes == frozenset()


@given(st.frozensets(ATOMS), LITERALS)
def test_every_effect_holds_after_a_step_unless_it_is_added_as_well(
    atoms: frozenset[Atom], effects: tuple[Literal, ...]
) -> None:
    step = PlanStep("act", (), (), effects)
    after = step.apply(SymbolicState(atoms))
    touched = {e.atom for e in effects}
    added = {e.atom for e in effects if e.positive}
    assert after.atoms & touched == added
    assert after.atoms - touched == atoms - touched


def test_a_step_that_is_not_applicable_says_what_it_needs() -> None:
    step = MOVE.ground(("d1", "right", "left"))
    assert not step.applicable(START)
    message = r"^move\(d1, right, left\) is not applicable: it needs on\(d1, right\), clear\(left\)$"
    with pytest.raises(DomainError, match=message):
        step.apply(START)


def test_grounding_binds_every_parameter() -> None:
    step = MOVE.ground(("d1", "left", "right"))
    assert step.preconditions[0] == Literal(ON("d1", "left"))
    assert step.effects[2] == Literal(ON("d1", "left"), False)
    with pytest.raises(DomainError, match=r"^move takes 3 arguments, got 1"):
        MOVE.ground(("d1",))


def test_grounding_is_simultaneous() -> None:
    swap = Operator("swap", (Object("?a"), Object("?b")), (Literal(Atom("on", ("?a", "?b"))),))
    assert swap.ground(("?b", "?a")).preconditions == (Literal(Atom("on", ("?b", "?a"))),)


def test_an_operator_refuses_twin_parameters_and_negative_cost() -> None:
    with pytest.raises(DomainError, match=r"^operator act: a parameter is named twice: \?a, \?a$"):
        operator(parameters=(Object("?a"), Object("?a")))
    with pytest.raises(DomainError, match=r"^operator act: cost must be >= 0, got -1$"):
        Operator("act", cost=-1)


@pytest.mark.parametrize(
    ("atom", "message"),
    [
        (Atom("onn", ("?d", "?d")), "^operator act: no predicate is called 'onn'. Did you mean 'on'"),
        (Atom("on", ("?d",)), r"^operator act: on takes 2 arguments, got on\(\?d\)$"),
        (Atom("clear", ("tabel",)), "^operator act: no object is called 'tabel'. Did you mean 'table'"),
        (Atom("on", ("table", "?d")), r"^operator act: table in on\(table, \?d\) must be a disc, but is a peg$"),
        (Atom("on", ("?p", "?d")), r"^operator act: \?p in on\(\?p, \?d\) must be a disc, but is a peg$"),
    ],
)
def test_a_domain_refuses_atoms_that_do_not_fit(atom: Atom, message: str) -> None:
    act = operator(Literal(atom), parameters=(Object("?d", DISC), Object("?p", PEG)))
    with pytest.raises(DomainError, match=message):
        domain(act)


def test_effects_are_checked_as_preconditions_are() -> None:
    with pytest.raises(DomainError, match=r"^operator act: no object is called '\?d'"):
        domain(Operator("act", effects=(Literal(CLEAR("?d")),)))


def test_a_parameter_of_a_wider_type_may_stand_for_a_narrower_one() -> None:
    act = operator(Literal(ON("?any", "?any")), parameters=(Object("?any", SUPPORT),))
    assert domain(act).operator("act") == act


@pytest.mark.parametrize(
    ("parts", "kind", "name"),
    [
        ({"types": (OBJECT, OBJECT)}, "types", "object"),
        ({"predicates": (Predicate("p"), Predicate("p", (OBJECT,)))}, "predicates", "p"),
        ({"operators": (Operator("act"), Operator("act", cost=2))}, "operators", "act"),
        ({"constants": (Object("table"), Object("table"))}, "constants", "table"),
    ],
)
def test_a_domain_refuses_twins(parts: dict[str, tuple[object, ...]], kind: str, name: str) -> None:
    with pytest.raises(DomainError, match=f"^domain test: {kind}: '{name}' is named twice$"):
        Domain("test", **parts)  # type: ignore[arg-type]


def test_a_domain_answers_unknown_names_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"^no operator is called 'mvoe'. Did you mean 'move'"):
        HANOI.operator("mvoe")
    with pytest.raises(UnknownName, match=r"^no predicate is called 'cleer'. Did you mean 'clear'"):
        HANOI.predicate("cleer")
    with pytest.raises(UnknownName, match=r"^no type is called 'disk'. Did you mean 'disc'"):
        HANOI.type("disk")
    assert (HANOI.operator("move"), HANOI.predicate("on"), HANOI.type("peg")) == (MOVE, ON, PEG)


def test_fluents_are_what_some_operator_changes() -> None:
    assert HANOI.fluents == {"on", "clear"}


def test_a_problem_knows_its_objects_and_the_constants() -> None:
    problem = Problem(domain(), THINGS, START, GOAL)
    assert problem.object("d1") == THINGS[0]
    assert problem.object("table").type == PEG
    with pytest.raises(UnknownName, match=r"^no object is called 'd11'. Did you mean 'd1'"):
        problem.object("d11")


@pytest.mark.parametrize(
    ("init", "goal", "message"),
    [
        ([ON("d2", "left")], GOAL, "^initial state: no object is called 'd2'. Did you mean 'd1'"),
        ([ON("left", "d1")], GOAL, r"^initial state: left in on\(left, d1\) must be a disc, but is a peg$"),
        ([], (Literal(Atom("at", ("d1",))),), "^goal: no predicate is called 'at'"),
        ([], (Literal(CLEAR("d9"), False),), "^goal: no object is called 'd9'"),
    ],
)
def test_a_problem_refuses_what_its_domain_does_not_know(
    init: list[Atom], goal: tuple[Literal, ...], message: str
) -> None:
    with pytest.raises(DomainError, match=message):
        Problem(HANOI, THINGS, SymbolicState.of(init), goal)


def test_a_problem_refuses_twins() -> None:
    with pytest.raises(DomainError, match=r"^problem: objects and constants: 'd1' is named twice$"):
        Problem(HANOI, (*THINGS, Object("d1", PEG)), START, GOAL)
    with pytest.raises(DomainError, match=r"^problem: objects and constants: 'table' is named twice$"):
        Problem(domain(), (*THINGS, Object("table", DISC)), START, GOAL)


def test_a_plan_reaches_its_goal_or_does_not() -> None:
    there, back = MOVE.ground(("d1", "left", "right")), MOVE.ground(("d1", "right", "left"))
    assert Plan((there,)).reaches(GOAL, START)
    assert Plan((there, back, there)).reaches(GOAL, START)
    assert not Plan((there, back)).reaches(GOAL, START)
    assert not Plan((back,)).reaches((), START), "a step that cannot be taken"
    assert not Plan().reaches(GOAL, START)


def test_a_plan_costs_what_its_steps_cost() -> None:
    plan = Plan((PlanStep("a", (), cost=2), PlanStep("b", (), cost=3)))
    assert (plan.cost, len(plan), [step.operator for step in plan]) == (5, 2, ["a", "b"])
    assert Plan().cost == 0
