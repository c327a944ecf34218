"""The planner's nouns: what they mean and what they refuse."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsctl.errors import DomainError, UnknownName
from nsctl.symbolic import (
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
    Plan,
    PlanStep,
    Predicate,
    Problem,
    SymbolicState,
    Type,
    When,
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


def test_texts_read_as_in_the_field() -> None:
    assert str(Object("d1", DISC)) == "d1 - disc"
    assert str(Literal(ON("d1", "left"), False)) == "not on(d1, left)"
    assert str(Atom("handempty")) == "handempty"
    assert str(START) == "{clear(d1), clear(right), on(d1, left)}"
    assert str(MOVE.ground(("d1", "left", "right"))) == "move(d1, left, right)"


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
    problem = Problem(HANOI, THINGS, START, GOAL)
    assert Plan((there,)).reaches(problem, START)
    assert Plan((there, back, there)).reaches(problem, START)
    assert not Plan((there, back)).reaches(problem, START)
    assert not Plan((back,)).reaches(replace(problem, goal=()), START), "a step that cannot be taken"
    assert not Plan().reaches(problem, START)
    assert Plan().reaches(problem, there.apply(START))


def test_a_plan_costs_what_its_steps_cost() -> None:
    plan = Plan((PlanStep("a", (), cost=2), PlanStep("b", (), cost=3)))
    assert (plan.cost, len(plan), [step.operator for step in plan]) == (5, 2, ["a", "b"])
    assert Plan().cost == 0


P, Q, R = Predicate("p", (OBJECT,)), Predicate("q"), Predicate("r", (OBJECT, OBJECT))
X, Y = Object("?x"), Object("?y")


def small(*operators: Operator, axioms: tuple[Axiom, ...] = (), functions: tuple[Predicate, ...] = ()) -> Domain:
    return Domain("small", predicates=(P, Q, R), operators=operators, axioms=axioms, functions=functions)


def test_conditional_effects_are_judged_before_the_step_and_additions_win() -> None:
    a, b = Literal(Atom("a")), Literal(Atom("b"))
    not_a, not_b = Literal(Atom("a"), False), Literal(Atom("b"), False)
    swap = PlanStep("swap", (), conditional=(When((b, not_a), (a,)), When((a, not_b), (b,))))
    assert swap.apply(SymbolicState.of([a.atom])) == SymbolicState.of([b.atom])
    assert swap.apply(SymbolicState.of([b.atom])) == SymbolicState.of([a.atom])
    assert swap.apply(SymbolicState.of([a.atom, b.atom])) == SymbolicState.of([a.atom, b.atom])
    assert swap.apply(SymbolicState()) == SymbolicState()
    assert PlanStep("s", (), effects=(not_a,), conditional=(When((a,), (b,)),)).apply(SymbolicState.of([b.atom])) == (
        SymbolicState.of([a.atom, b.atom])
    )


@pytest.mark.parametrize(
    ("preconditions", "effects", "cost_terms", "plain"),
    [
        ((Literal(Q()),), (Literal(Q(), False),), (), True),
        ((Or(()),), (), (), False),
        ((), (When((Literal(Q()),)),), (), False),
        ((), (), (Atom("f"),), False),
    ],
)
def test_only_a_plain_operator_grounds_itself(
    preconditions: tuple[Condition, ...], effects: tuple[Effect, ...], cost_terms: tuple[Atom, ...], plain: bool
) -> None:
    act = Operator("act", (), preconditions, effects, 1, cost_terms)
    assert act.plain == plain
    if plain:
        assert act.ground(()).effects == effects
    else:
        with pytest.raises(DomainError, match=r"^act has more than literals; only a planner over a problem can ground"):
            act.ground(())


def test_equality_is_decided_when_an_operator_is_ground() -> None:
    same = Operator("same", (X, Y), (Literal(Atom("=", ("?x", "?y"))),), (Literal(Q()),))
    assert small(same).operator("same").ground(("a", "a")).applicable(SymbolicState())
    assert not same.ground(("a", "b")).applicable(SymbolicState())


def test_an_axiom_has_the_arguments_of_its_parameters() -> None:
    with pytest.raises(DomainError, match=r"^axiom p\(\?y\): its arguments must be its parameters, in order"):
        Axiom(P("?y"), (X,))
    assert str(Axiom(P("?x"), (X,), (Literal(Q()),))) == "p(?x) if (q)"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (Not(Literal(P("?x"))), r"^domain small: a derived predicate depends on its own negation: \['p'\]$"),
        (Exists((Y,), Literal(P("?y"), False)), "^domain small: a derived predicate depends on its own negation"),
        (Literal(P("?z")), r"^axiom p\(\?x\): no object is called '\?z'"),
        (Forall((X,), Literal(Atom("s"))), r"^axiom p\(\?x\): no predicate is called 's'"),
    ],
)
def test_a_domain_refuses_axioms_that_make_no_sense(body: Condition, message: str) -> None:
    with pytest.raises(DomainError, match=message):
        small(axioms=(Axiom(P("?x"), (X,), (body,)),))


def test_no_operator_changes_what_an_axiom_derives() -> None:
    axiom = Axiom(Q())
    for effects in ((Literal(Q()),), (When((Literal(Q(), False),)),)):
        with pytest.raises(
            DomainError, match=r"^domain small: q is derived by an axiom, so no operator may change it$"
        ):
            small(Operator("act", (), (), effects), axioms=(axiom,))


def test_strata_are_in_the_order_of_negation() -> None:
    domain = small(
        axioms=(
            Axiom(Q(), (), (Forall((X,), Not(Literal(P("?x")))),)),
            Axiom(P("?x"), (X,), (Or((Literal(R("?x", "?x")), Exists((Y,), Literal(P("?y"))))),)),
        )
    )
    assert domain.strata == (frozenset({"p"}), frozenset({"q"}))
    assert domain.derived == {"p", "q"}
    assert domain.fluents == {"p", "q"}


def test_derived_atoms_are_the_least_that_the_axioms_allow() -> None:
    closure = Axiom(
        P("?x"),
        (X,),
        (Or((Literal(R("?x", "?x")), Exists((Y,), And((Literal(R("?x", "?y")), Literal(P("?y"))))))),),
    )
    none = Axiom(Q(), (), (Not(Literal(P("a"))),))
    domain = replace(small(axioms=(closure,)), constants=(Object("a"),), axioms=(none, closure))
    problem = Problem(domain, tuple(map(Object, "bcd")), SymbolicState(), ())
    chain = {R("a", "b"), R("b", "c"), R("d", "d")}
    assert problem.derive(SymbolicState.of(chain)).atoms == chain | {P("d"), Q()}
    loop = chain | {R("c", "d")}
    assert problem.derive(SymbolicState.of(loop)).atoms == loop | {P("a"), P("b"), P("c"), P("d")}
    assert problem.derive(SymbolicState.of({P("a")})).atoms == {Q()}, "derived atoms are not believed"
    assert problem.derive(problem.derive(SymbolicState.of(loop))) == problem.derive(SymbolicState.of(loop))


def test_a_plan_is_judged_with_its_derived_atoms() -> None:
    axiom = Axiom(Q(), (), (Exists((X,), Literal(P("?x"))),))
    act = Operator("act", (X,), (Literal(Q(), False),), (Literal(P("?x")),))
    problem = Problem(small(act, axioms=(axiom,)), (Object("a"), Object("b")), SymbolicState(), (Literal(Q()),))
    assert Plan((act.ground(("a",)),)).reaches(problem, problem.init)
    assert not Plan().reaches(problem, problem.init)
    assert not Plan((act.ground(("a",)), act.ground(("b",)))).reaches(problem, problem.init)


def test_values_are_checked_against_the_cost_functions() -> None:
    domain = small(functions=(Predicate("far", (OBJECT,)),))
    things = (Object("a"),)
    assert Problem(domain, things, SymbolicState(), (), values={Atom("far", ("a",)): Fraction(1, 2)}).values
    for term, value, message in (
        (Atom("fra", ("a",)), 1, "^initial state: no function is called 'fra'. Did you mean 'far'"),
        (Atom("far"), 1, "^initial state: far takes 1 argument, got far$"),
        (Atom("far", ("b",)), 1, "^initial state: no object is called 'b'"),
        (Atom("far", ("a",)), -1, r"^initial state: far\(a\) must be >= 0, got -1$"),
    ):
        with pytest.raises(DomainError, match=message):
            Problem(domain, things, SymbolicState(), (), values={term: value})


def test_cost_terms_and_conditional_effects_are_checked() -> None:
    with pytest.raises(DomainError, match=r"^operator act: no function is called 'far'"):
        small(Operator("act", (X,), cost_terms=(Atom("far", ("?x",)),)))
    with pytest.raises(DomainError, match=r"^operator act: no object is called '\?y'"):
        small(Operator("act", (X,), effects=(When((Literal(P("?y")),), (), (X,)),)))
    with pytest.raises(DomainError, match=r"^operator act: = takes 2 arguments, got =\(\?x\)$"):
        small(Operator("act", (X,), (Literal(Atom("=", ("?x",))),)))
