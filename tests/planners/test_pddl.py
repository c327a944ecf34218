"""What PDDL text means, and each refusal word for word."""

import pytest

from nsctl.errors import DomainError
from nsctl.symbolic import OBJECT, Atom, Literal, Object, Type
from planners.clingo import ClingoPlanner
from planners.pddl import domain_from_pddl, problem_from_pddl

HEAD = "(define (domain d) (:predicates (p ?x) (q))\n"


def test_hanoi_reads_as_nouns(hanoi_text):
    domain = domain_from_pddl(hanoi_text)
    support = Type("support", OBJECT)
    assert domain.type("peg") == Type("peg", Type("place", support))
    assert domain.predicate("on").types == (Type("disc", support), support)
    pick = domain.operator("pick")
    assert pick.parameters == (Object("?d", Type("disc", support)), Object("?from", support))
    assert pick.preconditions[0] == Literal(Atom("handempty"))
    assert Literal(Atom("on", ("?d", "?from")), positive=False) in pick.effects
    assert [o.cost for o in domain.operators] == [1, 1]


def test_any_case_missing_parts_constants_and_costs():
    domain = domain_from_pddl(
        """(DEFINE (DOMAIN D) (:CONSTANTS Home - Place) (:TYPES Place) (:FUNCTIONS (TOTAL-COST) - number)
        (:PREDICATES (At ?x - Place))
        (:ACTION Go :EFFECT (AND (At HOME) (INCREASE (TOTAL-COST) 3))) (:action rest :effect (not (at home))))"""
    )
    assert domain.constants == (Object("home", Type("place", OBJECT)),)
    assert [(o.name, o.parameters, o.preconditions, o.cost) for o in domain.operators] == [
        ("go", (), (), 3),
        ("rest", (), (), 0),  # PDDL: where costs are counted, an action that states none is free
    ]


def test_equality_is_decided_while_grounding():
    domain = domain_from_pddl(
        """(define (domain d) (:requirements :equality) (:predicates (linked ?a ?b))
        (:action other :parameters (?a ?b) :precondition (not (= ?a ?b)) :effect (linked ?a ?b))
        (:action same :parameters (?a ?b) :precondition (= ?a ?b) :effect (linked ?a ?b)))"""
    )
    text = "(define (problem x) (:domain d) (:objects a b) (:goal (and (linked a b) (linked b b))))"
    problem = problem_from_pddl(text, domain)
    outcome = ClingoPlanner().session(problem).plan(problem.init)
    assert {str(step) for step in outcome.plan} == {"other(a, b)", "same(b, b)"}
    assert outcome.plan.reaches(problem.goal, problem.init)


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (
            "(:durative-action a))",
            "line 2: found '(:durative-action a)', expected plain STRIPS without durative actions",
        ),
        (
            "(:derived (q) (p)))",
            "line 2: found '(:derived (...) (...))', expected plain STRIPS without derived predicates",
        ),
        ("(:constraints))", "line 2: found '(:constraints)', expected plain STRIPS without trajectory constraints"),
        (
            "(:action a :precondition (or (q)\n(q))))",
            "line 2: found '(or (...) (...))', expected plain STRIPS without disjunction (or)",
        ),
        (
            "(:action a :precondition (imply (q) (q))))",
            "line 2: found '(imply (...) (...))', expected plain STRIPS without implication (imply)",
        ),
        (
            "(:action a :precondition (forall (?x) (p ?x))))",
            "line 2: found '(forall (...) (...))', expected plain STRIPS without quantifiers (forall)",
        ),
        (
            "(:action a\n:precondition (exists (?x) (p ?x))))",
            "line 3: found '(exists (...) (...))', expected plain STRIPS without quantifiers (exists)",
        ),
        (
            "(:action a :effect (when (q) (not (q)))))",
            "line 2: found '(when (...) (...))', expected plain STRIPS without conditional effects (when)",
        ),
        (
            "(:constants a - (either x y)))",
            "line 2: found '(either x y)', expected plain STRIPS without union types (either)",
        ),
        (
            "(:functions (fuel ?x)))",
            "line 2: found '(fuel ?x)', expected plain STRIPS without numeric fluents"
            " (other than (increase (total-cost) N) with a whole number N)",
        ),
        (
            "(:action a :effect (increase (total-cost) 1.5)))",
            "line 2: found '(increase (...) 1.5)', expected plain STRIPS without numeric fluents"
            " (other than (increase (total-cost) N) with a whole number N)",
        ),
        ("(:action a :effect (= q q)))", "line 2: action a: no object is called 'q'. There is: none. (in =(q, q))"),
        (
            "(:action a :parameters (?x) :effect (= ?x ?x)))",
            "line 2: action a: found '=' as an effect, expected a predicate that can change",
        ),
        (
            "(:action a :effect (qq)))",
            "line 2: action a: no predicate is called 'qq'. Did you mean 'q'? There is: p, q.",
        ),
        ("(:action a :effect (p)))", "line 2: action a: p takes 1 arguments, got p"),
        ("(:action a :parameters (x)))", "line 2: action a: found 'x', expected a parameter such as '?x'"),
        ("(:action a :effects (q)))", "line 2: found ':effects', expected one of :parameters, :precondition, :effect"),
        (
            "(:action a :precondition (q)\n:effect (q) :precondition (not (q))))",
            "line 3: found a second ':precondition' in '(:action a :precondition (...) :effect (...) :precondition (...))',"
            " expected only one",
        ),
        ("(:action a :effect))", "line 2: found nothing after ':effect', expected a parenthesised list"),
        ("(:action a)\n(:action a))", "line 3: found a second action 'a', expected only the one of line 2"),
        ("(:action))", "line 2: found '(:action)', expected (:action NAME ...)"),
        ("(:constants a - tpye))", "line 2: no type is called 'tpye'. There is: object."),
        ("(:types a - b b - a))", "line 2: type 'a' is its own ancestor: a - b - a"),
        ("(:action a :effect (not (q) (q))))", "line 2: found '(not (...) (...))', expected (not (ATOM))"),
        (
            "(:sorts))",
            "line 2: found '(:sorts)', expected one of :requirements, :types, :constants, :predicates, :functions,"
            " :action",
        ),
    ],
)
def test_refusals_name_line_found_and_expected(rest, message):
    with pytest.raises(DomainError) as refusal:
        domain_from_pddl(HEAD + rest)
    assert str(refusal.value) == message


def test_a_problem_is_no_domain():
    with pytest.raises(DomainError, match=r"line 1: found '\(problem x\)', expected \(define \(domain NAME\) \.\.\.\)"):
        domain_from_pddl("(define (problem x))")


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("(:goal (= a a)))", "line 2: equality in a goal is not supported; it is true or false before planning starts"),
        (
            "(:metric minimize (fuel)))",
            "line 2: found '(:metric minimize (...))', expected (:metric minimize (total-cost))",
        ),
        (
            "(:init (p a)\n(= (fuel a) 10)))",
            "line 3: found '(= (...) 10)', expected an atom or (= (total-cost) 0), plain STRIPS without numeric fluents"
            " (other than (increase (total-cost) N) with a whole number N)",
        ),
        (
            "(:init (= (total-cost) 5)))",
            "line 2: found '(= (...) 5)', expected an atom or (= (total-cost) 0), plain STRIPS without numeric fluents"
            " (other than (increase (total-cost) N) with a whole number N)",
        ),
        (
            "(:init (= a a)))",
            "line 2: found '(= a a)', expected an atom or (= (total-cost) 0), plain STRIPS without numeric fluents"
            " (other than (increase (total-cost) N) with a whole number N)",
        ),
        ("(:init (p b)))", "line 2: initial state: no object is called 'b'. There is: a. (in p(b))"),
    ],
)
def test_problem_refusals(rest, message):
    domain = domain_from_pddl(HEAD + "(:action a :parameters (?x ?y) :precondition (= ?x ?y)))")
    with pytest.raises(DomainError) as refusal:
        problem_from_pddl("(define (problem x) (:domain d) (:objects a)\n" + rest, domain)
    assert str(refusal.value) == message


@pytest.mark.parametrize("section", ["(:domain other)", "(:domain)", "(:domain d d)"])
def test_a_problem_of_another_domain_is_refused_with_its_line(section):
    with pytest.raises(DomainError) as refusal:
        problem_from_pddl(f"(define (problem x)\n{section} (:goal (q)))", domain_from_pddl(HEAD + ")"))
    assert str(refusal.value) == f"line 2: found {section!r}, expected (:domain d)"


def test_a_cost_that_starts_at_nothing_goes_without_saying():
    text = "(define (problem x) (:domain D) (:init (q) (= (total-cost) 0)) (:goal (q)))"
    assert [str(atom) for atom in problem_from_pddl(text, domain_from_pddl(HEAD + ")")).init] == ["q"]
