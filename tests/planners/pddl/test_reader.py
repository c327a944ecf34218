"""What PDDL text means, feature by feature, and each refusal word for word."""

from __future__ import annotations

from dataclasses import astuple
from fractions import Fraction

import pytest
from adl_reference import least_cost
from probes import READ, REFUSED, Probe

from nsctl.errors import DomainError, UnsupportedFeature
from nsctl.formulas import bindings
from nsctl.symbolic import OBJECT, And, Atom, Condition, Exists, Forall, Literal, Not, Object, Or, Problem, Type
from planners.grounding import ground
from planners.pddl import domain_from_pddl, domain_to_pddl, problem_from_pddl, problem_to_pddl

HEAD = "(define (domain d) (:predicates (p ?x) (q))\n"


def read(probe: Probe) -> Problem:
    return problem_from_pddl(probe.problem, domain_from_pddl(probe.domain))


def size(condition: Condition, problem: Problem) -> int:
    """Literals once the quantifiers are spelled out."""
    match condition:
        case Literal():
            return 1
        case And(parts=parts) | Or(parts=parts):
            return sum(size(part, problem) for part in parts)
        case Not(part=part):
            return size(part, problem)
        case Forall(variables=variables, body=body) | Exists(variables=variables, body=body):
            return sum(size(body, problem) for _ in bindings(variables, problem.things, {}))


@pytest.mark.parametrize("probe", READ, ids=str)
def test_a_feature_is_read_and_means_what_it_says(probe: Probe) -> None:
    problem = read(probe)
    domain = problem.domain
    nouns = (domain.types[1:], problem.things, domain.predicates, domain.operators, problem.init.atoms)
    found = (*map(len, nouns), sum(size(condition, problem) for condition in problem.goal))
    assert found == astuple(probe.counts)
    assert least_cost(problem) == probe.cost


@pytest.mark.parametrize("probe", READ, ids=str)
def test_a_feature_survives_writing_and_grounding(probe: Probe) -> None:
    problem = read(probe)
    again = problem_from_pddl(problem_to_pddl(problem), domain_from_pddl(domain_to_pddl(problem.domain)))
    assert again == problem
    task = ground(problem)
    start = task.state(problem.init)
    can_hold, can_fail, _ = task.relaxed(start, range(len(task.moves)))
    assert task.unreachable(can_hold, can_fail) == ()


@pytest.mark.parametrize("probe", REFUSED, ids=str)
def test_a_feature_that_is_not_read_is_refused_by_its_name(probe: Probe) -> None:
    with pytest.raises(UnsupportedFeature, match=r"^line \d+: .* are not supported, found ") as refusal:
        read(probe)
    assert refusal.value.feature == probe.refused


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


def test_equality_is_no_predicate_of_the_domain():
    domain = domain_from_pddl("(define (domain d) (:requirements :equality) (:predicates (p) (= ?x ?y)))")
    assert [predicate.name for predicate in domain.predicates] == ["p"]


def test_without_a_metric_steps_are_counted():
    domain = domain_from_pddl(HEAD + "(:action a :effect (and (q) (increase (total-cost) 7))))")
    text = "(define (problem x) (:domain d) (:init (= (total-cost) 0.0)) (:goal (q)) METRIC)"
    assert least_cost(problem_from_pddl(text.replace("METRIC", ""), domain)) == 1
    assert least_cost(problem_from_pddl(text.replace("METRIC", "(:metric minimize (total-cost))"), domain)) == 7


def test_costs_are_exact():
    domain = domain_from_pddl(
        HEAD + "(:action a :effect (and (increase (total-cost) .1) (increase (total-cost) 0.2))))"
    )
    assert domain.operator("a").cost == Fraction(3, 10)


def test_a_predicate_may_have_the_name_of_a_feature_that_is_not_read():
    domain = domain_from_pddl(
        "(define (domain d) (:predicates (within ?x) (assign ?x)) (:action a :parameters (?x)"
        " :precondition (within ?x) :effect (assign ?x)))"
    )
    assert str(domain.operator("a").effects[0]) == "assign(?x)"


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("(:constants a - (either x y)))", "line 2: no type is called 'x'. There is: object."),
        (
            "(:types t - (either x y)))",
            "line 2: types with several parents are not supported, found '(either x y)'",
        ),
        (
            "(:action a :effect (when (q) (increase (total-cost) 1))))",
            "line 2: costs that depend on a condition are not supported, found '(increase (...) 1)'",
        ),
        (
            "(:action a :effect (increase (total-cost) (* 2 3))))",
            "line 2: costs other than sums are not supported, found '(* 2 3)'",
        ),
        (
            "(:action a :effect (increase (total-cost) (lenght q))))",
            "line 2: action a: no function is called 'lenght'. There is: none.",
        ),
        (
            "(:action a :effect (increase (total-cost) -1)))",
            "line 2: found '-1', expected a number >= 0 (plans of negative cost have no cheapest one)",
        ),
        (
            "(:action a :effect (increase (total-cost) 1e9)))",
            "line 2: found '1e9', expected a number such as '3' or '0.25'",
        ),
        (
            "(:action a :effect (= q q)))",
            "line 2: action a: found '=' as an effect, expected a predicate that can change",
        ),
        (
            "(:action a :parameters (?x) :precondition (= (p ?x) 3)))",
            "line 2: numeric fluents (other than an action cost that never changes) are not supported, found '(= (...) 3)'",
        ),
        (
            "(:action a :effect (or (q) (p ?x))))",
            "line 2: found '(or (...) (...))', expected an atom such as '(on a b)'",
        ),
        (
            "(:action a :effect (when (q) (when (q) (q)))))",
            "line 2: found '(when (...) (...))', expected only atoms inside (when ...)",
        ),
        ("(:action a :effect (when (q))))", "line 2: found '(when (...))', expected (when (CONDITION) (EFFECT))"),
        (
            "(:action a :precondition (forall (q))))",
            "line 2: found '(forall (...))', expected (forall (?x - TYPE ...) (BODY))",
        ),
        (
            "(:action a :precondition (exists (?x ?x) (q))))",
            "line 2: found a second parameter '?x', expected only the one of line 2",
        ),
        (
            "(:action a :precondition (imply (q))))",
            "line 2: found '(imply (...))', expected (imply (CONDITION) (CONDITION))",
        ),
        (
            "(:action a\n:precondition (exists (?x) (p ?y))))",
            "line 3: action a: no object is called '?y'. Did you mean '?x'? There is: ?x. (in p(?y))",
        ),
        (
            "(:action a :effect (qq)))",
            "line 2: action a: no predicate is called 'qq'. Did you mean 'q'? There is: p, q.",
        ),
        ("(:action a :effect (p)))", "line 2: action a: p takes 1 argument, got p"),
        ("(:action a :effect (p (q))))", "line 2: found '(q)', expected a name"),
        ("(:action a :effect q))", "line 2: found 'q', expected a condition or effect in parentheses"),
        ("(:action a :effect ((q))))", "line 2: found '((...))', expected an atom such as '(on a b)'"),
        ("(:action a :parameters (x)))", "line 2: found 'x', expected a parameter such as '?x'"),
        ("(:action a :parameters ?x))", "line 2: found '?x', expected a list of parameters such as (?x - block)"),
        ("(:action a :parameters (?x - blok)))", "line 2: no type is called 'blok'. There is: object."),
        ("(:action a :effects (q)))", "line 2: found ':effects', expected one of :parameters, :precondition, :effect"),
        (
            "(:action a :precondition (q)\n:effect (q) :precondition (not (q))))",
            "line 3: found a second ':precondition' in '(:action a :precondition (...) :effect (...) :precondition (...))',"
            " expected only one",
        ),
        ("(:action a :effect))", "line 2: found nothing after ':effect', expected a parenthesised list"),
        ("(:action a)\n(:action a))", "line 3: found a second action 'a', expected only the one of line 2"),
        ("(:action))", "line 2: found '(:action)', expected (:action NAME ...)"),
        ("(:action (a)))", "line 2: found '(a)', expected the name of an action"),
        ("(:action :effect (q)))", "line 2: found ':effect', expected the name of an action"),
        ("(:predicates (r)))", "line 2: found a second section ':predicates', expected only the one of line 1"),
        ("(:functions (f ?x) (f ?y)))", "line 2: found a second function 'f', expected only the one of line 2"),
        ("(:constants a b a))", "line 2: found a second constant 'a', expected only the one of line 2"),
        ("(:constants ?a))", "line 2: found '?a', expected the name of a constant"),
        ("(:constants a - tpye))", "line 2: no type is called 'tpye'. There is: object."),
        (
            "(:types disc) (:constants a - disk))",
            "line 2: no type is called 'disk'. Did you mean 'disc'? There is: disc, object.",
        ),
        ("(:types a\na))", "line 3: found a second type 'a', expected only the one of line 2"),
        ("(:types c - object a - b\nb - a))", "line 2: type 'a' is its own ancestor: a - b - a"),
        ("(:action a :effect (not (q) (q))))", "line 2: found '(not (...) (...))', expected (not (ATOM))"),
        (
            "(:derived (q) (p)))",
            "line 2: derived predicate q: p takes 1 argument, got p",
        ),
        ("(:derived (q)))", "line 2: found '(:derived (...))', expected (:derived (PREDICATE ?x ...) (CONDITION))"),
        ("(:derived (r ?x) (q)))", "line 2: derived predicate r: no predicate is called 'r'. There is: p, q."),
        ("(:derived (p a) (q)))", "line 2: found 'a', expected a parameter such as '?x'"),
        (
            "(:derived (q) (not (q))))",
            "line 2: domain d: a derived predicate depends on its own negation: ['q']",
        ),
        (
            "\n(:derived (q) (and)) (:action a :effect (q)))",
            "line 3: domain d: q is derived by an axiom, so no operator may change it",
        ),
        ("q)", "line 2: found 'q', expected a section such as '(:init ...)'"),
        (
            "(:sorts))",
            "line 2: found '(:sorts)', expected one of :requirements, :types, :constants, :predicates, :functions,"
            " :derived, :action",
        ),
    ],
)
def test_refusals_name_line_found_and_expected(rest, message):
    with pytest.raises(DomainError) as refusal:
        domain_from_pddl(HEAD + rest)
    assert str(refusal.value) == message


@pytest.mark.parametrize("name", ["not", "forall", "?x", ":p"])
def test_words_of_the_language_name_no_predicate(name):
    with pytest.raises(DomainError, match=r"line 1: found .*, expected (a predicate such as|the name of a predicate)"):
        domain_from_pddl(f"(define (domain d) (:predicates ({name} ?x)))")


def test_a_problem_is_no_domain():
    with pytest.raises(DomainError, match=r"line 1: found '\(problem x\)', expected \(define \(domain NAME\) \.\.\.\)"):
        domain_from_pddl("(define (problem x))")


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (
            "(:goal (q)) (:metric minimize (fuel)))",
            "line 2: metrics other than (minimize (total-cost)) are not supported, found '(:metric minimize (...))'",
        ),
        (
            "(:goal (q)) (:metric total-cost))",
            "line 2: found '(:metric total-cost)', expected (:metric minimize (total-cost))",
        ),
        (
            "(:init (p a)\n(= (fule a) 10)))",
            "line 3: initial state: no function is called 'fule'. Did you mean 'fuel'? There is: fuel.",
        ),
        ("(:init (= (fuel b) 10)))", "line 2: initial state: no object is called 'b'. There is: a, c. (in fuel(b))"),
        ("(:init (= (fuel a) ten)))", "line 2: found 'ten', expected a number such as '3' or '0.25'"),
        ("(:init (= (fuel a) 1)\n(= (fuel a) 2)))", "line 3: found a second value of fuel(a), expected only one"),
        (
            "(:init (= (total-cost) 5)))",
            "line 2: numeric fluents (other than an action cost that never changes) are not supported, found '(= (...) 5)'",
        ),
        (
            "(:init (= a a)))",
            "line 2: found '(= a a)', expected an atom or the value of a function such as '(= (distance a b) 5)'",
        ),
        ("(:init (p b)))", "line 2: initial state: no object is called 'b'. There is: a, c. (in p(b))"),
        ("(:init (p a c)))", "line 2: initial state: p takes 1 argument, got p(a, c)"),
        ("(:init (and (p a))))", "line 2: found '(and (...))', expected an atom such as '(on a b)'"),
        ("(:init (r)))", "line 2: found '(r)', expected no fact about r, which is derived by an axiom"),
        ("(:init p))", "line 2: found 'p', expected an atom"),
        ("(:init (t a)))", "line 2: initial state: a in t(a) must be a kind, but is an object"),
        ("(:goal (p (a))))", "line 2: found '(a)', expected a name"),
        ("(:goal (p a) (q)))", "line 2: found '(q)', expected one condition as the goal; join several with (and ...)"),
        ("(:goal (p ?x)))", "line 2: goal: no object is called '?x'. There is: a, c. (in p(?x))"),
        (
            "(:goal (exists (?x - kin) (p ?x))))",
            "line 2: no type is called 'kin'. Did you mean 'kind'? There is: kind, object.",
        ),
        ("(:objects b))", "line 2: found a second section ':objects', expected only the one of line 1"),
        (
            "(:action a))",
            "line 2: found '(:action a)', expected one of :domain, :requirements, :objects, :init, :goal, :metric",
        ),
        (")", "line 1: found no goal, expected a section (:goal (CONDITION)); (:goal (and)) always holds"),
        ("(:goal (q)", "line 2: found the end of the text, expected ')' for the '(' of line 2"),
        ("(:goal (q))))", "line 2: found ')', expected the end of the text"),
    ],
)
def test_problem_refusals(rest, message):
    domain = domain_from_pddl(
        "(define (domain d) (:types kind) (:constants c - kind) (:predicates (p ?x) (q) (r) (t ?x - kind))"
        "(:functions (fuel ?x)) (:derived (r) (q)) (:action a :parameters (?x) :effect (p ?x)))"
    )
    with pytest.raises(DomainError) as refusal:
        problem_from_pddl("(define (problem x) (:domain d) (:objects a)\n" + rest, domain)
    assert str(refusal.value) == message


def test_an_object_that_is_a_constant_already_is_refused_with_its_line():
    domain = domain_from_pddl("(define (domain d) (:constants c) (:predicates (q)))")
    with pytest.raises(
        DomainError, match=r"^line 2: found 'c', expected a name that is not a constant's of the domain$"
    ):
        problem_from_pddl("(define (problem x) (:domain d) (:objects a b\nc) (:goal (q)))", domain)


def test_the_file_is_named_where_it_is_known():
    with pytest.raises(DomainError, match=r"^towers\.pddl, line 1: found the end of the text, expected '\('$"):
        domain_from_pddl("", "towers.pddl")
    with pytest.raises(UnsupportedFeature, match=r"^towers\.pddl, line 2: durative actions are not supported"):
        domain_from_pddl(HEAD + "(:durative-action a))", "towers.pddl")


@pytest.mark.parametrize("section", ["(:domain other)", "(:domain)", "(:domain d d)"])
def test_a_problem_of_another_domain_is_refused_with_its_line(section):
    with pytest.raises(DomainError) as refusal:
        problem_from_pddl(f"(define (problem x)\n{section} (:goal (q)))", domain_from_pddl(HEAD + ")"))
    assert str(refusal.value) == f"line 2: found {section!r}, expected (:domain d)"


def test_a_cost_that_starts_at_nothing_goes_without_saying():
    text = "(define (problem x) (:domain D) (:init (q) (= (total-cost) 0)) (:goal (q)))"
    assert [str(atom) for atom in problem_from_pddl(text, domain_from_pddl(HEAD + ")")).init] == ["q"]


@pytest.mark.parametrize("goal", ["(:goal)", "(:goal ())", "(:goal (and))"])
def test_an_empty_goal_always_holds(goal):
    problem = problem_from_pddl(f"(define (problem x) (:domain d) {goal})", domain_from_pddl(HEAD + ")"))
    assert problem.goal == ()
    assert problem.reached(problem.init)


def test_a_goal_that_is_true_already_costs_nothing():
    domain = domain_from_pddl(HEAD + "(:action a :effect (not (q))))")
    problem = problem_from_pddl("(define (problem x) (:domain d) (:objects idle) (:init (q)) (:goal (q)))", domain)
    assert least_cost(problem) == 0
    assert [thing.name for thing in problem.objects] == ["idle"]
