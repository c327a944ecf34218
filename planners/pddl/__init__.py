"""PDDL in and out: domains, problems and plan files."""

from planners.pddl.reader import domain_from_pddl, problem_from_pddl
from planners.pddl.sexpressions import PddlError
from planners.pddl.writer import domain_to_pddl, problem_to_pddl

__all__ = ["PddlError", "domain_from_pddl", "domain_to_pddl", "problem_from_pddl", "problem_to_pddl"]
