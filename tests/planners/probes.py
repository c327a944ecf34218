"""One small domain and problem for each feature of PDDL: what it holds, counted by hand, and what its best plan costs.

Also read by ``benchmarks/pddl_readers.py``, which shows them to other readers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """What a reader should find: types without ``object``, objects with constants, predicates without ``=``, actions,
    atoms that hold at first (no cost values), and literals of the goal once its quantifiers are spelled out."""

    types: int
    objects: int
    predicates: int
    operators: int
    init: int
    goal: int


@dataclass(frozen=True)
class Probe:
    """A feature, its texts and either what they hold and the least cost of a plan, or the feature that is refused."""

    name: str
    domain: str
    problem: str
    counts: Counts | None = None
    cost: float | None = None
    refused: str = ""

    def __str__(self) -> str:
        return self.name


READ = (
    Probe(
        "typing",
        """(define (domain ferry) (:requirements :strips :typing)
        (:types vehicle place - object car boat - vehicle dock - place)
        (:predicates (at ?v - vehicle ?p - place) (on ?c - car ?b - boat))
        (:action sail :parameters (?b - boat ?from ?to - dock)
          :precondition (at ?b ?from) :effect (and (at ?b ?to) (not (at ?b ?from))))
        (:action board :parameters (?c - car ?b - boat ?p - place)
          :precondition (and (at ?c ?p) (at ?b ?p)) :effect (and (on ?c ?b) (not (at ?c ?p))))
        (:action leave :parameters (?c - car ?b - boat ?p - place)
          :precondition (and (on ?c ?b) (at ?b ?p)) :effect (and (at ?c ?p) (not (on ?c ?b)))))""",
        """(define (problem crossing) (:domain ferry) (:objects mini - car ship - boat north south - dock inland - place)
        (:init (at mini north) (at ship south)) (:goal (at mini south)))""",
        Counts(types=5, objects=5, predicates=2, operators=3, init=2, goal=1),
        4,
    ),
    Probe(
        "either",
        """(define (domain zoo) (:requirements :strips :typing)
        (:types lion seal bird)
        (:predicates (hungry ?x - (either lion seal)) (calm ?x - (either lion seal bird)))
        (:action feed :parameters (?x - (either seal lion))
          :precondition (hungry ?x) :effect (and (calm ?x) (not (hungry ?x)))))""",
        """(define (problem noon) (:domain zoo) (:objects leo - lion sam - seal eve - bird)
        (:init (hungry leo) (hungry sam) (calm eve)) (:goal (and (calm leo) (calm sam) (calm eve))))""",
        Counts(types=3, objects=3, predicates=2, operators=1, init=3, goal=3),
        2,
    ),
    Probe(
        "equality, negation",
        """(define (domain pairs) (:requirements :strips :equality :negative-preconditions)
        (:predicates (linked ?a ?b) (used ?a))
        (:action link :parameters (?a ?b)
          :precondition (and (not (= ?a ?b)) (not (used ?a))) :effect (and (linked ?a ?b) (used ?a)))
        (:action loop :parameters (?a ?b)
          :precondition (and (= ?a ?b) (not (used ?b))) :effect (and (linked ?a ?b) (used ?a))))""",
        """(define (problem two) (:domain pairs) (:objects a b)
        (:init) (:goal (and (linked a b) (linked b b) (not (linked a a)))))""",
        Counts(types=0, objects=2, predicates=2, operators=2, init=0, goal=3),
        2,
    ),
    Probe(
        "disjunction, implication",
        """(define (domain lamp) (:requirements :strips :typing :negative-preconditions :disjunctive-preconditions :equality
          :existential-preconditions :universal-preconditions :conditional-effects)
        (:predicates (mains) (battery) (lit) (dark) (safe))
        (:action light :parameters () :precondition (or (mains) (and (battery) (safe))) :effect (lit))
        (:action fit :parameters () :precondition (imply (mains) (lit)) :effect (battery))
        (:action check :parameters () :precondition (not (or (safe) (lit))) :effect (safe)))""",
        """(define (problem evening) (:domain lamp) (:init (dark))
        (:goal (and (or (lit) (not (dark))) (imply (dark) (battery)))))""",
        Counts(types=0, objects=0, predicates=5, operators=3, init=1, goal=4),
        3,
    ),
    Probe(
        "quantifiers",
        """(define (domain visit) (:requirements :strips :typing :negative-preconditions :disjunctive-preconditions :equality
          :existential-preconditions :universal-preconditions :conditional-effects)
        (:types room guard)
        (:predicates (seen ?r - room) (open ?r - room) (watches ?g - guard ?r - room) (passed))
        (:action see :parameters (?r - room)
          :precondition (and (open ?r) (not (exists (?g - guard) (watches ?g ?r)))) :effect (seen ?r))
        (:action bribe :parameters (?g - guard ?r - room)
          :precondition (watches ?g ?r) :effect (not (watches ?g ?r)))
        (:action pass :parameters ()
          :precondition (forall (?r - room) (imply (open ?r) (seen ?r))) :effect (passed)))""",
        """(define (problem night) (:domain visit) (:objects r1 r2 r3 - room g1 g2 - guard)
        (:init (open r1) (open r2) (watches g1 r1) (watches g2 r1) (watches g2 r3))
        (:goal (and (passed) (forall (?g - guard) (exists (?r - room) (not (watches ?g ?r)))))))""",
        Counts(types=2, objects=5, predicates=4, operators=3, init=5, goal=7),
        5,
    ),
    Probe(
        "conditional effects",
        """(define (domain briefcase) (:requirements :strips :typing :negative-preconditions :equality
          :disjunctive-preconditions :existential-preconditions :universal-preconditions :conditional-effects)
        (:types item place)
        (:predicates (at ?i - item ?p - place) (in ?i - item) (here ?p - place) (moved))
        (:action carry :parameters (?from ?to - place) :precondition (here ?from)
          :effect (and (here ?to) (not (here ?from)) (moved)
            (forall (?i - item) (when (in ?i) (and (at ?i ?to) (not (at ?i ?from)))))))
        (:action pack :parameters (?i - item ?p - place)
          :precondition (and (at ?i ?p) (here ?p)) :effect (in ?i))
        (:action swap :parameters (?i ?j - item)
          :precondition (and) :effect (and (when (and (in ?i) (not (in ?j))) (and (in ?j) (not (in ?i)))))))""",
        """(define (problem office) (:domain briefcase) (:objects pen pad cup - item home work - place)
        (:init (at pen home) (at pad home) (at cup work) (here home))
        (:goal (and (at pen work) (at pad work) (at cup home))))""",
        Counts(types=2, objects=5, predicates=4, operators=3, init=4, goal=3),
        6,
    ),
    Probe(
        "constant costs",
        """(define (domain travel) (:requirements :strips :action-costs)
        (:predicates (home) (station) (work)) (:functions (total-cost) - number)
        (:action walk :parameters () :precondition (home) :effect (and (station) (increase (total-cost) 3)))
        (:action train :parameters () :precondition (station) :effect (and (work) (increase (total-cost) 2)))
        (:action taxi :parameters () :precondition (home) :effect (and (work) (increase (total-cost) 6)))
        (:action wait :parameters () :precondition (and) :effect (home)))""",
        """(define (problem monday) (:domain travel) (:init (home) (= (total-cost) 0)) (:goal (work))
        (:metric minimize (total-cost)))""",
        Counts(types=0, objects=0, predicates=3, operators=4, init=1, goal=1),
        5,
    ),
    Probe(
        "cost functions, sums, decimals",
        """(define (domain roads) (:requirements :typing :action-costs)
        (:types town) (:predicates (at ?t - town) (road ?a ?b - town))
        (:functions (length ?a ?b - town) - number (toll ?t - town) - number (total-cost) - number)
        (:action drive :parameters (?a ?b - town) :precondition (and (at ?a) (road ?a ?b))
          :effect (and (at ?b) (not (at ?a)) (increase (total-cost) (+ (length ?a ?b) (toll ?b) 0.25)))))""",
        """(define (problem north) (:domain roads) (:objects a b c - town)
        (:init (at a) (road a b) (road b c) (road a c) (= (length a b) 1.5) (= (length b c) 2) (= (length a c) 7)
          (= (toll a) 0) (= (toll b) 0.5) (= (toll c) 0.25) (= (total-cost) 0))
        (:goal (at c)) (:metric minimize (total-cost)))""",
        Counts(types=1, objects=3, predicates=2, operators=1, init=4, goal=1),
        4.75,
    ),
    Probe(
        "derived, recursive",
        """(define (domain tower) (:requirements :strips :typing :negative-preconditions :disjunctive-preconditions :equality
          :existential-preconditions :universal-preconditions :conditional-effects :derived-predicates)
        (:types block) (:predicates (on ?x ?y - block) (above ?x ?y - block) (held ?x - block))
        (:derived (above ?x ?y - block) (or (on ?x ?y) (exists (?z - block) (and (on ?x ?z) (above ?z ?y)))))
        (:action lift :parameters (?x ?y - block)
          :precondition (and (on ?x ?y) (not (exists (?z - block) (on ?z ?x)))) :effect (and (held ?x) (not (on ?x ?y))))
        (:action drop :parameters (?x ?y - block)
          :precondition (and (held ?x) (not (exists (?z - block) (on ?z ?y)))) :effect (and (on ?x ?y) (not (held ?x)))))""",
        """(define (problem turn) (:domain tower) (:objects a b c - block)
        (:init (on a b) (on b c)) (:goal (and (above b a) (above a c))))""",
        Counts(types=1, objects=3, predicates=3, operators=2, init=2, goal=2),
        4,
    ),
    Probe(
        "derived, stratified negation",
        """(define (domain grid) (:requirements :strips :typing :negative-preconditions :disjunctive-preconditions :equality
          :existential-preconditions :universal-preconditions :conditional-effects :derived-predicates)
        (:types node) (:predicates (wire ?a ?b - node) (source ?a - node) (live ?a - node) (dead ?a - node))
        (:derived (live ?a - node) (or (source ?a) (exists (?b - node) (and (live ?b) (wire ?b ?a)))))
        (:derived (dead ?a - node) (not (live ?a)))
        (:action cut :parameters (?a ?b - node) :precondition (wire ?a ?b) :effect (not (wire ?a ?b)))
        (:action join :parameters (?a ?b - node) :precondition (dead ?b) :effect (wire ?a ?b)))""",
        """(define (problem repair) (:domain grid) (:objects a b c - node)
        (:init (source a) (wire a b) (wire b c)) (:goal (and (dead b) (live c) (not (wire b c)))))""",
        Counts(types=1, objects=3, predicates=4, operators=2, init=3, goal=3),
        3,
    ),
    Probe(
        "constants",
        """(define (domain kitchen) (:requirements :strips :typing)
        (:types cup place) (:constants sink - place best - cup) (:predicates (at ?c - cup ?p - place) (clean ?c - cup))
        (:action bring :parameters (?c - cup ?from - place)
          :precondition (at ?c ?from) :effect (and (at ?c sink) (not (at ?c ?from))))
        (:action wash :parameters (?c - cup) :precondition (at ?c sink) :effect (clean ?c)))""",
        """(define (problem dishes) (:domain kitchen) (:objects mug - cup shelf - place)
        (:init (at mug shelf) (at best shelf)) (:goal (and (clean mug) (clean best))))""",
        Counts(types=2, objects=4, predicates=2, operators=2, init=2, goal=2),
        4,
    ),
    Probe(
        "upper case",
        """(DEFINE (DOMAIN Door) (:REQUIREMENTS :STRIPS :TYPING) (:TYPES Door) (:PREDICATES (Open ?D - DOOR))
        (:ACTION Push :PARAMETERS (?D - Door) :PRECONDITION (AND) :EFFECT (AND (OPEN ?d))))""",
        """(DEFINE (PROBLEM Hall) (:DOMAIN DOOR) (:OBJECTS Front - door) (:INIT) (:GOAL (AND (open FRONT))))""",
        Counts(types=1, objects=1, predicates=1, operators=1, init=0, goal=1),
        1,
    ),
    Probe(
        "missing parts of actions",
        """(define (domain sparse) (:requirements :strips) (:predicates (p) (q ?x))
        (:action start :effect (p))
        (:action mark :parameters (?x) :precondition (p) :effect (q ?x))
        (:action rest :precondition (p))
        (:action idle))""",
        """(define (problem s) (:domain sparse) (:objects a) (:init) (:goal (q a)))""",
        Counts(types=0, objects=1, predicates=2, operators=4, init=0, goal=1),
        2,
    ),
    Probe(
        "(and)",
        """(define (domain calm) (:requirements :strips) (:predicates (p) (q))
        (:action go :parameters () :precondition (and) :effect (and (p) (and (q) (and))))
        (:action stay :parameters () :precondition (and (and)) :effect (and)))""",
        """(define (problem c) (:domain calm) (:init) (:goal (and (p) (and) (and (q)))))""",
        Counts(types=0, objects=0, predicates=2, operators=2, init=0, goal=2),
        1,
    ),
    Probe(
        "()",
        """(define (domain void) (:requirements :strips) (:predicates (p))
        (:action go :parameters () :precondition () :effect (p))
        (:action stay :parameters () :precondition (p) :effect ()))""",
        """(define (problem v) (:domain void) (:init) (:goal (p)))""",
        Counts(types=0, objects=0, predicates=1, operators=2, init=0, goal=1),
        1,
    ),
)
"""What is read."""

_PLAIN = """(define (domain plain) (:requirements :strips) (:predicates (p) (q))
(:action go :parameters () :precondition (and) :effect (p)))"""
NUMERIC = "numeric fluents (other than an action cost that never changes)"

REFUSED = (
    Probe(
        "numeric fluents",
        """(define (domain tank) (:requirements :numeric-fluents) (:predicates (full)) (:functions (level))
        (:action fill :parameters () :precondition (<= (level) 2) :effect (increase (level) 1)))""",
        "(define (problem t) (:domain tank) (:init (= (level) 0)) (:goal (>= (level) 3)))",
        refused=NUMERIC,
    ),
    Probe(
        "object fluents",
        """(define (domain move) (:requirements :typing :object-fluents) (:types robot room)
        (:functions (place ?r - robot) - room)
        (:action go :parameters (?r - robot ?to - room) :precondition (and) :effect (assign (place ?r) ?to)))""",
        """(define (problem m) (:domain move) (:objects r - robot a b - room)
        (:init (= (place r) a)) (:goal (= (place r) b)))""",
        refused="object fluents",
    ),
    Probe(
        "preferences",
        _PLAIN,
        """(define (problem x) (:domain plain) (:init) (:goal (and (p) (preference nice (q))))
        (:metric minimize (is-violated nice)))""",
        refused="preferences",
    ),
    Probe(
        "durative actions",
        """(define (domain slow) (:requirements :durative-actions) (:predicates (p))
        (:durative-action go :parameters () :duration (= ?duration 5) :condition (and) :effect (at end (p))))""",
        "(define (problem s) (:domain slow) (:init) (:goal (p)))",
        refused="durative actions",
    ),
    Probe(
        "trajectory constraints",
        _PLAIN,
        "(define (problem x) (:domain plain) (:init) (:goal (p)) (:constraints (and (always (not (q))))))",
        refused="trajectory constraints",
    ),
    Probe(
        "timed initial literals",
        _PLAIN,
        "(define (problem x) (:domain plain) (:init (at 5 (q))) (:goal (p)))",
        refused="timed initial literals",
    ),
    Probe(
        "metrics of time",
        _PLAIN,
        "(define (problem x) (:domain plain) (:init) (:goal (p)) (:metric minimize (total-time)))",
        refused="metrics of time",
    ),
    Probe(
        "other metrics",
        """(define (domain plain) (:requirements :action-costs) (:predicates (p))
        (:functions (total-cost) - number)
        (:action go :parameters () :precondition (and) :effect (and (p) (increase (total-cost) 1))))""",
        "(define (problem x) (:domain plain) (:init) (:goal (p)) (:metric maximize (total-cost)))",
        refused="metrics other than (minimize (total-cost))",
    ),
)
"""What is refused by name."""
