"""Domains and plans that several test files share."""

GRIPPER = """(define (domain gripper) (:requirements :typing) (:types room ball hand)
 (:predicates (robot ?r - room) (at ?b - ball ?r - room) (free ?h - hand) (held ?b - ball ?h - hand))
 (:action move :parameters (?a ?b - room) :precondition (robot ?a) :effect (and (robot ?b) (not (robot ?a))))
 (:action pick :parameters (?b - ball ?r - room ?h - hand) :precondition (and (at ?b ?r) (robot ?r) (free ?h))
   :effect (and (held ?b ?h) (not (at ?b ?r)) (not (free ?h))))
 (:action drop :parameters (?b - ball ?r - room ?h - hand) :precondition (and (held ?b ?h) (robot ?r))
   :effect (and (at ?b ?r) (free ?h) (not (held ?b ?h)))))"""
BALLS = """(define (problem two) (:domain gripper) (:objects here there - room b1 b2 - ball left right - hand)
 (:init (robot here) (at b1 here) (at b2 here) (free left) (free right)) (:goal (and (at b1 there) (at b2 there))))"""
CARRY = """(pick b1 here left)\n(pick b2 here right)\n(move here there)\n(drop b1 there left)\n(drop b2 there right)"""
HOUSE = """(define (domain house) (:requirements :adl :derived-predicates)
 (:types room thing)
 (:predicates (at ?r - room) (in ?t - thing ?r - room) (carried ?t - thing) (door ?a ?b - room) (dark ?r - room)
   (lit) (reach ?a ?b - room) (tidy))
 (:functions (total-cost) - number (far ?a ?b - room) - number)
 (:derived (reach ?a ?b - room) (or (door ?a ?b) (exists (?c - room) (and (reach ?a ?c) (door ?c ?b)))))
 (:derived (tidy) (forall (?t - thing) (not (carried ?t))))
 (:action go :parameters (?a ?b - room) :precondition (and (at ?a) (door ?a ?b) (or (lit) (not (dark ?b))))
   :effect (and (at ?b) (not (at ?a)) (increase (total-cost) (far ?a ?b))
     (forall (?t - thing) (when (carried ?t) (and (in ?t ?b) (not (in ?t ?a)))))))
 (:action take :parameters (?t - thing ?r - room) :precondition (and (at ?r) (in ?t ?r))
   :effect (and (carried ?t) (increase (total-cost) 1)))
 (:action drop :parameters (?t - thing) :precondition (carried ?t)
   :effect (and (not (carried ?t)) (increase (total-cost) 1)))
 (:action light :effect (and (lit) (increase (total-cost) 2))))"""
ERRAND = """(define (problem errand) (:domain house) (:objects a b c - room k m - thing)
 (:init (at a) (in k a) (in m b) (door a b) (door b c) (door b a) (dark c)
   (= (far a b) 3) (= (far b a) 3) (= (far b c) 1))
 (:goal (and (in k c) (tidy) (reach a c) (forall (?t - thing) (or (in ?t c) (in ?t b)))))
 (:metric minimize (total-cost)))"""
GOOD = (("take", ("k", "a")), ("go", ("a", "b")), ("light", ()), ("go", ("b", "c")), ("drop", ("k",)))
