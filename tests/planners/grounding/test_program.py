"""The grounder finds exactly the steps that static facts, types and equality allow."""

from math import inf

from nsctl.symbolic import Object, Problem, SymbolicState
from planners.grounding import ground, program
from planners.pddl import domain_from_pddl, problem_from_pddl


def test_rules_bind_parameters_by_type_and_static_facts(hanoi):
    text = program.program(hanoi(1))
    assert 'static("smaller","disc1","left").' in text
    assert 'static("smaller",X0,X1)' in text.split('action("place",X0,X1) :- ')[1]
    assert "true(" not in text.replace("#defined true/", "")
    assert 'true("handempty")' in program.program(hanoi(1), reachable=True)


def test_candidates_bound_the_steps_from_above(hanoi):
    problem = hanoi(2)
    assert program.candidates(problem) == 2 * (2 * 6)
    assert len(program.find(problem, False, inf).steps) <= program.candidates(problem)


def test_strange_names_and_wide_parameters():
    domain = domain_from_pddl(
        """(define (domain d) (:types big small - thing) (:predicates (lit ?x - small) (= ?x ?y))
        (:action light :parameters (?x - thing ?y - thing) :precondition (not (= ?x ?y)) :effect (lit ?x)))"""
    )
    names = ("Lamp-1", 'quote"d', "not", "back\\slash", "new\nline")
    things = (*(Object(n, domain.type("small")) for n in names), Object("B", domain.type("big")))
    task = ground(Problem(domain, things, SymbolicState(), ()))
    assert len(task.names) == 5 * 5
    assert {arguments[0] for _, arguments in task.names} == set(names)
    assert all(task.step(i).preconditions == () for i in range(len(task.moves)))


def test_a_union_type_binds_the_objects_of_its_members():
    domain = domain_from_pddl(
        """(define (domain d) (:types a b c) (:predicates (p ?x - (either a b)))
        (:action one :parameters (?x - (either b a)) :effect (p ?x)))"""
    )
    problem = problem_from_pddl("(define (problem x) (:domain d) (:objects x - a y - b z - c) (:goal (p x)))", domain)
    assert program.find(problem, False, inf).steps == [("one", ("x",)), ("one", ("y",))]


def test_only_what_the_initial_state_leads_to_is_found_on_demand():
    domain = domain_from_pddl(
        """(define (domain d) (:predicates (p ?x) (q ?x) (next ?x ?y))
        (:action go :parameters (?x ?y) :precondition (and (p ?x) (next ?x ?y)) :effect (p ?y))
        (:action lost :parameters (?x) :precondition (q ?x) :effect (not (q ?x))))"""
    )
    text = """(define (problem x) (:domain d) (:objects a b c z)
    (:init (p a) (next a b) (next b c) (next z a)) (:goal (p c)))"""
    problem = problem_from_pddl(text, domain)
    assert program.find(problem, True, inf).steps == [("go", ("a", "b")), ("go", ("b", "c"))]
    assert len(program.find(problem, False, inf).steps) == 3 + 4
