"""What is written reads back as the same nouns."""

from planners.pddl import domain_from_pddl, domain_to_pddl, problem_from_pddl, problem_to_pddl

COSTS = """(define (domain costs) (:types a - b b) (:constants c - a) (:predicates (p ?x - b) (q))
(:action one :parameters (?x - b ?y - a) :precondition (and (not (p ?x)) (not (= ?x ?y)) (p c))
 :effect (and (p ?x) (not (q)) (increase (total-cost) 2))) (:action free :effect (q)))"""


def test_domains_survive_the_round_trip(hanoi_text):
    for text in (hanoi_text, COSTS):
        domain = domain_from_pddl(text)
        assert domain_from_pddl(domain_to_pddl(domain)) == domain
    assert "(:requirements :strips :typing :negative-preconditions :equality :action-costs)" in domain_to_pddl(domain)


def test_problems_survive_the_round_trip(hanoi):
    problem = hanoi(3)
    again = problem_from_pddl(problem_to_pddl(problem), problem.domain)
    assert again == problem
