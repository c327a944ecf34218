; Items into trays: a slot holds one item, the table any number. Nothing is put where it is not accepted, but it may lie
; there at first; so accepting the table is what makes it a buffer.
(define (domain sort)
  (:requirements :strips :typing :conditional-effects :disjunctive-preconditions)
  (:types item slot surface - support)
  (:predicates
    (on ?x - item ?support - support)
    (clear ?support - support)
    (holding ?x - item)
    (handempty)
    (accepts ?place - support ?x - item)
    (single ?place - support))
  (:action pick
    :parameters (?x - item ?from - support)
    :precondition (and (handempty) (clear ?x) (on ?x ?from))
    :effect (and (holding ?x) (clear ?from)
                 (not (handempty)) (not (clear ?x)) (not (on ?x ?from))))
  (:action place
    :parameters (?x - item ?place - support)
    :precondition (and (holding ?x) (clear ?place) (accepts ?place ?x))
    :effect (and (handempty) (clear ?x) (on ?x ?place)
                 (not (holding ?x)) (when (single ?place) (not (clear ?place))))))
