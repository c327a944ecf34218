"""What is written reads back as the same nouns."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest
from adl_domains import problem as random_problem
from adl_domains import problems
from adl_reference import successors
from hypothesis import given, settings

from nsctl.errors import UnsupportedFeature
from nsctl.symbolic import Domain, Operator, Problem
from planners.pddl import domain_from_pddl, domain_to_pddl, problem_from_pddl, problem_to_pddl

COSTS = """(define (domain costs) (:types a - b b) (:constants c - a) (:predicates (p ?x - b) (q))
(:action one :parameters (?x - b ?y - a) :precondition (and (not (p ?x)) (not (= ?x ?y)) (p c))
 :effect (and (p ?x) (not (q)) (increase (total-cost) 2))) (:action free :effect (q)))"""
EVERYTHING = """(define (domain all) (:predicates (p) (q) (r ?x))
(:derived (q) (exists (?x) (r ?x)))
(:action a :parameters (?x) :precondition (or (p) (not (and (q) (forall (?y) (r ?y)))))
 :effect (and (when (p) (not (p))) (forall (?y) (when (not (= ?x ?y)) (r ?y))))))"""


def written(problem: Problem) -> Problem:
    return problem_from_pddl(problem_to_pddl(problem), domain_from_pddl(domain_to_pddl(problem.domain)))


def test_domains_survive_the_round_trip(hanoi_text):
    for text in (hanoi_text, EVERYTHING, COSTS):
        domain = domain_from_pddl(text)
        assert domain_from_pddl(domain_to_pddl(domain)) == domain
    assert "(:requirements :strips :typing :negative-preconditions :equality :action-costs)" in domain_to_pddl(domain)


def test_requirements_name_what_is_used_and_nothing_else(hanoi_text):
    assert domain_to_pddl(domain_from_pddl(EVERYTHING)).split("\n")[1].split() == [
        "(:requirements",
        ":strips",
        ":typing",
        ":negative-preconditions",
        ":disjunctive-preconditions",
        ":equality",
        ":existential-preconditions",
        ":universal-preconditions",
        ":conditional-effects",
        ":derived-predicates)",
    ]
    assert "(:requirements :strips :typing)" in domain_to_pddl(domain_from_pddl(hanoi_text))


def test_problems_survive_the_round_trip(hanoi):
    problem = hanoi(3)
    again = problem_from_pddl(problem_to_pddl(problem), problem.domain)
    assert again == problem


@given(problems)
@settings(max_examples=200, deadline=None)
def test_what_was_read_once_reads_back_as_the_same_nouns(problem):
    once = written(problem)
    assert written(once) == once


@given(problems)
@settings(max_examples=100, deadline=None)
def test_what_is_written_means_the_same(problem):
    again = written(problem)
    assert again.objects == problem.objects
    assert again.init == problem.init
    state = problem.derive(problem.init)
    assert again.derive(again.init) == state
    assert again.reached(state) == problem.reached(state)
    assert Counter(successors(again, state)) == Counter(successors(problem, state))


def test_the_random_problems_count_costs_and_do_not():
    assert {random_problem(seed).unit_cost for seed in range(20)} == {True, False}
    assert {written(random_problem(seed)).unit_cost for seed in range(20)} == {True, False}


@pytest.mark.parametrize(
    "cost", [0, 1, 12, Fraction(1, 8), Fraction(7, 2), Fraction(1, 10**18), Fraction(10**20 + 1, 10)]
)
def test_costs_are_written_as_decimals(cost):
    domain = Domain("d", operators=(Operator("a", cost=cost), Operator("b")))
    assert domain_from_pddl(domain_to_pddl(domain)) == domain


def test_a_cost_without_a_decimal_form_is_refused():
    with pytest.raises(UnsupportedFeature, match=r"^the cost 1/3 has no exact decimal form$"):
        domain_to_pddl(Domain("d", operators=(Operator("a", cost=Fraction(1, 3)),)))


def test_unit_costs_and_values_survive():
    text = """(define (domain d) (:predicates (p)) (:functions (f ?x) - number)
    (:action a :parameters (?x) :effect (and (p) (increase (total-cost) (f ?x)))))"""
    told = "(define (problem x) (:domain d) (:objects o) (:init (= (f o) 2.5)) (:goal (p)) (:metric minimize (total-cost)))"
    problem = problem_from_pddl(told, domain_from_pddl(text))
    for unit_cost in (True, False):
        priced = replace(problem, unit_cost=unit_cost)
        assert written(priced) == priced
    assert [cost for _, cost, _ in successors(problem, problem.init)] == [Fraction(5, 2)]
